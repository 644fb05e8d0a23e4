"""The different codes of a layer, counted from 0, and as little bytes."""

from dataclasses import dataclass

import numpy as np

from lattice_core.inputs import IntArray
from lattice_core.layers.coding.side_information import smallest_integers

# Up to this many integers between the least and the largest code, codes are counted in a table; beyond
# it they are sorted.
TABLE_SIZE = 1 << 20


@dataclass(frozen=True, eq=False)
class Alphabet:
    """The different codes, ascending.

    Attributes
    ----------
    values : (m,) int64 array
    """

    values: IntArray

    @property
    def side(self) -> dict[str, np.ndarray]:
        """As arrays to store: the first value, and the gaps between them."""
        gaps = np.diff(self.values) - 1
        return {
            "first_code": self.values[:1],
            "code_count": smallest_integers(np.array([len(self.values)])),
            # Most alphabets have no gap.
            "code_gaps": smallest_integers(gaps if gaps.any() else gaps[:0]),
        }

    @staticmethod
    def from_side(side: dict[str, np.ndarray]) -> "Alphabet":
        """The inverse of `side`."""
        gaps = side["code_gaps"].astype(np.int64)
        gaps = gaps if len(gaps) else np.zeros(int(side["code_count"][0]) - 1, dtype=np.int64)
        return Alphabet(np.cumsum(np.concatenate([side["first_code"], gaps + 1])))


def spell(codes: IntArray) -> tuple[Alphabet, np.ndarray]:
    """The alphabet of some codes, and each code's place in it.

    Parameters
    ----------
    codes : (n,) int64 array

    Returns
    -------
    Alphabet
    (n,) int32 array
    """
    low, high = int(codes.min()), int(codes.max())
    if high - low >= TABLE_SIZE:
        values, places = np.unique(codes, return_inverse=True)
        return Alphabet(values), places.astype(np.int32)
    offsets = codes - low
    present = np.bincount(offsets) > 0
    places = (np.cumsum(present) - 1).astype(np.int32)
    return Alphabet(np.flatnonzero(present) + low), places[offsets]
