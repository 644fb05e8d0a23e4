"""Auditing a quantized layer: how it was made, how good it is, and what would have been better.

With e = w − q, and U, D of the damped Hessian in some pivot order, the nearest plane's step j has
``center_j − z_j = (U e)_j / s_j``, whatever the codes: the one product ``U e`` tells of every code
whether this order's step would give it after the codes before it, whether it is clipped (law L9),
and, summed as ``Σ D_j (U e)_j²``, the damped loss. The order in which the codes are steps is the one
they were made in.
"""

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.audit_alternatives import alternatives, column_entropy
from lattice_core.layers.audit_results import ROUND_TO_NEAREST, LayerAudit, OrderExplanation
from lattice_core.layers.given_grid import given_grid
from lattice_core.layers.hessian import damp
from lattice_core.layers.implied_grid import ImpliedGrid, implied_grid, require_quantized
from lattice_core.layers.layer_problem import checked_layer
from lattice_core.layers.order_comparison import OrderFactors, factor_orders
from lattice_core.layers.solver import PivotFactor, round_columns

OTHER_DAMPINGS = (0.0, 0.001, 0.01, 0.05, 0.1)
EXPLAINED = 0.999  # of the codes: no other damping is looked for
UNEXPLAINED = 0.5  # of the codes left over: with so few another damping is taken
SAMPLE_ROWS = 256  # on which other dampings are tried
HALF_SLACK = 1e-6  # beyond half a step, for rounding errors of the solver that made the codes
ASYMMETRY = 1e-4  # of a Hessian summed in float32, relative to its largest entry
NEGATIVE = 1e-3  # eigenvalues of such a Hessian, relative to its mean diagonal


def audit_layer(
    weight: Tensor,
    quantized: Tensor,
    hessian: Tensor,
    *,
    damping: float = 0.01,
    scales: Tensor | None = None,
    codes: Tensor | None = None,
    grid: ImpliedGrid | None = None,
) -> LayerAudit:
    """Say how a layer was quantized, how far it is from its bound, and what would have been better.

    Parameters
    ----------
    weight : (r, c) tensor
        Before quantization. Any floating dtype.
    quantized : (r, c) tensor
        Dequantized: what the layer multiplies by now. Any floating dtype.
    hessian : (c, c) tensor
        **Raw** ``XᵀX`` of the layer's inputs. Its unit plays no part but in the losses.
    damping : float
        λ ≥ 0: ``λ · mean(diag H)`` is added to the diagonal. Where it explains less than 99.9 % of
        the codes, 0, 0.001, 0.01, 0.05 and 0.1 are tried too; one that leaves at most half as many
        unexplained is taken instead, and `LayerAudit.damping` says so.
    scales, codes : tensors, optional
        As in `given_grid`, where they are known; otherwise they are inferred from Q, as
        `implied_grid` says.
    grid : ImpliedGrid, optional
        In place of scales and codes, where all of the grid is known.

    Raises
    ------
    ValueError
        If shapes do not fit; a number is NaN or infinite; Q is W; H is no ``XᵀX``, or is singular
        with this damping; Q lies on no grid, or not on the one that is given.

    Notes
    -----
    A Hessian from other calibration data than the layer's explains its codes in part only, also in
    the right order; the bound and the losses are then those on the data at hand.
    """
    wide_weight, raw = checked_layer(weight, hessian)
    values = _checked_quantized(quantized, wide_weight)
    raw = _checked_gram(raw)
    if grid is None:
        grid = _grid_of(values, wide_weight, scales, codes)
    grid = grid.to(wide_weight.device)
    error = wide_weight - values
    factors = _explaining_factors(error, grid, factor_orders(raw, damping=damping), damping)
    explanations = _explanations(wide_weight, error, grid, factors[0], factors[1])
    undamped = torch.linalg.vecdot(error @ raw, error).sum().clamp(min=0).item()
    ridge = factors[1] * raw.diagonal().mean().item()
    loss = undamped + ridge * error.square().sum().item()
    rows, columns = wide_weight.shape
    return LayerAudit(
        rows=rows,
        columns=columns,
        grid=grid,
        bits=grid.bits,
        group_size=grid.group_size,
        granularity=grid.granularity,
        bits_per_weight=grid.bits_per_weight,
        entropy=column_entropy(grid.codes),
        damping=factors[1],
        loss=loss,
        undamped_loss=undamped,
        energy=torch.linalg.vecdot(wide_weight @ raw, wide_weight).sum().item(),
        explanations=explanations,
        alternatives=alternatives(
            wide_weight, grid, factors[0], explanations, loss=loss, damping=factors[1]
        ),
    )


