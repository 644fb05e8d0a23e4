"""y = x Wᵀ for up to 64 rows of x, on tensor cores.

W is on the left: a block of its rows and the columns of one group give a product with xᵀ, which is
multiplied by the group's scale in float32 and added. The codes are whole numbers, exact in the dtype
of x. A few programs share the columns of a block.

Other programs multiply its outliers: entries e of one tile, with value v_e and row n_e, make a matrix
``v_e [n_e = n]`` of 8 rows of W, which the x that they point at are multiplied by. In bfloat16 it is
split in two that add up to it exactly.

Where a block has several programs, each writes its sums aside, and whoever comes last adds them up, in
the order of the programs: the same input always gives the same bits.
"""

import triton
import triton.language as tl

from kernels.unpacking import (
    INTERPRETED,
    columns_of,
    group_of,
    in_order_of_columns,
    joined_codes,
    load_words,
    outlier_entries,
    slot_size,
    tile_rows,
)

GATHERED = tl.constexpr(4096)  # numbers of x that outliers pick at once


@triton.jit
def ssqr_dot(
    x, low, high, scales, outliers, tile_starts, y, partials, arrivals,
    m_count, row_count, column_count, x_stride, units, groups, tiles,
    steps, steps_of_split, splits, magic,
    BITS: tl.constexpr, SLOTS_PER_UNIT: tl.constexpr, SLOTS_PER_GROUP: tl.constexpr,
    GROUP: tl.constexpr, JOINED: tl.constexpr, OUTLIER_PROGRAMS: tl.constexpr,
    M_BLOCK: tl.constexpr, ROW_BLOCK: tl.constexpr, UNITS: tl.constexpr, SHARED: tl.constexpr,
):  # fmt: skip
    """A block of rows of W and a share of its columns, or the outliers of 8 of its rows.

    M_BLOCK is at least 16. OUTLIER_PROGRAMS: of a block, one for 8 rows, or 0 without outliers.
    SHARED: a block has several programs.
    """
    block = tl.program_id(0)
    # Programs with outliers have the numbers below 0. They start first, for they wait longest.
    split = tl.program_id(1) - OUTLIER_PROGRAMS
    place, exists = _places(block, m_count, row_count, M_BLOCK, ROW_BLOCK)
    size = m_count * row_count
    if split < 0:
        row_tile = block * OUTLIER_PROGRAMS + split + OUTLIER_PROGRAMS
        if row_tile * tile_rows < row_count:
            sums = _outlier_sums(
                x, outliers, tile_starts, row_tile, m_count, x_stride, tiles, M_BLOCK
            )
            at, is_there = _places(row_tile, m_count, row_count, M_BLOCK, tile_rows)
            tl.store(partials + splits * size + at, tl.trans(sums), mask=is_there)
    else:
        # Rows beyond the last are read as the last: no load needs a mask, and they are not stored.
        rows = tl.minimum(block * ROW_BLOCK + tl.arange(0, ROW_BLOCK), row_count - 1)
        sums = _code_sums(
            x, low, high, scales, rows, split * steps_of_split,
            tl.minimum((split + 1) * steps_of_split, steps), m_count, column_count, x_stride, units,
            groups, magic, BITS, SLOTS_PER_UNIT, SLOTS_PER_GROUP, GROUP, JOINED, M_BLOCK, ROW_BLOCK,
            UNITS,
        )  # fmt: skip
        if SHARED:
            tl.store(partials + split * size + place, sums, mask=exists)
        else:
            tl.store(y + place, sums.to(y.dtype.element_ty), mask=exists)
    if SHARED:
        tl.debug_barrier()  # all of this program is written before it says so
        if tl.atomic_add(arrivals + block, 1) == splits + OUTLIER_PROGRAMS - 1:
            sums = tl.zeros([ROW_BLOCK, M_BLOCK], tl.float32)
            parts = splits + (1 if OUTLIER_PROGRAMS else 0)
            for part in tl.range(0, parts, loop_unroll_factor=4):
                sums += tl.load(
                    partials + part * size + place, mask=exists, other=0.0, cache_modifier=".cg"
                )
            tl.store(y + place, sums.to(y.dtype.element_ty), mask=exists)
            tl.store(arrivals + block, 0)  # for the next launch


