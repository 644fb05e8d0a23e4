"""The story of one tile, from a word packed here to a row of y, as scenes for the figure."""

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
SLOTS = {4: 1, 2: 3, 3: 10}  # the slot looked at, by bits
WORD = 1
BLANK = " " * 32
DIGITS = str.maketrans({"-": "−"})


def tile_figure(bits: int) -> go.Figure:
    """The story for codes of 2, 3 or 4 bits, on a row of W drawn at random."""
    from kernels.launch import DOT_ROWS

    columns, bytes_of_row = _tile(bits)
    steps = _steps(bits)
    slot = SLOTS[bits]
    lower = slot * 16 + 2 * WORD
    halves = (f"column {lower + 1}", f"column {lower}")  # as they are drawn, the upper one first
    half, magic = 1 << (bits - 1), 1 << bits
    width = 4 if bits == 4 else 2
    at_work = _tiles(1, at_work=True)

    def plain(sentence: str, tiles: np.ndarray) -> Scene:
        return Scene(sentence, tiles, BLANK, np.full(32, CLEARED), ("", ""))

    def with_word(sentence: str, name: str) -> Scene:
        step = steps[name]
        shown = halves
        if step.numbers:
            upper_first = zip(halves, reversed(step.numbers), strict=True)
            shown = tuple(f"{text}: {value:g}".translate(DIGITS) for text, value in upper_first)
        digits = format(step.word, "032b")
        return Scene(sentence, at_work, digits, _kinds(step), shown)  # type: ignore[arg-type]

    scenes = [
        plain(
            f"W is cut into blocks of {DOT_ROWS} rows. {SPLITS} programs of the GPU share the "
            f"columns of a block. One of them has the dotted tiles, {DOT_ROWS} rows × {columns} "
            f"columns each{': two groups of columns' if bits == 3 else ': one group of columns'}, "
            "with a scale for each row and group.",
            _tiles(0),
        ),
        with_word(
            f"The words of the next tile arrive from memory, {bytes_of_row} bytes a row, read by "
            "neighbouring threads in pieces of 16 bytes. Below is one word. Each of its two halves "
            f"holds {16 // width} fields of {width} bits. We look at one field of each half: "
            f"columns {lower} and {lower + 1}.",
            "word",
        ),
        with_word(
            f"{_moved(steps['shifted'].shift)} topmost bits of a 16-bit float's mantissa are, in "
            "both halves at once.",
            "shifted",
        ),
        with_word("A mask keeps the two fields.", "masked"),
        with_word(
            f"The bits of the number {magic} are put in, by the same instruction as the mask. Now "
            f"each half is a bfloat16 number: {magic} plus the field. No conversion from whole "
            "numbers to floats was needed, which is slow.",
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
            f"Tensor cores multiply the {DOT_ROWS} × 128 codes of a group by the 128 inputs of each "
            "row of x, and add up in float32. The codes are small whole numbers, which 16 bits hold "
            "exactly: nothing is lost.",
            at_work,
        ),
        plain(
            "The sums of the group are multiplied by its scales, one for each row of W, and added to "
            "what is there. The next tile has been on its way meanwhile.",
            _tiles(2, at_work=True),
        ),
        plain(
            "Other programs multiply the outliers of the block. They are lists of row, column and "
            "16-bit value, sorted by column, so that neighbours read neighbouring inputs.",
            _tiles(SHARE, aside=True),
        ),
        plain(
            "Each program writes its sums aside and counts itself. Whoever comes last adds them up, "
            "always in the same order, rounds once and writes y. So the same input gives the same "
            "bits every time.",
            _tiles(SHARE, everyone=True),
        ),
    ]
    return tile_life(scenes, DOT_ROWS, columns)


def _tile(bits: int) -> tuple[int, int]:
    """Columns that a program works on at once, and the bytes of a row of them."""
    from kernels.launch import dot_units
    from kernels.layout import SLOT, WORDS, Layout

    layout = Layout(bits, 1024, 128)
    units = dot_units(layout)
    words = sum(words for _, words in Layout(bits, 1024, 128).planes) // layout.units
    assert words % WORDS == 0
    return units * layout.slots_per_unit * SLOT, 4 * units * words


def _steps(bits: int) -> "dict[str, UnpackingStep]":
    """Of the two codes looked at, from a row that is packed here."""
    import torch

    from kernels.packing import pack
    from kernels.unpacking_steps import unpacking_steps

    half = 1 << (bits - 1)
    generator = torch.Generator().manual_seed(7)
    codes = torch.randint(-half, half, (1, 256), generator=generator)
    packed = pack(codes, torch.ones(1, 1), bits=bits, group_size=None)
    run = 8 * (SLOTS[bits] // 8) if bits == 3 else 0  # slots from 8 on are in the second run
    low, high = packed.planes[0][0, run + WORD], packed.planes[-1][0, WORD]
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
        tiles[BLOCK, SHARE:] = ASIDE
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
