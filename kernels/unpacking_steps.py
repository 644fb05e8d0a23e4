"""How two codes get out of a word, step by step: what the kernels do, for one word, to look at.

The moves are those of `kernels.unpacking` in 16 bits; the numbers are exact, so plain Python does.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from kernels.layout import magic_number

TOP = {torch.bfloat16: 7, torch.float16: 10}  # bits of a mantissa
BOTH_HALVES = 0x10001


@dataclass(frozen=True)
class UnpackingStep:
    """A word on its way.

    Attributes
    ----------
    name : {"word", "shifted", "masked", "with magic", "with high bit", "codes"}
    word : int
        32 bits, unsigned.
    numbers : tuple of two floats, or empty
        What its lower and upper half are as 16-bit floats, once they are; at last the codes.
    field : (int, int)
        The bit at which the field begins in each half, and its width.
    shift : int
        To the right, in the step "shifted"; negative to the left.
    """

    name: str
    word: int
    numbers: tuple[float, ...] = ()
    field: tuple[int, int] = (0, 0)
    shift: int = 0


def unpacking_steps(
    word: int, slot: int, bits: int, high_word: int = 0, dtype: torch.dtype = torch.bfloat16
) -> Iterator[UnpackingStep]:
    """The steps from a word of a unit to the two codes that it has of a slot.

    Parameters
    ----------
    word : int
        Of the low plane: 32 bits; a negative number stands for its two's complement.
    slot : int
        In the unit: 0 … F − 1.
    bits : {2, 3, 4}
    high_word : int
        With 3 bits: the word of the high plane at the same place in its unit.
    dtype : {torch.bfloat16, torch.float16}

    Yields
    ------
    UnpackingStep
        "with high bit" with 3 bits only.

    Raises
    ------
    ValueError
        For other bits, or a slot that a unit does not have.
    """
    slots = {4: 4, 2: 8, 3: 16}.get(bits, 0)
    if not 0 <= slot < slots:
        raise ValueError(f"slot {slot} of {bits} bits; 2, 3 or 4 bits and 0 … F − 1 were wanted.")
    width = 4 if bits == 4 else 2
    top = TOP[dtype]
    at, begins = top - bits, width * (slot % (16 // width))
    shift = begins - at
    word &= 0xFFFFFFFF
    yield UnpackingStep("word", word, field=(begins, width))
    shifted = _shifted(word, shift)
    yield UnpackingStep("shifted", shifted, field=(at, width), shift=shift)
    masked = shifted & ((1 << width) - 1 << at) * BOTH_HALVES
    yield UnpackingStep("masked", masked, field=(at, width))
    pair = masked | magic_number(bits, dtype)
    yield UnpackingStep("with magic", pair, _numbers(pair, dtype), (at, width))
    if bits == 3:
        pair |= _shifted(high_word & 0xFFFFFFFF, slot - (top - 1)) & (1 << top - 1) * BOTH_HALVES
        yield UnpackingStep("with high bit", pair, _numbers(pair, dtype), (at, bits))
    codes = tuple(number - 1.5 * 2**bits for number in _numbers(pair, dtype))
    yield UnpackingStep("codes", pair, codes, (at, bits))


def _shifted(word: int, right: int) -> int:
    return word >> right if right >= 0 else word << -right & 0xFFFFFFFF


def _numbers(pair: int, dtype: torch.dtype) -> tuple[float, ...]:
    halves = torch.tensor([pair & 0xFFFF, pair >> 16], dtype=torch.int32)
    return tuple(halves.to(torch.int16).view(dtype).tolist())
