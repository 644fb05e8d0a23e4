"""SSQR: scales stretched by one factor, and the weights that still do not fit kept aside (law L19).

In pivot order, with U and D as in `lattice_core.layers.solver`, for j = c−1, …, 0::

    a_j = w_j + Σ_{k>j} U_jk e_k        z_j = round(a_j / s_j)
    v_j = s_j z_j       where z_j is on the grid
    v_j = round16(a_j)  elsewhere: an outlier, with code 0 and v_j stored in 16 bits
    e_j = w_j − v_j     for both, since a stored value carries the errors of the columns before it

The damped loss is exactly ``Σ_j D_j (a_j − v_j)²``: at most ``¼ D_j s_j²`` from a code, and the
rounding error of its 16 bits from an outlier. Nothing is clipped.

Source: [C] Chen et al., arXiv:2507.18553v4, section 5 and Algorithm 9.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.coordinate_descent import descend
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.quantized_layer import QuantizedLayer, measure
from lattice_core.layers.solver import sweep
from lattice_core.scale_search import least_factor

DEFAULT_OUTLIER_RATE = 0.01
# Outliers are weights of size 0.1 … 3 and the errors they carry. That is well inside the range of
# float16, whose 11 significant bits round eight times finer than the 8 of bfloat16.
STORED_DTYPE = torch.float16


@dataclass(frozen=True, eq=False)
class _Run:
    """One pass over the columns; tensors (c, r) in pivot order.

    Attributes
    ----------
    factor : float
        What the scales were multiplied by.
    arrivals : tensor
        a, the weights with the errors of the columns before them.
    rounded : tensor
        z, whole numbers, also beyond the grid.
    outlier_rate : float
    """

    factor: float
    arrivals: Tensor
    rounded: Tensor
    outlier_rate: float


def ssqr(problem: LayerProblem) -> QuantizedLayer:
    """The nearest plane on scales times the least factor that leaves few enough outliers.

    The factor is searched by bisection on the outlier rate of whole runs: 3 to 9 of them, and up to
    14 for a rate of 0. The rate is a step function of the factor, and not quite monotone: the
    result has the least factor found whose rate is at most `outlier_rate`, and says what was
    reached. The search ends when the rate is within 5 % of the one asked for, or the factor is
    known to 1 in 256.

    A row's bound is ``¼ Σ D_j s_j²`` over its codes, plus ``Σ D_j (a_j − v_j)²`` over its outliers,
    the actual errors of storing them in float16.

    Raises
    ------
    ValueError
        If an outlier is too large for float16, or the outliers are so small that storing them loses
        more than codes would.
    """
    pivot_factor, rate = problem.hessian.factor, problem.settings.outlier_rate
    run_with = _runs(problem)
    run, trials = least_factor(run_with, DEFAULT_OUTLIER_RATE if rate is None else rate)
    columns = pivot_factor.order.flip(0).argsort()
    arrivals, rounded = (part[columns].T.contiguous() for part in (run.arrivals, run.rounded))
    scales = problem.scales * run.factor

    aside = (rounded < problem.grid.low) | (rounded > problem.grid.high)
    codes = rounded.masked_fill(aside, 0).long()
    stored = arrivals[aside].to(STORED_DTYPE).double()
    # From indices, for a conversion from a dense tensor would lose stored zeros.
    outliers = torch.sparse_coo_tensor(
        aside.nonzero().T, stored, aside.shape, is_coalesced=True, check_invariants=True
    )
    farthest = scales.square() / 4
    lost = (arrivals[aside] - stored).square()
    _require_fine_enough(lost, arrivals[aside], farthest[aside])
    farthest[aside] = lost
    if problem.settings.refine is not None:
        rest = problem.weight - outliers.to_dense()
        codes = descend(rest, problem.hessian.damped, scales, codes, problem.grid, ~aside)
    return measure(
        problem,
        codes=codes,
        form=problem.scale_form.times(run.factor),
        outliers=outliers,
        row_bounds=farthest @ pivot_factor.pivots,
        row_clipped=torch.zeros_like(arrivals[:, 0]),
        scale_factor=run.factor,
        trials=trials,
    )


def outlier_rates(problem: LayerProblem, factors: Sequence[float]) -> list[float]:
    """The rate of outliers of a run with each of these factors: the step function that `ssqr` searches."""
    run_with = _runs(problem)
    return [run_with(factor).outlier_rate for factor in factors]


def _runs(problem: LayerProblem) -> Callable[[float], _Run]:
    """A run for each factor."""
    pivot_factor = problem.hessian.factor
    pivot_order = pivot_factor.order.flip(0)
    # Transposed, so that a step reads and writes whole rows of memory.
    targets, spacings = problem.weight.T[pivot_order], problem.scales.T[pivot_order]

    def run_with(factor: float) -> _Run:
        return _run(targets, spacings * factor, pivot_factor.unit_upper, problem.grid, factor)

    return run_with


def _run(
    targets: Tensor, spacings: Tensor, unit_upper: Tensor, grid: IntegerGrid, factor: float
) -> _Run:
    """The recursion of this module, all rows at once."""
    arrivals, errors = targets.clone(), torch.zeros_like(targets)
    rounded = torch.empty_like(targets)
    target, spacing, arrival, error, nearest = (
        rows.unbind(0) for rows in (targets, spacings, arrivals, errors, rounded)
    )
    value, clamped = torch.empty_like(targets[0]), torch.empty_like(targets[0])
    stored = torch.empty_like(value, dtype=STORED_DTYPE)
    on_grid = torch.empty_like(value, dtype=torch.bool)

    def settle(j: int) -> None:
        torch.div(arrival[j], spacing[j], out=nearest[j]).round_()
        torch.clamp(nearest[j], grid.low, grid.high, out=clamped)
        torch.eq(nearest[j], clamped, out=on_grid)
        # Both values are computed: at a percent of outliers, choosing costs less than looking.
        torch.mul(spacing[j], nearest[j], out=value)
        stored.copy_(arrival[j])
        torch.where(on_grid, value, clamped.copy_(stored), out=value)
        torch.sub(target[j], value, out=error[j])

    sweep(unit_upper, arrivals, errors, settle)
    _require_finite(errors, targets)
    outlier_count = ((rounded < grid.low) | (rounded > grid.high)).sum().item()
    return _Run(factor, arrivals, rounded, outlier_count / targets.numel())


def _require_fine_enough(lost: Tensor, values: Tensor, allowed: Tensor) -> None:
    """The 16 bits must not cost more than a code would: below its normal range float16 is coarse."""
    if lost.sum() > allowed.sum():
        raise ValueError(
            f"the outliers, at most {values.abs().max():.3g}, are too small for {STORED_DTYPE}, "
            f"which is coarse below {torch.finfo(STORED_DTYPE).smallest_normal:.2g}. Scale the "
            "layer up, or use another method."
        )


def _require_finite(errors: Tensor, targets: Tensor) -> None:
    if not torch.isfinite(errors.sum()):
        raise ValueError(
            f"an outlier does not fit {STORED_DTYPE}, which ends at "
            f"{torch.finfo(STORED_DTYPE).max:,.0f}; the largest weight of the layer is "
            f"{targets.abs().max():.3g}. Scale the layer down, or use another method."
        )
