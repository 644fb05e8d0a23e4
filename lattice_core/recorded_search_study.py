"""K-best and coordinate descent on real layers, as recorded (see search_study.json).

Written by ``python -m lattice_core.language_model.search_study --record``; reading it needs NumPy alone.
"""

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from lattice_core.inputs import FloatArray


@dataclass(frozen=True)
class Decoder:
    """One way from centres to codes.

    Attributes
    ----------
    search : str
        ``"nearest_plane"``, ``"k_best"``, or ``"coordinate_descent"`` after nearest plane.
    k : int
        Partial codes kept; 1 but for K-best.
    order : str
        ``"good"`` is act-order, ``"reversed"`` its reverse.
    overflow : str
        ``"keep"`` or ``"clip"``, as in `lattice_core.layers.quantize_layer`.
    """

    search: str
    k: int
    order: str
    overflow: str


@dataclass(frozen=True, eq=False)
class RecordedSearchStudy:
    """The recorded layers, and how they were made. Arrays are (decoders, layers).

    Attributes
    ----------
    decoders : tuple of Decoder
    layers : tuple of str
        Their names in the model.
    rows, columns : (layers,) int array
    loss : array
        Damped loss of the calibration text.
    relative_loss : array
        The same over ``Σ wᵀHw``.
    held_out : array
        ``‖X(q − w)‖²`` of the held-out text over its ``‖X w‖²``.
    clipped_fraction : array
        Of all codes.
    entropy : array
        Of the codes, column by column, in bits a weight.
    seconds : array
        Of one processor core, order and scales included.
    model, text, held_out_text : str
        What ran, and the sources of the texts.
    model_sha256, text_sha256, held_out_text_sha256 : str
    tokens, held_out_tokens, seed, window, bits, group_size : int
    order, scale_rule : str
    damping : float
    date, command : str
        When it was recorded (ISO 8601), and with what.
    versions : dict of str
        Of Python and the libraries.
    """

    decoders: tuple[Decoder, ...]
    layers: tuple[str, ...]
    rows: np.ndarray
    columns: np.ndarray
    loss: FloatArray
    relative_loss: FloatArray
    held_out: FloatArray
    clipped_fraction: FloatArray
    entropy: FloatArray
    seconds: FloatArray
    model: str
    model_sha256: str
    text: str
    text_sha256: str
    held_out_text: str
    held_out_text_sha256: str
    tokens: int
    held_out_tokens: int
    seed: int
    window: int
    order: str
    bits: int
    group_size: int
    scale_rule: str
    damping: float
    date: str
    command: str
    versions: dict[str, str]

    def place(self, search: str, k: int = 1, order: str = "good", overflow: str = "keep") -> int:
        """The row of a decoder in the arrays."""
        return self.decoders.index(Decoder(search, k, order, overflow))

    def start_of(self, decoder: Decoder) -> int:
        """The row of nearest plane with the same order and overflow: what the decoder is judged by."""
        return self.place("nearest_plane", 1, decoder.order, decoder.overflow)

    def taken_off(self, decoder: Decoder) -> tuple[FloatArray, FloatArray]:
        """Share of nearest plane's loss taken off each layer, (layers,): calibrated, and held out."""
        here, start = self.decoders.index(decoder), self.start_of(decoder)
        return (
            1 - self.loss[here] / self.loss[start],
            1 - self.held_out[here] / self.held_out[start],
        )

    def bits_at_equal_entropy(self, decoder: Decoder) -> FloatArray:
        """What the lower loss is worth in bits a weight, (layers,).

        At a high rate a quarter of the loss costs one bit: ``½ log2`` of the ratio of the losses, less the
        entropy that the other codes have more.
        """
        here, start = self.decoders.index(decoder), self.start_of(decoder)
        worth = 0.5 * np.log2(self.loss[start] / self.loss[here])
        return np.asarray(worth - (self.entropy[here] - self.entropy[start]))


def recorded_search_study() -> RecordedSearchStudy:
    """What the file holds."""
    path = files("lattice_core").joinpath("search_study.json")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    layers = recorded["layers"]
    measured: dict[str, Any] = {
        name: np.array([layer["results"][name] for layer in layers]).T
        for name in layers[0]["results"]
    }
    taken = {"decoders", "layers", "rows", "columns", *measured}
    about = {
        name: recorded[name] for name in RecordedSearchStudy.__annotations__ if name not in taken
    }
    return RecordedSearchStudy(
        decoders=tuple(Decoder(**decoder) for decoder in recorded["decoders"]),
        layers=tuple(layer["layer"] for layer in layers),
        rows=np.array([layer["rows"] for layer in layers]),
        columns=np.array([layer["columns"] for layer in layers]),
        **measured,
        **about,
    )