def _explaining_factors(
    error: Tensor, grid: ImpliedGrid, factors: OrderFactors, damping: float
) -> tuple[OrderFactors, float]:
    """The factors of the damping that explains the codes, and that damping."""
    rows = torch.linspace(0, len(error) - 1, min(len(error), SAMPLE_ROWS), device=error.device)
    chosen = rows.round().long()

    def explained(factors: OrderFactors) -> float:
        return max(
            _steps(_offsets(error, grid, factor, chosen), grid, chosen).double().mean().item()
            for factor in factors.factors.values()
        )

    nearest = _steps(error[chosen] / grid.scales[chosen], grid, chosen).double().mean().item()
    best = max(explained(factors), nearest)
    if best >= EXPLAINED:
        return factors, damping
    best = 1 - UNEXPLAINED * (1 - best)
    for other in OTHER_DAMPINGS:
        if other == damping:
            continue
        try:
            candidate = factor_orders(factors.raw, damping=other)
        except ValueError:  # too little damping for this Hessian: not how the codes were made
            continue
        if (share := explained(candidate)) > best:
            best, factors, damping = share, candidate, other
    return factors, damping


def _explanations(
    weight: Tensor, error: Tensor, grid: ImpliedGrid, factors: OrderFactors, damping: float
) -> tuple[OrderExplanation, ...]:
    everyone = torch.arange(len(weight), device=weight.device)
    found = [_round_to_nearest(weight, error, grid, factors.damped, damping)]
    for order, factor in factors.factors.items():
        codes = codes_in_order(weight, grid, factor)
        found.append(
            _explanation(
                order,
                damping,
                _offsets(error, grid, factor, everyone),
                grid,
                codes,
                bound=factor.row_bounds(grid.scales).sum().item(),
                loss=quadratic_loss(grid.scales * codes + grid.offsets - weight, factors.damped),
            )
        )
    return tuple(sorted(found, key=lambda each: (-each.step_share, -each.share)))


def _round_to_nearest(
    weight: Tensor, error: Tensor, grid: ImpliedGrid, damped_hessian: Tensor, damping: float
) -> OrderExplanation:
    codes = ((weight - grid.offsets) / grid.scales).round().long()
    codes = torch.minimum(torch.maximum(codes, grid.low), grid.high)
    corner = ((grid.scales @ damped_hessian.abs()) * grid.scales).sum() / 4
    return _explanation(
        ROUND_TO_NEAREST,
        damping,
        error / grid.scales,
        grid,
        codes,
        bound=corner.item(),
        loss=quadratic_loss(grid.scales * codes + grid.offsets - weight, damped_hessian),
    )


def _explanation(
    order: str,
    damping: float,
    offsets: Tensor,
    grid: ImpliedGrid,
    codes: Tensor,
    *,
    bound: float,
    loss: float,
) -> OrderExplanation:
    everyone = torch.arange(len(offsets), device=offsets.device)
    return OrderExplanation(
        order=order,
        damping=damping,
        step_share=_steps(offsets, grid, everyone).double().mean().item(),
        share=(codes == grid.codes).double().mean().item(),
        clipped_fraction=(offsets.abs() > _half(grid)).double().mean().item(),
        bound=bound,
        loss=loss,
    )


