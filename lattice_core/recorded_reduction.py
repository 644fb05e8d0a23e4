"""Inputs of real layers to reduce, and what LLL and BKZ made of whole layers, as recorded.

Written by ``python -m lattice_core.language_model.real_reduction``; reading it needs NumPy alone.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from lattice_core.inputs import FloatArray, damped

RECORDED = "real_reduction.json"


@dataclass(frozen=True, eq=False)
class RealSlice:
    """Some inputs of a real layer.

    Attributes
    ----------
    layer : str
        Its name in the model.
    inputs : tuple of int
        Which, ascending.
    hessian : (k, k) array
        Raw ``XᵀX`` of these.
    """

    layer: str
    inputs: tuple[int, ...]
    hessian: FloatArray

    def damped_hessian(self, size: int, damping: float) -> FloatArray:
        """Of `size` inputs, spread evenly over those there are."""
        if not 1 <= size <= len(self.inputs):
            raise ValueError(f"size is {size}; 1 … {len(self.inputs)} inputs were wanted.")
        kept = np.arange(size) * len(self.inputs) // size
        return damped(self.hessian[np.ix_(kept, kept)], damping)


@dataclass(frozen=True)
class LayerPivotSums:
    """``tr(D)`` of all inputs of a layer: sorted by min-pivot, and what mixing adds to that.

    Attributes
    ----------
    layer : str
    columns : int
        Its inputs, c.
    min_pivot : float
        tr(D) in min-pivot's order, in squared units of the inputs.
    lll, bkz : float
        After LLL and after BKZ, both begun there.
    lll_swaps, bkz_insertions : int
    bkz_ended : str
        As in `BlockReduction`.
    seconds : float
        LLL and BKZ together.
    """

    layer: str
    columns: int
    min_pivot: float
    lll: float
    bkz: float
    lll_swaps: int
    bkz_insertions: int
    bkz_ended: str
    seconds: float


@dataclass(frozen=True, eq=False)
class RecordedReduction:
    """The record, and how it was made.

    Attributes
    ----------
    slices : tuple of RealSlice
    layers : tuple of LayerPivotSums
    delta, damping : float
    block_size, max_tours : int
        Of BKZ.
    model, text : str
    model_sha256, text_sha256 : str
    tokens : int
    date, command : str
    versions : dict of str
    """

    slices: tuple[RealSlice, ...]
    layers: tuple[LayerPivotSums, ...]
    delta: float
    damping: float
    block_size: int
    max_tours: int
    model: str
    model_sha256: str
    text: str
    text_sha256: str
    tokens: int
    date: str
    command: str
    versions: dict[str, str]

    @property
    def largest_gain(self) -> float:
        """The most that BKZ took off min-pivot's tr(D), as a share of it."""
        return max(1 - layer.bkz / layer.min_pivot for layer in self.layers)


def recorded_reduction() -> RecordedReduction:
    """What the file holds."""
    text = files("lattice_core").joinpath(RECORDED).read_text(encoding="utf-8")
    recorded = json.loads(text)
    slices = tuple(
        RealSlice(entry["layer"], tuple(entry["inputs"]), _square(entry["upper_triangle"]))
        for entry in recorded.pop("slices")
    )
    layers = tuple(LayerPivotSums(**entry) for entry in recorded.pop("layers"))
    return RecordedReduction(slices=slices, layers=layers, **recorded)


def _square(upper_triangle: list[float]) -> FloatArray:
    size = int(np.sqrt(2 * len(upper_triangle)))
    square = np.zeros((size, size))
    square[np.triu_indices(size)] = upper_triangle
    return square + np.triu(square, 1).T
