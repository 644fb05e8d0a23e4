"""Nearest plane for all rows of a layer at once.

In pivot order p = order[::-1], with ``H[p][:, p] = RᵀR`` and ``U = R / diag(R)`` row by row (unit
upper triangular), Babai's algorithm is, for j = c−1, …, 0 and with e_k = w_k − q_k::

    center_j = (w_j + Σ_{k>j} U_jk e_k) / s_j       z_j = round(center_j)       q_j = s_j z_j

and step j adds ``D_j s_j² (center_j − z_j)²`` to the damped loss, ``D_j = R_jj²``. No inverse of
the Hessian is needed, and the codes are GPTQ's (law L4; [C] Chen et al., arXiv:2507.18553v4,
Theorem 4).
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.inputs import as_order
from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.hessian import require_finite_hessian
from lattice_core.layers.scales import require_finite_weight

# So many columns go one by one, each moved by a matrix-vector product.
LEAF = 16
# A pivot below this multiple of c · ε · H_jj consists of rounding errors alone; ε is that of the
# dtype. In float32 it is a multiple of √c · ε · H_jj, as errors grow that do not all point one way:
# c · ε would refuse layers of real models.
PIVOT_NOISE = 10


@dataclass(frozen=True, eq=False)
class PivotFactor:
    """``H[p][:, p] = Uᵀ diag(D) U`` for the pivot order ``p = order[::-1]``.

    Attributes
    ----------
    order : (c,) int64 tensor
        Quantization order; ``order[0]`` is first.
    unit_upper : (c, c) tensor
        U, rows and columns in pivot order; float64, or float32 if the Hessian was.
    pivots : (c,) tensor
        D, by **input column**. 0 for a dead input.
    """

    order: Tensor
    unit_upper: Tensor
    pivots: Tensor

    def row_bounds(self, scales: Tensor) -> Tensor:
        """``¼ Σ_j D_j s_j²`` of each row, (r,): the damped loss is at most this (law L6).

        It holds where no code of the row is clipped.

        Parameters
        ----------
        scales : (r, c) tensor
        """
        return scales.square() @ self.pivots / 4


@dataclass(frozen=True, eq=False)
class Rounding:
    """Codes, and how far each was from its centre.

    Attributes
    ----------
    codes : (r, c) int64 tensor
    offsets : (r, c) tensor
        ``center − code``, in units of the scale. Beyond ±½ the code was clipped.
    """

    codes: Tensor
    offsets: Tensor

    @property
    def clipped(self) -> Tensor:
        """(r, c) bool: where the grid kept the code from the nearest integer (law L9)."""
        return self.offsets.abs() > 0.5 + 1e-9


def nearest_plane_codes(
    weight: Tensor,
    damped_hessian: Tensor,
    scales: Tensor | float,
    order: ArrayLike | Tensor | None = None,
    grid: IntegerGrid | None = None,
) -> Tensor:
    """Babai's nearest plane for every row of a layer: GPTQ's codes.

    Parameters
    ----------
    weight : (r, c) tensor
        Float64, or float32 for a recursion in float32. On the CPU or a CUDA device; the result lies
        there too.
    damped_hessian : (c, c) tensor
        ``XᵀX + λ̄I``, symmetric positive definite but for dead inputs: a column that is all zero
        takes no part, and its weights are rounded to nearest. It is factorized in float32 if it is
        float32, in float64 otherwise.
    scales : tensor broadcastable to (r, c), or float
        Positive grid spacings.
    order : (c,) int array, optional
        A permutation; ``order[0]`` is quantized first. ``None`` is back to front.
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is no clipping.

    Returns
    -------
    (r, c) int64 tensor
        Codes, columns in input order.

    Raises
    ------
    ValueError
        If shapes do not fit, a number is NaN or infinite, a scale is not positive, the order is no
        permutation, or the damped Hessian is not positive definite (the message names the cause
        and the damping that would do).

    Examples
    --------
    >>> hessian = torch.tensor([[1.0, 0.6], [0.6, 1.0]], dtype=torch.float64)
    >>> nearest_plane_codes(torch.tensor([[0.65, 1.25]]), hessian, 1.0).tolist()
    [[1, 1]]
    """
    weight = weight.detach()  # a layer's weights are a parameter, and rounding has no gradient
    require_finite_weight(weight)
    spacings = broadcast_scales(scales, weight)
    factor = factorize(damped_hessian.detach().to(weight.device), order)
    if weight.shape[1] != len(factor.order):
        raise ValueError(
            f"weight has {weight.shape[1]} columns and damped_hessian {len(factor.order)}; "
            "both count the inputs of the layer."
        )
    codes, _, columns = _round(weight, factor, spacings, grid)
    return _in_input_order(codes, columns).long()


def factorize(damped_hessian: Tensor, order: ArrayLike | Tensor | None = None) -> PivotFactor:
    """The pivots and the unit triangular factor of the permuted damped Hessian.

    The arguments and errors are those of `nearest_plane_codes`.
    """
    matrix = damped_hessian if damped_hessian.dtype == torch.float32 else damped_hessian.double()
    _require_symmetric(matrix)
    c = len(matrix)
    indices = order.cpu().numpy() if isinstance(order, Tensor) else order
    order_tensor = torch.from_numpy(as_order(indices, c)).to(matrix.device)
    dead = dead_inputs(matrix)
    if dead.all():
        raise ValueError(
            "every input is dead (the Hessian's diagonal is 0), and damping is relative to the "
            "diagonal: calibrate on text that reaches the layer."
        )
    pivot_order = order_tensor.flip(0)
    live = torch.nonzero(~dead[pivot_order])[:, 0]  # positions in pivot order
    columns = pivot_order[live]
    # Three times as fast as indexing with two vectors.
    permuted = matrix.index_select(0, columns).gather(1, columns.expand(len(columns), -1))
    upper, info = torch.linalg.cholesky_ex(permuted, upper=True)
    diagonal = upper.diagonal().clone()
    growth = c if matrix.dtype == torch.float64 else c**0.5
    noise = PIVOT_NOISE * growth * torch.finfo(matrix.dtype).eps * matrix.diagonal()[columns]
    if info.item() or (diagonal.square() <= noise).any():
        raise ValueError(_why_not_positive_definite(matrix))
    pivots = matrix.new_zeros(c)
    pivots[columns] = diagonal.square()
    unit_upper = upper.div_(diagonal[:, None])
    if len(live) < c:
        spread = torch.eye(c, dtype=matrix.dtype, device=matrix.device)
        spread[live[:, None], live] = unit_upper
        unit_upper = spread
    return PivotFactor(order_tensor, unit_upper, pivots)


def round_columns(
    weight: Tensor, factor: PivotFactor, scales: Tensor, grid: IntegerGrid | None
) -> Rounding:
    """The recursion of this module, and how far each code is from its centre.

    Parameters
    ----------
    weight, scales : (r, c) tensor
        Of one dtype, which the recursion runs in; already checked.
    factor : PivotFactor
    grid : IntegerGrid or None
    """
    codes, centers, columns = _round(weight, factor, scales, grid)
    offsets = centers.sub_(codes)
    return Rounding(_in_input_order(codes, columns).long(), _in_input_order(offsets, columns))


def sweep(unit_upper: Tensor, moved: Tensor, errors: Tensor, settle: Callable[[int], None]) -> None:
    """Go through the columns from last to first, each moved by the errors of those after it.

    Halves are solved by halves: the later one, then one matrix product that moves the earlier one by
    all its errors, then the earlier one. A few columns at a time are left to go one by one.

    Parameters
    ----------
    unit_upper : (c, c) tensor
        U.
    moved : (c, r) tensor
        The targets w, a column of the layer in a row; row j becomes ``w_j + Σ_{k>j} U_jk e_k``.
    errors : (c, r) tensor
        Zeros at first; row j becomes e_j.
    settle : callable
        ``settle(j)`` is called once row j of `moved` is final, and sets row j of `errors`.
    """
    rows = moved.unbind(0)

    def solve(low: int, high: int) -> None:
        if high - low > LEAF:
            middle = (low + high) // 2
            solve(middle, high)
            moved[low:middle].addmm_(unit_upper[low:middle, middle:high], errors[middle:high])
            solve(low, middle)
            return
        within = unit_upper[low:high, low:high].triu(1).unbind(0)  # errors still to come count 0
        made = errors[low:high].T
        for j in reversed(range(low, high)):
            rows[j].addmv_(made, within[j - low])
            settle(j)

    solve(0, len(moved))


def _round(
    weight: Tensor, factor: PivotFactor, scales: Tensor, grid: IntegerGrid | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Codes and centres, both (c, r) in pivot order, and the place of each input column there."""
    pivot_order = factor.order.flip(0)
    # Transposed, so that a step reads and writes whole rows of memory.
    targets, spacings = weight.T[pivot_order], scales.T[pivot_order]
    centers, errors = targets.clone(), torch.zeros_like(targets)
    codes = torch.empty_like(targets)
    # Split into rows beforehand: to cut one out in a step takes as long as to divide it.
    target, spacing, center, error, code = (
        rows.unbind(0) for rows in (targets, spacings, centers, errors, codes)
    )

    def settle(j: int) -> None:
        torch.round(center[j].div_(spacing[j]), out=code[j])
        if grid is not None:
            code[j].clamp_(grid.low, grid.high)
        torch.addcmul(target[j], spacing[j], code[j], value=-1, out=error[j])

    sweep(factor.unit_upper.to(weight.dtype), centers, errors, settle)
    return codes, centers, pivot_order.argsort()


