"""The story of one tile, from a word packed here to a row of y, as scenes for the figure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from app.figures.tile_life import (
    ASIDE,
    AT_WORK,
    CLEARED,
    DONE,
    FIELD,
    MAGIC,
    NO_WORD,
    OTHERS,
    PLAIN,
    TO_COME,
    Scene,
    tile_life,
)

if TYPE_CHECKING:
    from kernels.unpacking_steps import UnpackingStep

ROWS, STEPS = 6, 8  # tiles shown
BLOCK, SPLITS = 2, 2  # the block of rows looked at; programs that share its columns
SHARE = STEPS // SPLITS
SLOTS = {4: 1, 2: 3, 3: 5}  # the slot looked at, by bits: one of the first run of words
WORD = 1
BLANK = " " * 32
DIGITS = str.maketrans({"-": "−"})


def tile_figure(bits: int, group: int | None, *, outliers: bool) -> go.Figure:
    """The story of a weight drawn at random.

    Parameters
    ----------
    bits : {2, 3, 4}
    group : int or None
        Columns that share a scale, a multiple of 16; ``None`` is the whole row.
    outliers : bool
        Whether the weight has any.
    """
    from kernels.launch import DOT_ROWS

    cut = _cut(bits, group)
    steps = _steps(bits)
    slot = SLOTS[bits]
    lower = slot * 16 + 2 * WORD
    halves = (f"column {lower + 1}", f"column {lower}")  # as they are drawn, the upper one first
    half, magic = 1 << (bits - 1), 1 << bits
    width = 4 if bits == 4 else 2
    at_work = _tiles(1, at_work=True)

    def plain(sentence: str, tiles: np.ndarray) -> Scene:
        return Scene(sentence, tiles, BLANK, np.full(32, NO_WORD), ("", ""))

    def with_word(sentence: str, name: str) -> Scene:
        step = steps[name]
        numbers = [f"{number:g}" for number in reversed(step.numbers)]
        if name == "codes":
            numbers = [f"{int(n) + magic + half} − {magic + half} = {n}" for n in numbers]
        shown = (
            [f"{text}: {n}" for text, n in zip(halves, numbers, strict=True)] if numbers else halves
        )
        upper, lower_one = (text.translate(DIGITS) for text in shown)
        return Scene(sentence, at_work, format(step.word, "032b"), _kinds(step), (upper, lower_one))

    scenes = [
        plain(
            f"W is cut into blocks of {DOT_ROWS} rows. {SPLITS} programs share the columns of a block. "
            f"One of them has the blue tiles, {DOT_ROWS} rows × {cut.columns} columns each: "
            f"{_groups(cut.columns, group)}.",
            _tiles(0),
        ),
        with_word(
            f"The words of the first tile arrive from memory, {cut.bytes_of_row} bytes a row, read by "
            "neighbouring threads in pieces of 16 bytes. Below is one word. Each of its two halves "
            f"holds {16 // width} fields of {width} bits. We look at one field of each half: "
            f"columns {lower} and {lower + 1}.",
            "word",
        ),
        with_word(
            f"{_moved(steps['shifted'].shift)} topmost bits of a mantissa are, in both halves at once. "
            "(A bfloat16 number has 16 bits: a sign, 8 of exponent, 7 of mantissa.)",
            "shifted",
        ),
        with_word("A mask keeps the two fields.", "masked"),
        with_word(
            f"The bits of the number {magic} are put in, by the same instruction as the mask. Now "
            f"each half is a bfloat16 number: {magic} plus the field. So the slow conversion of whole "
            "numbers to floats is avoided.",
            "with magic",
        ),
    ]
    if bits == 3:
        scenes.append(
            with_word(
                "The third bit comes from a word of the second plane, shifted and masked in the same "
                "way. It is worth 4.",
                "with high bit",
            )
        )
    scenes += [
        with_word(
            f"{magic + half} is taken off: {magic} that was put in, and {half} because codes are "
            "stored without a sign. These are the codes z, exactly.",
            "codes",
        ),
        plain(
            f"Tensor cores multiply {DOT_ROWS} × {cut.multiplied} codes of a group by the "
            f"{cut.multiplied} inputs of each row of x, and add up in float32. The codes are small "
            "whole numbers, which 16 bits hold exactly: nothing is lost.",
            at_work,
        ),
        plain(
            "The sums are multiplied by the scales of the group, one for each row of W, and added to "
            "what is there. The next tile has been on its way meanwhile.",
            _tiles(2, at_work=True),
        ),
    ]
    if outliers:
        entry, row, column, value = _outlier()
        scenes.append(
            Scene(
                "Other programs multiply the outliers of the block. They start first, for they wait "
                "longest. An outlier is one word, as below: its row among 8, its column, and its value "
                "in 16 bits. They are sorted by column, so that neighbours read neighbouring inputs.",
                _tiles(SHARE, aside=True),
                format(entry, "032b"),
                np.array([MAGIC] * 3 + [PLAIN] * 13 + [FIELD] * 16),
                (f"row {row}, column {column}", f"value {value:g}".translate(DIGITS)),
            )
        )
    scenes.append(
        plain(
            "Each program writes its sums aside and counts itself. Whoever comes last adds them up, "
            "always in the same order, rounds once and writes y. So the same input gives the same "
            "bits every time.",
            _tiles(SHARE, everyone=True),
        )
    )
    return tile_life(scenes, DOT_ROWS, cut.columns)


@dataclass(frozen=True)
class _Cut:
    """How a row is worked on: columns of a tile, their bytes, and columns multiplied at once."""

    columns: int
    bytes_of_row: int
    multiplied: int


def _cut(bits: int, group: int | None) -> _Cut:
    from kernels.launch import dot_units, joined_fields
    from kernels.layout import SLOT, Layout

    layout = Layout(bits, 1024, group or 1024)
    units = dot_units(layout)
    words = sum(words for _, words in layout.planes) // layout.units
    return _Cut(
        units * layout.slots_per_unit * SLOT,
        4 * units * words,
        units * joined_fields(layout) * SLOT,
    )


def _groups(columns: int, group: int | None) -> str:
    """How many groups a tile has, in words."""
    if group is None:
        return "a part of a row, which has one scale"
    if group > columns:
        return "a part of one group, with a scale for each row"
    count = columns // group
    return (
        f"{count} group{'s' if count > 1 else ''} of columns, with a scale for each row and group"
    )


def _outlier() -> tuple[int, int, int, float]:
    """An entry as it is stored, unsigned, and its row, column and value."""
    import torch

    from kernels.packing import pack

    row, column, value = 5, 300, -0.75
    outliers = torch.zeros(8, 512)
    outliers[row, column] = value
    codes = torch.zeros(8, 512, dtype=torch.int8)
    packed = pack(codes, torch.ones(8, 1), outliers.to_sparse(), bits=4, group_size=None)
    return int(packed.outliers[0]) & 0xFFFFFFFF, row, column, value


def _steps(bits: int) -> "dict[str, UnpackingStep]":
    """Of the two codes looked at, from a row that is packed here."""
    import torch

    from kernels.packing import pack
    from kernels.unpacking_steps import unpacking_steps

    half = 1 << (bits - 1)
    generator = torch.Generator().manual_seed(7)
    codes = torch.randint(-half, half, (1, 256), generator=generator)
    packed = pack(codes, torch.ones(1, 1), bits=bits, group_size=None)
    low, high = packed.planes[0][0, WORD], packed.planes[-1][0, WORD]
    return {step.name: step for step in unpacking_steps(int(low), SLOTS[bits], bits, int(high))}


def _moved(shift: int) -> str:
    if shift == 0:
        return "No shift is needed: the fields already stand where the"
    bits = f"{abs(shift)} bit{'s' if abs(shift) > 1 else ''}"
    return f"Shifted by {bits} to the {'right' if shift > 0 else 'left'}, to where the"


def _tiles(
    done: int, *, at_work: bool = False, aside: bool = False, everyone: bool = False
) -> np.ndarray:
    """The map when this program has done so many tiles of its share."""
    tiles = np.full((ROWS, STEPS), OTHERS)
    tiles[BLOCK, :SHARE] = TO_COME
    first = done - 1 if at_work else done
    tiles[BLOCK, :first] = DONE
    if at_work:
        tiles[BLOCK, first] = AT_WORK
    if aside:
        tiles[BLOCK] = ASIDE
    if everyone:
        tiles[BLOCK] = DONE
    return tiles


def _kinds(step: "UnpackingStep") -> np.ndarray:
    """Of each bit, bit 31 first."""
    made = step.name in ("with magic", "with high bit", "codes")
    kinds = np.full(32, CLEARED if made or step.name == "masked" else PLAIN)
    if made:
        kinds[[31 - bit for bit in range(32) if step.word >> bit & 1]] = MAGIC
    begins, width = step.field
    for half in (0, 16):
        kinds[31 - (half + begins + width - 1) : 32 - (half + begins)] = FIELD
    return kinds
