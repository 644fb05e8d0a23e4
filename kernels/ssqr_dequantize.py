"""The weight written out: scales · codes + outliers, for products that read it many times."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from kernels.launch import dot_units
from kernels.layout import magic_number
from kernels.packing import PackedWeight
from kernels.unpacking import (
    columns_of,
    group_of,
    in_order_of_columns,
    joined_codes,
    layout_constants,
    load_words,
    outlier_entries,
    slot_size,
    tile_rows,
)

ROWS = tl.constexpr(64)  # of a program
ENTRIES = tl.constexpr(256)


def dequantized(packed: PackedWeight, dtype: torch.dtype) -> Tensor:
    """``scales · codes + outliers`` in a 16-bit dtype, (r, c), on a GPU or interpreted.

    Rounded once where an outlier's code is 0, as ssqr leaves it.
    """
    rows, columns = packed.shape
    layout = packed.layout
    out = torch.empty(rows, columns, dtype=dtype, device=packed.device)
    units = dot_units(layout)
    write_codes[(triton.cdiv(rows, ROWS.value), triton.cdiv(layout.units, units))](
        packed.planes[0],
        packed.planes[-1],
        packed.scales,
        out,
        rows,
        columns,
        layout.units,
        layout.groups,
        magic_number(layout.bits, dtype),
        **layout_constants(layout),
        UNITS=units,
    )
    if len(packed.outliers):
        add_outliers[(triton.cdiv(rows, tile_rows.value), layout.tiles)](
            packed.outliers, packed.tile_starts, out, columns, layout.tiles
        )
    return out


@triton.jit
def write_codes(
    low, high, scales, out, row_count, column_count, units, groups, magic,
    BITS: tl.constexpr, SLOTS_PER_UNIT: tl.constexpr, SLOTS_PER_GROUP: tl.constexpr,
    GROUP: tl.constexpr, JOINED: tl.constexpr, UNITS: tl.constexpr,
):  # fmt: skip
    """Writes scales · codes of 64 rows and UNITS units."""
    RUNS: tl.constexpr = 2 if BITS == 3 else 1
    FIELDS: tl.constexpr = SLOTS_PER_UNIT // RUNS
    DTYPE: tl.constexpr = out.dtype.element_ty
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    rows, unit = tl.minimum(row, row_count - 1), tl.program_id(1) * UNITS
    words = load_words(low, high, rows, unit, units, BITS, UNITS)
    column_of = tl.arange(0, UNITS * JOINED * slot_size)
    slot_of = column_of // (JOINED * slot_size) * SLOTS_PER_UNIT + column_of // slot_size % JOINED
    for run in tl.static_range(RUNS):
        for start in tl.static_range(0, FIELDS, JOINED):
            codes = joined_codes(
                words[run], words[2], magic, start, 1, JOINED, run * FIELDS, BITS, DTYPE, tl.float32
            )
            first_slot = unit * SLOTS_PER_UNIT + run * FIELDS + start
            column, there = columns_of(
                first_slot + slot_of, column_of % slot_size, column_count, SLOTS_PER_GROUP, GROUP
            )
            group = group_of(first_slot, groups, SLOTS_PER_GROUP)
            scale = tl.load(scales + rows * groups + group).to(tl.float32)
            values = in_order_of_columns(codes, ROWS, UNITS, JOINED) * scale[:, None]
            tl.store(
                out + row.to(tl.int64)[:, None] * column_count + column[None, :],
                values.to(DTYPE),
                mask=(row < row_count)[:, None] & there[None, :],
            )


@triton.jit
def add_outliers(outliers, tile_starts, out, column_count, tiles):
    """Outliers of one tile added to what is there; no two have the same place."""
    row_tile, tile = tl.program_id(0), tl.program_id(1)
    place = tile_starts + row_tile * tiles + tile
    begin, end = tl.load(place), tl.load(place + 1)
    for first in range(begin, end, ENTRIES):
        of_row, column, value = outlier_entries(outliers, first, end, tile, ENTRIES)
        exists = first + tl.arange(0, ENTRIES) < end
        at = out + (row_tile * tile_rows + of_row).to(tl.int64) * column_count + column
        sums = tl.load(at, mask=exists, other=0.0).to(tl.float32) + value
        tl.store(at, sums.to(out.dtype.element_ty), mask=exists)
