"""A quantized layer as the bytes that are written to a disk."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lattice_core.layers.coding import EncodedCodes, decode_codes, encode_codes
from lattice_core.layers.coding.side_information import (
    pack_arrays,
    smallest_integers,
    unpack_arrays,
)
from lattice_core.layers.scale_form import ScaleForm


@dataclass(frozen=True, eq=False)
class StoredLayer:
    """Codes, and all else that the weights follow from.

    Attributes
    ----------
    coder : str
        A key of ``lattice_core.layers.coding.CODERS``.
    shape : (int, int)
        (r, c).
    group_size : int or None
        Input columns that share a base scale.
    stream : bytes
        The codes.
    side : bytes
        Spacings, tables, widths, outliers; deflated.
    """

    coder: str
    shape: tuple[int, int]
    group_size: int | None
    stream: bytes
    side: bytes

    @property
    def bits_per_weight(self) -> float:
        """All bytes over r·c."""
        return 8 * (len(self.stream) + len(self.side)) / (self.shape[0] * self.shape[1])

    def decode(self) -> "DecodedLayer":
        """Codes, spacings and outliers as a reader of the bytes gets them.

        Raises
        ------
        ValueError
            If the bytes are damaged in a way that shows.
        """
        side = unpack_arrays(self.side)
        try:
            codes = decode_codes(EncodedCodes(self.coder, self.shape, self.stream, side))
            form = ScaleForm.from_side(side, self.group_size)
            outliers = _outliers_from_side(side, self.shape)
        except (KeyError, IndexError) as error:
            raise ValueError(f"a part of the layer is missing or too short: {error}.") from error
        return DecodedLayer(torch.from_numpy(codes), form, outliers)


@dataclass(frozen=True, eq=False)
class DecodedLayer:
    """What a `StoredLayer` says.

    Attributes
    ----------
    codes : (r, c) int64 tensor
    scale_form : ScaleForm
    outliers : (r, c) sparse float64 tensor
    """

    codes: Tensor
    scale_form: ScaleForm
    outliers: Tensor

    def dequantize(self) -> Tensor:
        """``scales · codes + outliers``, (r, c) float64."""
        values = self.scale_form.expand(*self.codes.shape) * self.codes
        return values + self.outliers.to_dense() if self.outliers.values().numel() else values


def store(codes: Tensor, form: ScaleForm, outliers: Tensor | None, coder: str) -> StoredLayer:
    """Encode a layer.

    Parameters
    ----------
    codes : (r, c) int64 tensor
    form : ScaleForm
    outliers : (r, c) sparse tensor, or None
        Stored in float16.
    coder : str
    """
    encoded = encode_codes(codes.cpu().numpy(), coder)
    side = encoded.side | form.side
    if outliers is not None and outliers.values().numel():
        side |= _outliers_as_side(outliers)
    return StoredLayer(coder, encoded.shape, form.group_size, encoded.stream, pack_arrays(side))


def no_outliers(shape: tuple[int, ...], device: torch.device | str = "cpu") -> Tensor:
    """An empty (r, c) sparse float64 tensor."""
    return torch.sparse_coo_tensor(
        torch.empty(2, 0, dtype=torch.int64, device=device),
        torch.empty(0, dtype=torch.float64, device=device),
        shape,
        is_coalesced=True,
        check_invariants=True,
    )


def _outliers_as_side(outliers: Tensor) -> dict[str, np.ndarray]:
    rows, columns = outliers.indices().cpu().numpy()
    return {
        "outlier_columns": smallest_integers(columns),
        "outlier_counts": smallest_integers(np.bincount(rows, minlength=outliers.shape[0])),
        "outlier_values": outliers.values().cpu().numpy().astype(np.float16),
    }


def _outliers_from_side(side: dict[str, np.ndarray], shape: tuple[int, int]) -> Tensor:
    if "outlier_values" not in side:
        return no_outliers(shape)
    rows = np.repeat(np.arange(shape[0]), side["outlier_counts"])
    places = np.stack([rows, side["outlier_columns"].astype(np.int64)])
    values = torch.from_numpy(side["outlier_values"].astype(np.float64))
    return torch.sparse_coo_tensor(
        torch.from_numpy(places), values, shape, is_coalesced=True, check_invariants=True
    )