@triton.jit
def _places(block, m_count, row_count, M_BLOCK: tl.constexpr, ROWS: tl.constexpr):
    """Where a block of Wxᵀ is in y, (ROWS, M_BLOCK), and which of it exists."""
    row, m = block * ROWS + tl.arange(0, ROWS)[:, None], tl.arange(0, M_BLOCK)[None, :]
    return m * row_count + row, (row < row_count) & (m < m_count)


@triton.jit
def _code_sums(
    x, low, high, scales, rows, first, last, m_count, column_count, x_stride, units, groups, magic,
    BITS: tl.constexpr, SLOTS_PER_UNIT: tl.constexpr, SLOTS_PER_GROUP: tl.constexpr,
    GROUP: tl.constexpr, JOINED: tl.constexpr, M_BLOCK: tl.constexpr, ROW_BLOCK: tl.constexpr,
    UNITS: tl.constexpr,
):  # fmt: skip
    """Scales · codes · xᵀ over some steps, (ROW_BLOCK, M_BLOCK)."""
    RUNS: tl.constexpr = 2 if BITS == 3 else 1
    FIELDS: tl.constexpr = SLOTS_PER_UNIT // RUNS
    DTYPE: tl.constexpr = x.dtype.element_ty
    WORK: tl.constexpr = tl.float32 if INTERPRETED else DTYPE
    column_of, m = tl.arange(0, UNITS * JOINED * slot_size), tl.arange(0, M_BLOCK)
    slot_of = column_of // (JOINED * slot_size) * SLOTS_PER_UNIT + column_of // slot_size % JOINED
    sums = tl.zeros([ROW_BLOCK, M_BLOCK], tl.float32)
    for step in tl.range(first, last):
        words = load_words(low, high, rows, step * UNITS, units, BITS, UNITS)
        for run in tl.static_range(RUNS):
            for start in tl.static_range(0, FIELDS, JOINED):
                codes = joined_codes(
                    words[run], words[2], magic, start, 1, JOINED, run * FIELDS, BITS, DTYPE, WORK
                )
                first_slot = step * UNITS * SLOTS_PER_UNIT + run * FIELDS + start
                column, there = columns_of(
                    first_slot + slot_of,
                    column_of % slot_size,
                    column_count,
                    SLOTS_PER_GROUP,
                    GROUP,
                )
                values = tl.load(
                    x + m[None, :] * x_stride + column[:, None],
                    mask=there[:, None] & (m < m_count)[None, :],
                    other=0.0,
                )
                scale = tl.load(
                    scales + rows * groups + group_of(first_slot, groups, SLOTS_PER_GROUP)
                )
                left = in_order_of_columns(codes, ROW_BLOCK, UNITS, JOINED)
                sums += tl.dot(left, values.to(WORK)) * scale.to(tl.float32)[:, None]
    return sums


@triton.jit
def _outlier_sums(
    x, outliers, tile_starts, row_tile, m_count, x_stride, tiles, M_BLOCK: tl.constexpr
):  # fmt: skip
    """Outliers of 8 rows of W times x, (M_BLOCK, 8)."""
    ENTRIES: tl.constexpr = GATHERED // M_BLOCK
    DTYPE: tl.constexpr = x.dtype.element_ty
    WORK: tl.constexpr = tl.float32 if INTERPRETED else DTYPE
    row, line = tl.arange(0, tile_rows), tl.minimum(tl.arange(0, M_BLOCK), m_count - 1)
    sums = tl.zeros([M_BLOCK, tile_rows], tl.float32)
    for tile in range(tiles):
        place = tile_starts + row_tile * tiles + tile
        begin, end = tl.load(place), tl.load(place + 1)
        for first in range(begin, end, ENTRIES):
            of_row, column, value = outlier_entries(outliers, first, end, tile, ENTRIES)
            picked = tl.load(x + line[:, None] * x_stride + column[None, :]).to(WORK)
            matrix = tl.where(of_row[:, None] == row[None, :], value[:, None], 0.0)
            most = matrix.to(DTYPE)
            sums = tl.dot(picked, most.to(WORK), sums)
            if DTYPE == tl.bfloat16:
                rest = (matrix - most.to(tl.float32)).to(DTYPE)
                sums = tl.dot(picked, rest.to(WORK), sums)
    return sums
