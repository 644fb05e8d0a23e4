"""Grid spacings of a layer, from its unmodified weights.

Scales are compact: (1, 1) one for the layer, (r, 1) one for each row, (r, groups) one for each row
and group. A group is `group_size` consecutive **input columns**, whatever the order in which they
are quantized; the last group may be shorter (576 = 4·128 + 64). `expand_scales` spreads them out.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import pad

from lattice_core.integer_grid import IntegerGrid

ScaleRule = Literal["absmax", "mse"]
Granularity = Literal["scalar", "row", "group"]

SCALE_RULES = ("absmax", "mse")
SCALE_BITS = 16  # of a stored scale
MSE_FACTORS = tuple((20 + step) / 50 for step in range(31))  # 0.40, 0.42, … 1.00
# Weights searched at once: the work arrays then stay in the processor's cache (up to 3x faster).
SEARCH_CHUNK = 1 << 16


def weight_scales(
    weight: Tensor,
    *,
    bits: int,
    rule: ScaleRule = "mse",
    granularity: Granularity = "group",
    group_size: int = 64,
) -> Tensor:
    """Scales of the symmetric grid ``−2^(b−1) … 2^(b−1)−1`` for a layer's weights.

    Parameters
    ----------
    weight : (r, c) tensor
        Float32 or float64, unmodified.
    bits : int
        b, 1 … 8.
    rule : {"absmax", "mse"}
        ``"absmax"``: ``max|w| / (2^(b−1) − ½)``, the least scale at which rounding clips nothing.
        ``"mse"``: of 31 factors 0.4 … 1.0 of ``max|w| / (2^(b−1) − 1)`` (of ``max|w|`` at one bit)
        the one with the least ``Σ (w − q)²`` after rounding each weight to the grid.
    granularity : {"scalar", "row", "group"}
        One scale for the layer, for each row, or for each row and group.
    group_size : int
        Consecutive input columns that share a scale; looked at for ``"group"`` only.

    Returns
    -------
    (1, 1), (r, 1) or (r, ceil(c / group_size)) tensor
        Positive, of the weight's dtype. An all-zero group gets 1.

    Raises
    ------
    ValueError
        For weights that are no finite matrix, bits outside 1 … 8, an unknown rule or granularity,
        or a group size below 1.
    """
    require_finite_weight(weight)
    grid = IntegerGrid(bits)
    if granularity not in ("scalar", "row", "group"):
        raise ValueError(f"granularity is {granularity!r}; scalar, row or group was wanted.")
    if rule not in SCALE_RULES:
        raise ValueError(f"scale_rule is {rule!r}; one of {', '.join(SCALE_RULES)} was wanted.")
    rows, columns = weight.shape
    if granularity == "scalar":
        groups = weight.reshape(1, 1, -1)
    elif granularity == "row":
        groups = weight[:, None, :]
    else:
        require_group_size(group_size)
        # Zeros fill the last group: they are rounded without error and are never the largest.
        groups = pad(weight, (0, -columns % group_size)).reshape(rows, -1, group_size)
    largest = groups.abs().amax(dim=-1)
    scales = largest / (grid.high + 0.5) if rule == "absmax" else _mse_scales(groups, largest, grid)
    return torch.where(largest > 0, scales, torch.ones_like(scales))


def group_scales(weight: Tensor, *, bits: int, rule: ScaleRule, group_size: int | None) -> Tensor:
    """Scales of a layer by group, or one a row where the group size is ``None``; compact.

    The other arguments and the errors are those of `weight_scales`.
    """
    if group_size is None:
        return weight_scales(weight, bits=bits, rule=rule, granularity="row")
    return weight_scales(weight, bits=bits, rule=rule, group_size=group_size)


def expand_scales(scales: Tensor, *, group_size: int, columns: int) -> Tensor:
    """Compact scales (1, 1), (r, 1) or (r, groups) as one per weight: (1, c) or (r, c)."""
    if scales.shape[1] == 1:
        return scales.expand(-1, columns)
    return scales.repeat_interleave(group_size, dim=1)[:, :columns]


def require_group_size(group_size: int) -> None:
    """Raise a ``ValueError`` unless the group size is a whole number ≥ 1."""
    if not isinstance(group_size, int) or group_size < 1:
        raise ValueError(
            f"group_size is {group_size!r}; a whole number of input columns ≥ 1 was wanted "
            "(None for one scale a row)."
        )


def require_finite_weight(weight: Tensor) -> None:
    """Raise a ``ValueError`` unless the weight is a float32 or float64 matrix without NaN."""
    if weight.ndim != 2 or 0 in weight.shape:
        raise ValueError(f"weight has shape {tuple(weight.shape)}; (r, c) was wanted.")
    if weight.dtype not in (torch.float32, torch.float64):
        raise ValueError(
            f"weight is {weight.dtype}; float32 or float64 was wanted (pass weight.double())."
        )
    # One infinite or NaN weight makes the sum so, which is four times as fast as to ask each.
    if not torch.isfinite(weight.sum()) and not torch.isfinite(weight).all():
        row, column = torch.nonzero(~torch.isfinite(weight))[0].tolist()
        raise ValueError(
            f"weight holds {weight[row, column].item()} at ({row}, {column}); "
            "every weight must be finite."
        )


def _mse_scales(groups: Tensor, largest: Tensor, grid: IntegerGrid) -> Tensor:
    flat = groups.reshape(-1, groups.shape[-1])
    step = max(1, SEARCH_CHUNK // flat.shape[1])
    unit = largest.reshape(-1) / max(grid.high, 1)
    factors = torch.cat(
        [
            _best_factors(part, part_unit, grid)
            for part, part_unit in zip(flat.split(step), unit.split(step), strict=True)
        ]
    )
    return (factors * unit).reshape(largest.shape)


def _best_factors(groups: Tensor, unit: Tensor, grid: IntegerGrid) -> Tensor:
    """For each group (k, g) the factor of its unit (k,) with the least squared rounding error."""
    # In units of the scale, so that each factor costs only multiplications by one number.
    relative = groups / torch.where(unit > 0, unit, 1.0)[:, None]
    least = torch.full_like(unit, torch.inf)
    best = torch.ones_like(unit)
    rounded = torch.empty_like(relative)
    for factor in MSE_FACTORS:
        torch.mul(relative, 1 / factor, out=rounded).round_().clamp_(grid.low, grid.high)
        error = torch.sub(relative, rounded, alpha=factor, out=rounded)
        squared = torch.linalg.vecdot(error, error)
        better = squared < least
        least = torch.where(better, squared, least)
        best = torch.where(better, factor, best)
    return best
