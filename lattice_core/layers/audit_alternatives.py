"""What could have been done instead of the audited layer, each run on the same weights and inputs."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from lattice_core.layers.audit_results import Alternative, OrderExplanation, loss_ratio
from lattice_core.layers.implied_grid import ImpliedGrid
from lattice_core.layers.order_comparison import OrderFactors
from lattice_core.layers.quantize_layer import quantize_layer
from lattice_core.layers.quantized_layer import code_width
from lattice_core.layers.solver import PivotFactor, round_columns
from lattice_core.orders import ORDERS

OTHER_ORDERS = ("min_pivot", "act_order")
FALLBACK_ORDER = "act_order"  # for what is run in order, where the audited layer has none
OUTLIER_RATE = 0.01
ENTROPY_STEPS = 12
ENTROPY_TOLERANCE = 0.002  # bits


def alternatives(
    weight: Tensor,
    grid: ImpliedGrid,
    factors: OrderFactors,
    explanations: Sequence[OrderExplanation],
    *,
    loss: float,
    damping: float,
) -> tuple[Alternative, ...]:
    """All that can be run on this layer; in the order that explains it, unless that is the change.

    Where round-to-nearest explains it, act_order stands in. SSQR is left out above 8 bits, and where
    an outlier would not fit its 16 bits; spacing where the codes have no entropy.

    Parameters
    ----------
    weight : (r, c) float64 tensor
    grid : ImpliedGrid
    factors : OrderFactors
    explanations : sequence of OrderExplanation
        Best first.
    loss : float
        Damped, of the audited layer.
    damping : float
    """
    by_order = {each.order: each for each in explanations}
    order = explanations[0].order if explanations[0].order in ORDERS else FALLBACK_ORDER
    stored = grid.bits_per_weight

    def alternative(
        name: str, order: str, other: float, bits: float, audited: float, counted: str
    ) -> Alternative:
        return Alternative(name, order, other, loss_ratio(other, loss), bits, audited, counted)

    found = [
        alternative(name, name, by_order[name].loss, stored, stored, "stored")
        for name in OTHER_ORDERS
    ]
    kept, kept_width = _kept(weight, grid, factors, order)
    kept_bits = stored + kept_width - grid.bits
    found.append(alternative("keep_outliers", order, kept, kept_bits, stored, "stored"))
    if (with_outliers := _ssqr(weight, grid, factors, order, damping)) is not None:
        found.append(alternative("ssqr", order, *with_outliers, stored, "stored"))
    target = column_entropy(grid.codes)
    if target > 0:
        spaced = _spaced(weight, grid, factors, order, target)
        found.append(alternative("spacing", order, *spaced, target, "entropy"))
    return tuple(found)


def column_entropy(codes: Tensor) -> float:
    """Mean over the columns of the empirical entropy of their codes, bits; codes (r, c)."""
    by_column = codes.T.cpu().numpy()
    columns, rows = by_column.shape
    low = by_column.min()
    labels = np.arange(columns)[:, None] * (by_column.max() - low + 1) + (by_column - low)
    counts = np.unique(labels, return_counts=True)[1]
    return float(-(counts * np.log2(counts / rows)).sum() / (rows * columns))


def _kept(
    weight: Tensor, grid: ImpliedGrid, factors: OrderFactors, order: str
) -> tuple[float, int]:
    """The loss with the audited scales and no grid, and the width that its codes need."""
    target = weight - grid.offsets
    codes = round_columns(target, factors.factors[order], grid.scales, None).codes
    error = grid.scales * codes - target
    # Unsigned where the grid is not symmetric: as wide as the widest group's codes, 0 among them.
    if grid.is_symmetric:
        width = code_width(codes, grid.bits)
    else:
        above, below = (codes - grid.low).max(), (codes - grid.low).min()
        width = max(grid.bits, int(above.clamp(min=0) - below.clamp(max=0)).bit_length())
    return _loss(error, factors.damped), width


def _ssqr(
    weight: Tensor, grid: ImpliedGrid, factors: OrderFactors, order: str, damping: float
) -> tuple[float, float] | None:
    """The loss and the stored bits of SSQR with the audited width and group size."""
    if grid.bits > 8:
        return None
    try:
        layer = quantize_layer(
            weight,
            factors.raw,
            "ssqr",
            bits=grid.bits,
            group_size=grid.group_size,
            order=order,
            damping=damping,
            outlier_rate=OUTLIER_RATE,
        )
    except ValueError:  # the layer was checked: only an outlier that float16 cannot store is left
        return None
    return layer.loss, layer.bits_per_weight


def _spaced(
    weight: Tensor, grid: ImpliedGrid, factors: OrderFactors, order: str, entropy: float
) -> tuple[float, float]:
    """The loss and the entropy with ``s_j ∝ 1/R_jj`` at the audited entropy (law L20)."""
    factor = factors.factors[order]
    lengths = factor.pivots.sqrt()
    # A dead input loses nothing at any scale.
    shape = 1 / lengths.clamp(min=lengths[lengths > 0].min().item())

    def run(size: float) -> tuple[Tensor, Tensor]:
        return _unclipped(weight, factor, (size * shape).expand_as(weight))

    def surplus(octave: float) -> float:
        return column_entropy(run(2**octave)[0]) - entropy

    like_audited = (grid.scales.log2().mean() - shape.log2().mean()).item()
    octave = _root(surplus, like_audited)
    codes, error = run(2**octave)
    return _loss(error, factors.damped), column_entropy(codes)


def _unclipped(weight: Tensor, factor: PivotFactor, scales: Tensor) -> tuple[Tensor, Tensor]:
    codes = round_columns(weight, factor, scales, None).codes
    return codes, scales * codes - weight


def _root(surplus: Callable[[float], float], start: float) -> float:
    """Where the surplus, which falls by about 1 for each octave, is nearest to 0.

    An octave of the scale costs one bit of entropy at high rates, which makes the first steps;
    between a scale too fine and one too coarse, it is where the line between them crosses 0.
    """
    finer: tuple[float, float] | None = None
    coarser: tuple[float, float] | None = None
    best, least, octave = start, float("inf"), start
    for _ in range(ENTROPY_STEPS):
        found = surplus(octave)
        if abs(found) < least:
            best, least = octave, abs(found)
        if least <= ENTROPY_TOLERANCE:
            break
        if found > 0:
            finer = (octave, found)
        else:
            coarser = (octave, found)
        if finer is not None and coarser is not None:
            share = finer[1] / (finer[1] - coarser[1])
            # Not too near an end, or one end may stay for ever.
            octave = finer[0] + min(max(share, 0.1), 0.9) * (coarser[0] - finer[0])
        else:
            octave += max(found, 0.1) if found > 0 else min(found, -0.1)
    return best


def _loss(error: Tensor, hessian: Tensor) -> float:
    return torch.linalg.vecdot(error @ hessian, error).sum().item()