def codes_in_order(weight: Tensor, grid: ImpliedGrid, factor: PivotFactor) -> Tensor:
    """The nearest plane's codes on the audited grid, (r, c).

    A grid that is not symmetric only shifts the target: ``y − B · zero``. Beyond 8 bits nothing is
    clipped, as the grid is as wide as its codes.
    """
    shift = grid.low + 2 ** (grid.bits - 1)
    limits = IntegerGrid(grid.bits) if grid.bits <= 8 else None
    target = weight - grid.offsets - grid.scales * shift
    return round_columns(target, factor, grid.scales, limits).codes + shift


def quadratic_loss(error: Tensor, hessian: Tensor) -> float:
    """``Σ eᵀHe`` over the rows of the error, (r, c)."""
    return torch.linalg.vecdot(error @ hessian, error).sum().clamp(min=0).item()


def _offsets(error: Tensor, grid: ImpliedGrid, factor: PivotFactor, rows: Tensor) -> Tensor:
    """``center − code`` of the audited codes of some rows, in input order."""
    pivot_order = factor.order.flip(0)
    moved = error[rows][:, pivot_order] @ factor.unit_upper.T
    return moved[:, pivot_order.argsort()] / grid.scales[rows]


def _steps(offsets: Tensor, grid: ImpliedGrid, rows: Tensor) -> Tensor:
    """Which codes are the nearest admissible ones to their centres, (rows, c) bool."""
    codes, low, high = grid.codes[rows], grid.low[rows], grid.high[rows]
    nearest = offsets.abs() <= _half(grid)
    return nearest | ((offsets > 0) & (codes == high)) | ((offsets < 0) & (codes == low))


def _half(grid: ImpliedGrid) -> float:
    """Half a step, and what the rounding of Q adds to it."""
    return 0.5 + max(HALF_SLACK, 2 * grid.residual, grid.uncertainty)


def _grid_of(
    values: Tensor, weight: Tensor, scales: Tensor | None, codes: Tensor | None
) -> ImpliedGrid:
    if scales is not None:
        return given_grid(values, scales, codes)
    if codes is not None:
        raise ValueError("codes came without scales; pass both, or neither.")
    return implied_grid(values, weight=weight)


def _checked_quantized(quantized: Tensor, weight: Tensor) -> Tensor:
    values = require_quantized(quantized).to(weight.device)
    if values.shape != weight.shape:
        hint = " Is it transposed?" if values.T.shape == weight.shape else ""
        raise ValueError(
            f"the quantized weight has shape {tuple(values.shape)} and weight "
            f"{tuple(weight.shape)}; the same was wanted.{hint}"
        )
    if torch.equal(values, weight):
        raise ValueError(
            "Q and W are the same numbers, so there is nothing to audit: pass the weight as it was "
            "before quantization, and the dequantized one."
        )
    return values


def _checked_gram(hessian: Tensor) -> Tensor:
    """H made exactly symmetric, once it is found to be an ``XᵀX`` up to rounding errors."""
    if (hessian - hessian.T).abs().max() > ASYMMETRY * hessian.abs().max():
        raise ValueError("the Hessian is not symmetric; XᵀX of the layer's inputs was wanted.")
    symmetric = (hessian + hessian.T) / 2
    diagonal = symmetric.diagonal()
    if (diagonal < 0).any() or not diagonal.any():
        worst = int(diagonal.argmin())
        raise ValueError(
            f"the Hessian's diagonal holds {diagonal[worst].item():.3g} at {worst}; sums of squares, "
            "not all 0, were wanted: pass XᵀX of the layer's inputs."
        )
    if torch.linalg.cholesky_ex(damp(symmetric, NEGATIVE))[1].item():
        least = torch.linalg.eigvalsh(symmetric)[0].item()
        raise ValueError(
            f"the Hessian has an eigenvalue of {least:.3g} (mean diagonal "
            f"{diagonal.mean().item():.3g}), so it is no XᵀX, and damping would only hide it: sum it "
            "in float32 or float64, from the layer's own inputs."
        )
    return symmetric
