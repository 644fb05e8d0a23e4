"""How a quantized weight lies in memory: codes in words, outliers in lists.

Slots, units, planes
--------------------
16 consecutive columns of one group are a **slot**. A group whose size is no multiple of 16 is filled
up, so that no slot holds columns of two groups. F slots of a row are a **unit**: eight 32-bit words (24
with 3 bits), where the slot f takes the f-th field of every half-word. A code is stored as ``z + 2^(b−1)`` ≥ 0.
Word i of a unit of 4-bit codes::

    bit 31      27      23      19      15      11       7       3     0
       | slot 3| slot 2| slot 1| slot 0| slot 3| slot 2| slot 1| slot 0|
       '------- column 2i + 1 of -------'-------- column 2i of ---------'

So one shift and one mask take two codes out of a word, in the two halves of a register, as tensor
cores want them; and eight words times one field are 16 neighbouring columns of x.

===== ============================== ======================== ====================
bits  planes                         slots in a unit (F)      columns in a unit
===== ============================== ======================== ====================
4     one of 4 bits, 8 words         4                        64
2     one of 2 bits, 8 words         8                        128
3     2 bits, 16 words; 1 bit, 8     16                       256
===== ============================== ======================== ====================

With 3 bits the low two are laid out as for 2 bits (two runs of 8 words in a unit), the high bit in a
plane of its own with 16 fields of one bit, so that both are loaded as whole words.

A row's units follow one another, then comes the next row; the columns that fill the last slot or unit
have the code 0. Kernels never read x there.

Outliers
--------
Tiles of 8 rows × 8192 columns have a list each, sorted by column, then row. Neighbours in a list
then read neighbouring entries of x. An entry has 32 bits: row in the tile (3), column in the tile
(13), value as float16 (16). ``tile_starts`` says where the lists begin; tiles of the same rows come
after one another.

Source: [C] Chen et al., arXiv:2507.18553v4, section 5 and Algorithm 9 for the form; the layout is ours.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

LAYOUT_VERSION = 1
SLOT = 16  # columns
WORDS = 8  # 32-bit words of one plane that a unit of 2- or 4-bit codes has
TILE_ROWS, TILE_COLUMNS = 8, 8192  # of outliers


@dataclass(frozen=True)
class Layout:
    """Where the codes of a row lie; see the module.

    Attributes
    ----------
    bits : int
    columns : int
        c, of the weight.
    group_size : int
        Columns that share a scale; c where a row has one scale.
    """

    bits: int
    columns: int
    group_size: int

    @property
    def groups(self) -> int:
        """Scales in a row."""
        return -(-self.columns // self.group_size)

    @property
    def slots_per_group(self) -> int:
        """Of a whole group; the last may have fewer."""
        return -(-self.group_size // SLOT)

    @property
    def slots(self) -> int:
        """Of a row, before the last unit is filled up."""
        rest = self.columns - (self.groups - 1) * self.group_size
        return (self.groups - 1) * self.slots_per_group - (-rest // SLOT)

    @property
    def slots_per_unit(self) -> int:
        """F."""
        return {4: 4, 2: 8, 3: 16}[self.bits]

    @property
    def units(self) -> int:
        """Of a row."""
        return -(-self.slots // self.slots_per_unit)

    @property
    def planes(self) -> tuple[tuple[int, int], ...]:
        """Width in bits and words in a row of each plane, the low bits first."""
        low, high = min(self.bits & ~1, 4), self.bits & 1
        runs = 2 if high else 1  # of WORDS words in a unit's low plane
        planes = ((low, self.units * WORDS * runs),)
        return (*planes, (1, self.units * WORDS)) if high else planes

    @property
    def tiles(self) -> int:
        """Of outliers, in a row of tiles."""
        return -(-self.columns // TILE_COLUMNS)

    def slotted(self, codes: Tensor) -> Tensor:
        """Codes (r, c) with zeros where slots and units are filled up, (r, units · F · 16)."""
        filled = codes.new_zeros(len(codes), self.units * self.slots_per_unit * SLOT)
        filled[:, self.places(codes.device)] = codes
        return filled

    def places(self, device: torch.device) -> Tensor:
        """Where each column is in `slotted`, (c,)."""
        columns = torch.arange(self.columns, device=device)
        return columns + columns // self.group_size * (
            self.slots_per_group * SLOT - self.group_size
        )


def magic_number(bits: int, dtype: torch.dtype) -> int:
    """The bits of 2^b as a float: of float32, or twice, in the halves of a word, of 16-bit dtypes."""
    if dtype == torch.float32:
        return (127 + bits) << 23
    return ((127 + bits) << 7 if dtype == torch.bfloat16 else (15 + bits) << 10) * 0x10001
