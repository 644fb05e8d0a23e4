"""The codes a weight may take: all integers, or those that fit in b bits."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import IntArray


@dataclass(frozen=True)
class IntegerGrid:
    """The symmetric b-bit grid ``−2^(b−1) … 2^(b−1)−1``.

    Where a function takes ``grid=None`` there is no clipping: every integer is admissible.

    Parameters
    ----------
    bits : int
        1 … 8.
    """

    bits: int

    def __post_init__(self) -> None:
        if not isinstance(self.bits, int | np.integer) or not 1 <= self.bits <= 8:
            raise ValueError(
                f"bits is {self.bits!r}; a whole number from 1 to 8 was wanted "
                "(grid=None for no clipping)."
            )

    @property
    def low(self) -> int:
        """The smallest code."""
        return int(-(2 ** (self.bits - 1)))

    @property
    def high(self) -> int:
        """The largest code."""
        return int(2 ** (self.bits - 1) - 1)


def nearest_codes(centers: ArrayLike, grid: IntegerGrid | None) -> IntArray:
    """The admissible codes nearest to the centres, elementwise (exact ties go to the even one)."""
    codes = np.rint(np.asarray(centers, dtype=np.float64))
    if grid is not None:
        codes = np.clip(codes, grid.low, grid.high)
    elif codes.size and (largest := np.abs(codes).max()) > 2**53:
        raise ValueError(
            f"a weight is {largest:.3g} times its scale; at most 2^53 ≈ 9e15 is exact. "
            "Use larger scales, or a grid."
        )
    return codes.astype(np.int64)


def bits_needed(codes: ArrayLike) -> int:
    """The width of the smallest symmetric grid that has all these codes."""
    values = np.asarray(codes, dtype=np.int64)
    return 1 + max(int(values.max(initial=0)), -int(values.min(initial=0)) - 1).bit_length()