def _in_input_order(rows: Tensor, columns: Tensor) -> Tensor:
    """From (c, r) in pivot order to (r, c) in input order."""
    return rows[columns].T.contiguous()


def dead_inputs(hessian: Tensor) -> Tensor:
    """(c,) bool: inputs that are zero in every token, so that their row of the Hessian is zero."""
    dead = hessian.diagonal() == 0
    return dead & (hessian == 0).all(dim=0) if dead.any() else dead


def broadcast_scales(scales: Tensor | float, weight: Tensor) -> Tensor:
    """Checked scales as a (r, c) tensor of the weight's dtype and device."""
    spacings = torch.as_tensor(scales, dtype=weight.dtype, device=weight.device)
    try:
        spacings = spacings.expand(weight.shape)
    except RuntimeError as error:
        raise ValueError(
            f"scales has shape {tuple(spacings.shape)}; a shape that broadcasts to "
            f"{tuple(weight.shape)} was wanted, such as (r, 1), (1, c) or (r, c)."
        ) from error
    least, largest = spacings.aminmax()
    if not (least > 0 and largest < torch.inf):  # nor if either is NaN
        wrong = ~(torch.isfinite(spacings) & (spacings > 0))
        row, column = torch.nonzero(wrong)[0].tolist()
        raise ValueError(
            f"the scale of weight ({row}, {column}) is {spacings[row, column].item():g}; scales "
            "are grid spacings and must be positive and finite. Use 1 for an all-zero group."
        )
    return spacings


