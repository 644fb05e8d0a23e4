"""Codes as bytes and back: what a quantized layer takes on a disk.

Each coder is a module with ``encode(codes) -> EncodedCodes`` and ``decode(encoded) -> codes``: `fixed_width`
b bits for every code · `huffman` one table, whole bits · `ans` one table for each width of codes, fractions
of a bit. `side_information` packs what a decoder must know besides. Nothing is estimated: the size of a
layer is the length of its bytes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lattice_core.inputs import IntArray
from lattice_core.layers.coding import ans, fixed_width, huffman
from lattice_core.layers.coding.encoded_codes import EncodedCodes

__all__ = ["CODERS", "Coder", "EncodedCodes", "decode_codes", "encode_codes"]


@dataclass(frozen=True)
class Coder:
    """A way to write codes.

    Attributes
    ----------
    encode : callable
        (r, c) int array → EncodedCodes.
    decode : callable
        The inverse.
    least_bits : float
        No code takes less, where there are two or more different ones.
    """

    encode: Callable[[IntArray], EncodedCodes]
    decode: Callable[[EncodedCodes], IntArray]
    least_bits: float


CODERS: dict[str, Coder] = {
    "fixed": Coder(fixed_width.encode, fixed_width.decode, 1.0),
    "huffman": Coder(huffman.encode, huffman.decode, 1.0),
    "ans": Coder(ans.encode, ans.decode, 0.0),
}


def require_coder(name: str) -> None:
    """Raise a ``ValueError`` unless the name is a key of `CODERS`."""
    if name not in CODERS:
        raise ValueError(f"coder is {name!r}; one of {', '.join(CODERS)} was wanted.")


def encode_codes(codes: IntArray, coder: str) -> EncodedCodes:
    """A layer's codes as bytes.

    Parameters
    ----------
    codes : (r, c) int array
    coder : str
        A key of `CODERS`.
    """
    require_coder(coder)
    return CODERS[coder].encode(codes)


def decode_codes(encoded: EncodedCodes) -> IntArray:
    """The codes again, (r, c) int64.

    Raises
    ------
    ValueError
        If the bytes are damaged in a way that shows.
    """
    require_coder(encoded.coder)
    return CODERS[encoded.coder].decode(encoded)
