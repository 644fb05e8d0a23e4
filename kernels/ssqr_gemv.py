"""y = x Wᵀ for one row of x, in float32 registers.

A program has 8 rows of W from end to end: it needs no sums of others, and writes y once. A number
2^b + u from a word is multiplied by its x and added; at the end of a group, 2^b + 2^(b−1) times the
sum of its x is taken off, and the scale put on::

    Σ_k z_k x_k = Σ_k (2^b + u_k) x_k − (2^b + 2^(b−1)) Σ_k x_k

The outliers are looked up while the first words are under way, for that takes three loads one after
the other.
"""

import triton
import triton.language as tl

from kernels.unpacking import (
    columns_of,
    float_codes,
    group_of,
    load_words,
    outlier_entries,
    run_words,
    tile_rows,
)

ENTRIES = tl.constexpr(256)  # outliers worked on at once


@triton.jit
def ssqr_gemv(
    x, low, high, scales, outliers, tile_starts, y,
    row_count, column_count, units, groups, tiles, steps, magic,
    BITS: tl.constexpr, SLOTS_PER_UNIT: tl.constexpr, SLOTS_PER_GROUP: tl.constexpr,
    GROUP: tl.constexpr, JOINED: tl.constexpr, OUTLIERS: tl.constexpr, UNITS: tl.constexpr,
):  # fmt: skip
    """Eight rows of W; UNITS of each are worked on in a step."""
    row = tl.program_id(0) * tile_rows + tl.arange(0, tile_rows)
    # Rows beyond the last are read as the last: no load needs a mask, and they are not stored.
    rows = tl.minimum(row, row_count - 1)
    totals = tl.zeros([tile_rows, run_words * UNITS], tl.float32)
    words = load_words(low, high, rows, 0, units, BITS, UNITS)
    aside = _outlier_sums(x, outliers, tile_starts, tiles) if OUTLIERS else 0.0
    totals = _with_step(
        totals, words, x, scales, rows, 0, column_count, groups, magic,
        BITS, SLOTS_PER_UNIT, SLOTS_PER_GROUP, GROUP, JOINED, UNITS,
    )  # fmt: skip
    for step in tl.range(1, steps):
        words = load_words(low, high, rows, step * UNITS, units, BITS, UNITS)
        totals = _with_step(
            totals, words, x, scales, rows, step * UNITS, column_count, groups, magic,
            BITS, SLOTS_PER_UNIT, SLOTS_PER_GROUP, GROUP, JOINED, UNITS,
        )  # fmt: skip
    sums = tl.sum(totals, axis=1) + aside
    tl.store(y + row, sums.to(y.dtype.element_ty), mask=row < row_count)


@triton.jit
def _with_step(
    totals, words, x, scales, rows, unit, column_count, groups, magic,
    BITS: tl.constexpr, SLOTS_PER_UNIT: tl.constexpr, SLOTS_PER_GROUP: tl.constexpr,
    GROUP: tl.constexpr, JOINED: tl.constexpr, UNITS: tl.constexpr,
):  # fmt: skip
    """Totals, (8, words), with UNITS units added."""
    RUNS: tl.constexpr = 2 if BITS == 3 else 1
    FIELDS: tl.constexpr = SLOTS_PER_UNIT // RUNS
    word = tl.arange(0, run_words * UNITS)
    k = word % run_words * 2  # in a slot: of the lower half-word
    first_slot = (unit + word // run_words) * SLOTS_PER_UNIT
    for run in tl.static_range(RUNS):
        for start in tl.static_range(0, FIELDS, JOINED):
            slot = first_slot + run * FIELDS + start
            group = group_of(slot, groups, SLOTS_PER_GROUP)
            scale = tl.load(scales + rows[:, None] * groups + group[None, :]).to(tl.float32)
            products, x_sums = tl.zeros_like(totals), tl.zeros([run_words * UNITS], tl.float32)
            for joined in tl.static_range(JOINED):
                for half in tl.static_range(2):
                    numbers = float_codes(
                        words[run], words[2], magic, start + joined, run * FIELDS, 16 * half, BITS
                    )
                    column, there = columns_of(
                        slot + joined, k + half, column_count, SLOTS_PER_GROUP, GROUP
                    )
                    x_part = tl.load(x + column, mask=there, other=0.0).to(tl.float32)
                    products += numbers * x_part[None, :]
                    x_sums += x_part
            totals += (products - (1.5 * 2**BITS) * x_sums[None, :]) * scale
    return totals


@triton.jit
def _outlier_sums(x, outliers, tile_starts, tiles):
    """Outliers of the program's 8 rows times x, (8,)."""
    row, sums = tl.arange(0, tile_rows), tl.zeros([tile_rows, ENTRIES], tl.float32)
    for tile in range(tiles):
        place = tile_starts + tl.program_id(0) * tiles + tile
        begin, end = tl.load(place), tl.load(place + 1)
        for first in range(begin, end, ENTRIES):
            of_row, column, value = outlier_entries(outliers, first, end, tile, ENTRIES)
            product = tl.load(x + column).to(tl.float32) * value
            sums += tl.where(row[:, None] == of_row[None, :], product[None, :], 0.0)
    return tl.sum(sums, axis=1)
