"""Outliers as lists of 32-bit entries, one for each tile; the layout is told in `kernels.layout`."""

import torch
from torch import Tensor

from kernels.layout import TILE_COLUMNS, TILE_ROWS, Layout

STORED = torch.float16  # scales and outliers


def tiled_outliers(outliers: Tensor | None, layout: Layout, codes: Tensor) -> tuple[Tensor, Tensor]:
    """Entries sorted by tile, column and row, and where each tile's begin."""
    tile_count = -(-len(codes) // TILE_ROWS) * layout.tiles
    if outliers is None:
        empty = torch.zeros(0, dtype=torch.int32, device=codes.device)
        return empty, torch.zeros(tile_count + 1, dtype=torch.int32, device=codes.device)
    if outliers.layout != torch.sparse_coo:
        raise ValueError(
            f"outliers have the layout {outliers.layout}; a sparse COO tensor was wanted (.to_sparse())."
        )
    if outliers.shape != codes.shape or outliers.device != codes.device:
        raise ValueError(
            f"outliers are {tuple(outliers.shape)} on {outliers.device}; {tuple(codes.shape)} on "
            f"{codes.device} was wanted, like the codes."
        )
    outliers = outliers.coalesce()
    row, column = outliers.indices()
    values = outliers.values().to(STORED)
    if not torch.isfinite(values).all():
        bad = outliers.values()[~torch.isfinite(values)][0].item()
        raise ValueError(f"an outlier is {bad:.3g}, which {STORED} cannot hold.")
    tile = row // TILE_ROWS * layout.tiles + column // TILE_COLUMNS
    place = (tile * TILE_COLUMNS + column % TILE_COLUMNS) * TILE_ROWS + row % TILE_ROWS
    by_place = place.argsort()
    in_tile = ((row % TILE_ROWS) << 29) | ((column % TILE_COLUMNS) << 16)
    entries = (in_tile + (values.view(torch.int16).long() & 0xFFFF))[by_place]
    starts = torch.zeros(tile_count + 1, dtype=torch.int64, device=codes.device)
    starts[1:] = torch.bincount(tile, minlength=tile_count).cumsum(0)
    # Above 2^31 the row's top bit becomes the sign.
    signed = torch.where(entries >= 1 << 31, entries - (1 << 32), entries)
    return signed.to(torch.int32), starts.to(torch.int32)


def outlier_positions(
    entries: Tensor, tile_starts: Tensor, layout: Layout
) -> tuple[Tensor, Tensor]:
    """Row and column of each entry, (2, n) int64, and its value, (n,) float16."""
    counts = tile_starts.diff()
    tile = torch.repeat_interleave(torch.arange(len(counts), device=entries.device), counts)
    row = tile // layout.tiles * TILE_ROWS + ((entries >> 29) & (TILE_ROWS - 1))
    column = tile % layout.tiles * TILE_COLUMNS + ((entries >> 16) & (TILE_COLUMNS - 1))
    return torch.stack([row, column]), entries.to(torch.int16).view(STORED)