def _require_symmetric(damped_hessian: Tensor) -> None:
    if damped_hessian.ndim != 2 or damped_hessian.shape[0] != damped_hessian.shape[1]:
        raise ValueError(f"the Hessian has shape {tuple(damped_hessian.shape)}; (c, c) was wanted.")
    # Two products with a vector of no symmetry see what the whole matrix would, ten times as fast;
    # NaN and infinity come through them too.
    count = torch.arange(len(damped_hessian), device=damped_hessian.device)
    probe = (0.75 + 0.25 * torch.cos(count.double() ** 2)).to(damped_hessian.dtype)
    difference = damped_hessian @ probe - probe @ damped_hessian
    if not torch.isfinite(difference).all():
        require_finite_hessian(damped_hessian)
    tolerance = 1e-8 if damped_hessian.dtype == torch.float64 else 1e-4
    least, largest = damped_hessian.aminmax()
    if difference.abs().max() > tolerance * max(-least, largest):
        raise ValueError("the Hessian is not symmetric; pass XᵀX, or (H + Hᵀ) / 2.")


def _why_not_positive_definite(matrix: Tensor) -> str:
    eigenvalues = torch.linalg.eigvalsh(matrix.double())
    mean_diagonal = matrix.diagonal().mean().item()
    smallest = eigenvalues[0].item()
    noise = len(matrix) * torch.finfo(torch.float64).eps * eigenvalues.abs().max()
    if smallest > noise and matrix.dtype == torch.float32:
        return (
            "the damped Hessian is positive definite, but float32 is too coarse to factorize it "
            f"(eigenvalues {smallest:.3g} … {eigenvalues[-1].item():.3g}): pass it in float64."
        )
    rank = int((eigenvalues > noise).sum())
    dead = int(dead_inputs(matrix).sum())
    causes = [f"rank {rank} of {len(matrix)}, so some inputs depend on others"]
    if (eigenvalues < -noise).any():
        causes.append("negative eigenvalues: it is no XᵀX")
    if dead:
        causes.append(f"{dead} dead inputs, which do no harm")
    message = (
        f"the damped Hessian is not positive definite (smallest eigenvalue {smallest:.3g}; "
        f"{'; '.join(causes)}). "
    )
    if mean_diagonal <= 0:
        return message + "Damping is relative to the diagonal and cannot help: pass XᵀX."
    enough = max(0.01, -2 * smallest / mean_diagonal)
    return message + f"Use damping={enough:.2g}: {enough:.2g} · mean(diag H) on the diagonal."
