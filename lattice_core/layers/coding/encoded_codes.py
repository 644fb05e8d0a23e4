"""What a coder makes of a layer's codes."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class EncodedCodes:
    """A stream of bits and what its decoder must know.

    Attributes
    ----------
    coder : str
        A key of ``lattice_core.layers.coding.CODERS``.
    shape : (int, int)
        (r, c) of the codes.
    stream : bytes
    side : dict of arrays
        Tables and widths, by name.
    """

    coder: str
    shape: tuple[int, int]
    stream: bytes
    side: dict[str, np.ndarray]
