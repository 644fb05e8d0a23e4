"""Loss over bound of every row of two real layers, as recorded (see row_shares.json).

Written by ``python -m lattice_core.language_model.row_shares``; reading it needs NumPy alone.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from lattice_core.inputs import FloatArray


@dataclass(frozen=True, eq=False)
class LayerRowShares:
    """One layer's rows.

    Attributes
    ----------
    layer : str
        Its name in the model.
    columns : int
        Its inputs, c.
    kept : (r,) array
        Damped loss over bound of each row, every code kept: at most 1 (law L6).
    clipped : (r,) array
        The same with codes clipped to the grid; void where a code is clipped (law L9).
    clipped_fraction : (r,) array
        Of each row's codes, those that the grid kept from the nearest integer.
    """

    layer: str
    columns: int
    kept: FloatArray
    clipped: FloatArray
    clipped_fraction: FloatArray


@dataclass(frozen=True, eq=False)
class RecordedRowShares:
    """The recorded layers, and how they were made.

    Attributes
    ----------
    layers : tuple of LayerRowShares
    model, text : str
        What ran, and the source of the calibration text.
    model_sha256, text_sha256 : str
        Of the model's file and of the text.
    tokens, bits, group_size : int
    scale_rule, order : str
        As `lattice_core.layers.quantize_layer` takes them.
    damping : float
        λ.
    date, command : str
        When it was recorded (ISO 8601), and with what.
    versions : dict of str
        Of Python and the libraries.
    """

    layers: tuple[LayerRowShares, ...]
    model: str
    model_sha256: str
    text: str
    text_sha256: str
    tokens: int
    bits: int
    group_size: int
    scale_rule: str
    order: str
    damping: float
    date: str
    command: str
    versions: dict[str, str]


def recorded_row_shares() -> RecordedRowShares:
    """What the file holds."""
    path = files("lattice_core").joinpath("row_shares.json")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    layers = tuple(
        LayerRowShares(
            layer=entry["layer"],
            columns=entry["columns"],
            kept=np.array(entry["kept"]),
            clipped=np.array(entry["clipped"]),
            clipped_fraction=np.array(entry["clipped_fraction"]),
        )
        for entry in recorded["layers"]
    )
    about = {name: recorded[name] for name in RecordedRowShares.__annotations__ if name != "layers"}
    return RecordedRowShares(layers=layers, **about)
