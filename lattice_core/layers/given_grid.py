"""The grid of a quantized weight whose scales are known."""

import torch
from torch import Tensor

from lattice_core.layers.grid_search import GROUP_SIZES
from lattice_core.layers.implied_grid import ImpliedGrid, require_quantized
from lattice_core.layers.solver import broadcast_scales

OFF_GRID = 0.05  # of a scale: beyond it a number is not on the grid (bfloat16, 4 bits: 0.03)
ZEROS_APART = 0.05  # pairs of codes with one scale but two zero points: scales that happen to agree


def given_grid(quantized: Tensor, scales: Tensor, codes: Tensor | None = None) -> ImpliedGrid:
    """The codes of a quantized weight, from its scales.

    Parameters
    ----------
    quantized : (r, c) tensor
        Any floating dtype; dequantized.
    scales : tensor
        Broadcastable to (r, c), or (r, groups) for groups of 16, 32, 48, 64, 96, 128 or 256
        consecutive columns.
    codes : (r, c) integer tensor, optional
        As stored. Non-negative ones count from the bottom of the grid, so they give the zero points
        too; the others are multiples of the scale.

    Raises
    ------
    ValueError
        If shapes do not fit, a scale is not positive, or Q is not on the grid that is given.
    """
    values = require_quantized(quantized)
    spacings, group_size = _spread_scales(scales, values)
    ratios = values / spacings
    multiples = ratios.round()
    residual = (ratios - multiples).abs().max().item()
    unsigned = None
    if codes is not None:
        stored = _checked_codes(codes, values)
        unsigned = stored if int(stored.min()) >= 0 else None
        if unsigned is not None and residual > OFF_GRID:
            return _with_offsets(values, spacings, stored, group_size)
        if unsigned is None and not torch.equal(multiples.long(), stored):
            row, column = torch.nonzero(multiples.long() != stored)[0].tolist()
            raise ValueError(
                f"codes holds {int(stored[row, column])} at ({row}, {column}), where Q / scale is "
                f"{ratios[row, column].item():.4g}: Q, codes and scales do not belong together."
            )
    if residual > OFF_GRID:
        row, column = divmod(int((ratios - multiples).abs().argmax()), values.shape[1])
        raise ValueError(
            f"Q / scale is {ratios[row, column].item():.4g} at ({row}, {column}); whole numbers "
            "were wanted. Pass the scales Q was made with, and codes= if the grid has an offset."
        )
    return _around_zero(multiples.long(), spacings, unsigned, group_size, residual)


def _around_zero(
    multiples: Tensor,
    scales: Tensor,
    unsigned: Tensor | None,
    group_size: int | None,
    residual: float,
) -> ImpliedGrid:
    if unsigned is None:
        least, most = int(multiples.min()), int(multiples.max())
        bits = 1 + max(most, -least - 1, 0).bit_length()
        low = torch.full_like(multiples, -(2 ** (bits - 1)))
    else:
        bits = max(1, int(unsigned.max()).bit_length())
        low = multiples - unsigned
        _require_one_zero(low, scales)
    return ImpliedGrid(
        codes=multiples,
        scales=scales,
        offsets=torch.zeros_like(scales),
        low=low,
        bits=bits,
        granularity="given",
        group_size=group_size,
        scale_count=_distinct(scales),
        residual=residual,
        uncertainty=residual,
    )


def _with_offsets(
    values: Tensor, scales: Tensor, codes: Tensor, group_size: int | None
) -> ImpliedGrid:
    offsets = values - scales * codes
    # The same to a few percent of a step; what is left is the rounding of Q.
    _require_one_zero((offsets / scales / OFF_GRID).round(), scales, apart=1)
    return ImpliedGrid(
        codes=codes,
        scales=scales,
        offsets=offsets,
        low=torch.zeros_like(codes),
        bits=max(1, int(codes.max()).bit_length()),
        granularity="given",
        group_size=group_size,
        scale_count=_distinct(scales),
        residual=0.0,
        uncertainty=0.0,
    )


def _spread_scales(scales: Tensor, values: Tensor) -> tuple[Tensor, int | None]:
    """Scales as one per weight, and the size of their groups where they came by group."""
    rows, columns = values.shape
    wide = scales.detach().double().to(values.device)
    sizes = [size for size in GROUP_SIZES if size < columns]
    if wide.ndim == 2 and wide.shape[0] == rows and wide.shape[1] not in (1, columns):
        off = {}
        for size in sizes:
            if -(-columns // size) == wide.shape[1]:
                full = wide.repeat_interleave(size, dim=1)[:, :columns]
                ratios = values / full
                off[size] = (ratios - ratios.round()).abs().mean().item()
        if off:
            size = min(off, key=lambda size: off[size])
            full = wide.repeat_interleave(size, dim=1)[:, :columns]
            return broadcast_scales(full, values).contiguous(), size
    return broadcast_scales(wide, values).contiguous(), None


def _checked_codes(codes: Tensor, values: Tensor) -> Tensor:
    if codes.shape != values.shape:
        raise ValueError(
            f"codes has shape {tuple(codes.shape)} and Q {tuple(values.shape)}; the same was wanted."
        )
    if not torch.equal(codes.double().round(), codes.double()):
        raise ValueError("codes holds numbers that are not whole; integers were wanted.")
    return codes.detach().long().to(values.device)


def _require_one_zero(zeros: Tensor, scales: Tensor, *, apart: float = 0) -> None:
    """All codes of one row that have the same scale must have the same zero point."""
    order = scales.argsort(dim=1, stable=True)
    sorted_scales, sorted_zeros = scales.gather(1, order), zeros.gather(1, order)
    pairs = sorted_scales.diff(dim=1) == 0
    differ = sorted_zeros.diff(dim=1).abs() > apart
    if pairs.any() and (differ & pairs).sum() > ZEROS_APART * pairs.sum():
        raise ValueError(
            "codes − Q / scale should be one zero point for all codes of a scale, and is not: Q, "
            "codes and scales do not belong together."
        )


def _distinct(scales: Tensor) -> int:
    """How many scales there are to store: runs of equal ones, by row; at most one per column."""
    runs = int((scales.diff(dim=1) != 0).sum()) + len(scales)
    one_row = bool((scales == scales[:1]).all())
    return runs // len(scales) if one_row else runs
