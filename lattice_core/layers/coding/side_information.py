"""Small arrays as one short string of bytes: safetensors, deflated."""

import zlib
from collections.abc import Mapping

import numpy as np


def pack_arrays(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Named arrays as bytes. Each should have the smallest dtype that holds it."""
    from safetensors.numpy import save

    return zlib.compress(save({name: np.ascontiguousarray(a) for name, a in arrays.items()}), 9)


def unpack_arrays(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of `pack_arrays`.

    Raises
    ------
    ValueError
        If the bytes are damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        return load(zlib.decompress(data))
    except (zlib.error, SafetensorError) as error:
        raise ValueError(f"the side information of a layer is damaged ({error}).") from error


def smallest_integers(values: np.ndarray) -> np.ndarray:
    """Whole numbers in the smallest integer dtype that holds them all."""
    if values.size == 0:
        return values.astype(np.uint8)
    low, high = int(values.min()), int(values.max())
    kinds = (np.uint8, np.uint16, np.uint32) if low >= 0 else (np.int8, np.int16, np.int32)
    for kind in kinds:
        if np.iinfo(kind).min <= low and high <= np.iinfo(kind).max:
            return values.astype(kind)
    return values.astype(np.int64)
