"""How the work of a product is cut into programs: the one place that decides it."""

from dataclasses import dataclass
from math import gcd
from typing import Literal

from kernels.layout import SLOT, TILE_ROWS, WORDS, Layout

MOST_ROWS_OF_X = 64  # more are multiplied with the dequantized weight
DOT_COLUMNS = 128  # at most, of one tl.dot; 16 is the least that tensor cores take
JOINED_FIELDS = 8  # at most, that are unpacked together
GEMV_WORDS = 2048  # of a program's step: 8 kB of loads under way
GEMV_WEIGHTS = 1 << 26  # in larger ones the time goes into instructions: see `kernels.compiled`
GEMV_REGISTERS = 128  # so that four programs fit a processor
DOT_ROWS = 64  # what four warps multiply at once
PROGRAMS_PER_PROCESSOR = 2  # wanted, where rows alone do not give them


@dataclass(frozen=True)
class Launch:
    """The sizes of a launch.

    Attributes
    ----------
    method : {"gemv", "dot"}
        `kernels.ssqr_gemv` or `kernels.ssqr_dot`.
    row_block : int
        Rows of W of one program, a multiple of 8; 8 for gemv.
    units : int
        Units of W of one row that a program works on at once.
    splits : int
        Programs among which the columns of a block of rows are divided; 1 for gemv.
    warps, stages : int
        Of 32 threads; loads that run ahead.
    registers : int, optional
        Of a thread, at most.
    """

    method: Literal["gemv", "dot"]
    row_block: int
    units: int
    splits: int = 1
    warps: int = 4
    stages: int = 1
    registers: int | None = None


def joined_fields(layout: Layout) -> int:
    """Neighbouring slots of a unit that are sure to be of one group: 1, 2, 4 or 8."""
    most = min(layout.slots_per_unit, JOINED_FIELDS)
    return most if layout.groups == 1 else gcd(layout.slots_per_group, most)


def default_launch(rows_of_x: int, rows: int, layout: Layout, processors: int) -> Launch:
    """Sizes that should fit a product; `kernels.tuning` measures others.

    Parameters
    ----------
    rows_of_x : int
        M, 1 … 64.
    rows : int
        r, of the weight.
    layout : Layout
    processors : int
        Streaming multiprocessors of the device.
    """
    if rows_of_x == 1 and rows * layout.columns <= GEMV_WEIGHTS:
        return gemv_launch(layout)
    return dot_launch(rows, layout, processors)


def gemv_launch(layout: Layout) -> Launch:
    """Whole rows, as much of them at once as a step holds."""
    runs = 2 if layout.bits == 3 else 1  # of words that are worked on together
    room = GEMV_WORDS // (TILE_ROWS * WORDS * runs)
    units = min(1 << (room.bit_length() - 1), 1 << (layout.units - 1).bit_length())
    return Launch("gemv", TILE_ROWS, units, registers=GEMV_REGISTERS)


def dot_launch(rows: int, layout: Layout, processors: int) -> Launch:
    """Blocks of 64 rows, and as many programs for each as it takes to fill the device."""
    units = dot_units(layout)
    steps = -(-layout.units // units)
    blocks = -(-rows // DOT_ROWS)
    splits = min(-(-PROGRAMS_PER_PROCESSOR * processors // blocks), max(1, steps // 4))
    # With 3 bits a stage has more words; 3 of them leave room on GPUs with 99 KiB of shared memory.
    return Launch("dot", DOT_ROWS, units, splits, stages=3 if layout.bits == 3 else 4)


def dot_units(layout: Layout) -> int:
    """Units of a row that make one tl.dot: all of one group, 128 columns at most."""
    joined = joined_fields(layout)
    if joined < layout.slots_per_unit:
        return 1
    fitting = DOT_COLUMNS // (SLOT * joined)
    return fitting if layout.groups == 1 else gcd(layout.slots_per_group // joined, fitting)
