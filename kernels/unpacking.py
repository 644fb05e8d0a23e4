"""From packed words to numbers, in Triton: what the kernels share. How words lie: `kernels.layout`.

A b-bit code is stored as u = z + 2^(b−1). It is cut out of its word and put in the topmost bits of a
mantissa, whose exponent makes the last of these bits count 1: that number is 2^b + u, exactly. This
takes one shift and one ``(word & mask) | magic``, a single instruction as long as only the mask is a
constant. So the magic number, which is 2^b as a float, is an argument of the kernels.

In 16 bits two codes are made at once, one in each half of a register. To decode something else than
fixed fields, an entropy-coded stream say, is to replace `float_codes` and `joined_codes`.

In capitals, here and in the kernels: SLOTS_PER_GROUP is 0 for one scale a row; GROUP is 0 where no slot
needs filling; RUN_START is the first slot of a run of words within its unit, 8 for the second run of
3 bits, else 0.
"""

from typing import Any

import triton
import triton.language as tl

from kernels.launch import joined_fields
from kernels.layout import SLOT, TILE_COLUMNS, TILE_ROWS, WORDS, Layout

# Triton's interpreter computes with NumPy, which has no bfloat16; float32 holds its numbers exactly.
INTERPRETED = tl.constexpr(bool(triton.knobs.runtime.interpret))
slot_size, run_words = tl.constexpr(SLOT), tl.constexpr(WORDS)
tile_rows, tile_columns = tl.constexpr(TILE_ROWS), tl.constexpr(TILE_COLUMNS)


def layout_constants(layout: Layout) -> dict[str, Any]:
    """What kernels are compiled for, as far as the layout says it."""
    whole_row, filled = layout.groups == 1, layout.group_size % SLOT != 0
    return {
        "BITS": layout.bits,
        "SLOTS_PER_UNIT": layout.slots_per_unit,
        "SLOTS_PER_GROUP": 0 if whole_row else layout.slots_per_group,
        "GROUP": layout.group_size if filled and not whole_row else 0,
        "JOINED": joined_fields(layout),
    }


