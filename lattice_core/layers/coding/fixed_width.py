"""Every code in the same number of bits: what a kernel reads without a table."""

import numpy as np

from lattice_core.inputs import IntArray
from lattice_core.layers.coding.encoded_codes import EncodedCodes


def encode(codes: IntArray) -> EncodedCodes:
    """Codes less the least one, in as many bits as the largest then needs; 0 if all are the same."""
    low, high = int(codes.min()), int(codes.max())
    width = (high - low).bit_length()
    offsets = (codes.ravel() - low).astype(np.uint64)
    bits = np.empty((width, codes.size), dtype=np.uint8)
    for place in range(width):
        bits[place] = (offsets >> np.uint64(place)) & np.uint64(1)
    side = {"first_code": np.array([low]), "width": np.array([width], dtype=np.uint8)}
    return EncodedCodes("fixed", codes.shape, np.packbits(bits).tobytes(), side)


def decode(encoded: EncodedCodes) -> IntArray:
    """The inverse of `encode`."""
    width, count = int(encoded.side["width"][0]), encoded.shape[0] * encoded.shape[1]
    packed = np.frombuffer(encoded.stream, dtype=np.uint8)
    if len(packed) != -(-width * count // 8):
        raise ValueError(
            f"{len(packed):,} bytes cannot hold {count:,} codes of {width} bits; the layer is damaged."
        )
    bits = np.unpackbits(packed, count=width * count).reshape(width, count)
    offsets = np.zeros(count, dtype=np.int64)
    for place in range(width):
        offsets |= bits[place].astype(np.int64) << place
    return (offsets + encoded.side["first_code"][0]).reshape(encoded.shape)