@triton.jit
def load_words(low, high, rows, unit, units, BITS: tl.constexpr, UNITS: tl.constexpr):
    """Words of UNITS units from a first one on: first run, second run and high plane of 3 bits.

    (rows, 8 UNITS) each; what there is only one of stands for all. Units beyond the last are read as
    the last.
    """
    word = tl.arange(0, run_words * UNITS)
    at = tl.minimum(unit + word // run_words, units - 1)
    within, row = (word % run_words)[None, :], rows[:, None]
    if BITS == 3:
        run = row * (2 * units * run_words) + (2 * at * run_words)[None, :] + within
        of_high = row * (units * run_words) + (at * run_words)[None, :] + within
        return tl.load(low + run), tl.load(low + run + run_words), tl.load(high + of_high)
    else:
        words = tl.load(low + row * (units * run_words) + (at * run_words)[None, :] + within)
        return words, words, words


@triton.jit
def group_of(slot, groups, SLOTS_PER_GROUP: tl.constexpr):
    """The group of a slot; the last one for slots beyond it."""
    if SLOTS_PER_GROUP == 0:
        return slot * 0
    else:
        return tl.minimum(slot // SLOTS_PER_GROUP, groups - 1)


@triton.jit
def columns_of(slot, k, column_count, SLOTS_PER_GROUP: tl.constexpr, GROUP: tl.constexpr):
    """Which column the k-th of a slot is, and whether there is one or it only fills up."""
    if GROUP == 0:
        column = slot * slot_size + k
        return column, column < column_count
    else:
        within = slot % SLOTS_PER_GROUP * slot_size + k
        column = slot // SLOTS_PER_GROUP * GROUP + within
        return column, (within < GROUP) & (column < column_count)


@triton.jit
def float_codes(
    low, high, magic, FIELD: tl.constexpr, RUN_START: tl.constexpr, HALF: tl.constexpr,
    BITS: tl.constexpr,
):  # fmt: skip
    """2^b + u in float32 of a field of the lower (HALF 0) or upper (16) half-words."""
    WIDTH: tl.constexpr = 4 if BITS == 4 else 2
    bits = _field(low, high, magic, HALF + WIDTH * FIELD, HALF + RUN_START + FIELD, 23, BITS, 1)
    return bits.to(tl.float32, bitcast=True)


@triton.jit
def joined_codes(
    low, high, magic, FIRST: tl.constexpr, STEP: tl.constexpr, COUNT: tl.constexpr,
    RUN_START: tl.constexpr, BITS: tl.constexpr, DTYPE: tl.constexpr, WORK: tl.constexpr,
):  # fmt: skip
    """Codes z of the fields FIRST, FIRST + STEP, …: (rows, words, 2, …), the fields in the last axes."""
    if COUNT > 1:
        even = joined_codes(
            low, high, magic, FIRST, 2 * STEP, COUNT // 2, RUN_START, BITS, DTYPE, WORK
        )
        odd = joined_codes(
            low, high, magic, FIRST + STEP, 2 * STEP, COUNT // 2, RUN_START, BITS, DTYPE, WORK
        )
        return tl.join(even, odd)
    else:
        WIDTH: tl.constexpr = 4 if BITS == 4 else 2
        TOP: tl.constexpr = 7 if DTYPE == tl.bfloat16 else 10
        pair = _field(low, high, magic, WIDTH * FIRST, RUN_START + FIRST, TOP, BITS, 0x10001)
        lower = pair.to(tl.int16).to(DTYPE, bitcast=True)
        upper = (pair >> 16).to(tl.int16).to(DTYPE, bitcast=True)
        return tl.join(lower, upper).to(WORK) - 1.5 * 2**BITS


@triton.jit
def in_order_of_columns(
    codes, ROWS: tl.constexpr, UNITS: tl.constexpr, JOINED: tl.constexpr
):  # fmt: skip
    """What `joined_codes` gives as (rows, units · slots · 16)."""
    if JOINED > 1:
        codes = tl.reshape(codes, [ROWS, UNITS, slot_size, JOINED])
        codes = tl.permute(codes, (0, 1, 3, 2))
    return tl.reshape(codes, [ROWS, UNITS * JOINED * slot_size])


@triton.jit
def outlier_entries(outliers, first, end, tile, COUNT: tl.constexpr):
    """Row in the tile, column and value of COUNT entries; those from ``end`` on have the value 0."""
    at = first + tl.arange(0, COUNT)
    entry = tl.load(outliers + tl.minimum(at, end - 1))
    value = (entry & 0xFFFF).to(tl.int16).to(tl.float16, bitcast=True).to(tl.float32)
    column = tile * tile_columns + ((entry >> 16) & (tile_columns - 1))
    return (entry >> 29) & (tile_rows - 1), column, tl.where(at < end, value, 0.0)


@triton.jit
def _field(
    low, high, magic, LOW_BIT: tl.constexpr, HIGH_BIT: tl.constexpr, TOP: tl.constexpr,
    BITS: tl.constexpr, HALVES: tl.constexpr,
):  # fmt: skip
    """A field of the words in the topmost bits of a mantissa of TOP bits, with the magic number.

    It begins at LOW_BIT of the low plane and, with 3 bits, at HIGH_BIT of the high one. HALVES is
    65537 where the same field of both half-words is taken, else 1.
    """
    WIDTH: tl.constexpr = 4 if BITS == 4 else 2
    AT: tl.constexpr = TOP - BITS
    field = _shifted(low, LOW_BIT - AT) & (((1 << WIDTH) - 1) << AT) * HALVES
    if BITS == 3:  # with ^ the compiler does not regroup the terms, which would take one more
        return (field ^ magic) | (_shifted(high, HIGH_BIT - TOP + 1) & (1 << (TOP - 1)) * HALVES)
    else:
        return field | magic


@triton.jit
def _shifted(words, RIGHT: tl.constexpr):
    if RIGHT >= 0:
        return words >> RIGHT
    else:
        return words << -RIGHT
