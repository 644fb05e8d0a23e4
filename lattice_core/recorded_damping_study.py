"""Loss on held-out inputs against damping, on real layers, as recorded (see damping_study.json).

Written by ``python -m lattice_core.language_model.damping_study``; reading it needs NumPy alone.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from lattice_core.inputs import FloatArray

USUAL = 0.01  # what most implementations add, of the mean of the diagonal


@dataclass(frozen=True, eq=False)
class LayerDamping:
    """One layer, calibrated with k numbers of tokens, damped in m ways.

    A relative loss is ``Σ (q − w)ᵀH(q − w) / Σ wᵀHw`` over the rows, with the raw Hessian of the
    text it is judged on.

    Attributes
    ----------
    layer : str
        Its name in the model.
    rows, columns : int
        Outputs r and inputs c.
    own, held_out : (k, m) arrays
        Relative losses on the tokens calibrated with, and on text that was not seen.
    informed : (m,) array
        Relative losses on the held-out text of codes calibrated with it: out of reach.
    nearest : float
        Relative loss of round-to-nearest on the held-out text.
    """

    layer: str
    rows: int
    columns: int
    own: FloatArray
    held_out: FloatArray
    informed: FloatArray
    nearest: float


@dataclass(frozen=True, eq=False)
class DampingStudy:
    """The recorded layers, and how they were made.

    Attributes
    ----------
    layers : tuple of LayerDamping
    dampings : tuple of m float
        λ, growing.
    tokens : tuple of k int
        Calibrated with, growing; the fewer are the first of the more.
    held_out_tokens : int
        Judged on.
    model, text, held_out_text : str
        What ran, and the sources of both texts.
    model_sha256, text_sha256, held_out_text_sha256 : str
    seed, window : int
        Of the windows drawn from the texts; tokens of a window see one another.
    bits, group_size : int
    scale_rule, overflow, order : str
        As `lattice_core.layers.quantize_layer` takes them.
    date, command : str
        When it was recorded (ISO 8601), and with what.
    seconds : float
        It took.
    versions : dict of str
        Of Python and the libraries.
    """

    layers: tuple[LayerDamping, ...]
    dampings: tuple[float, ...]
    tokens: tuple[int, ...]
    held_out_tokens: int
    model: str
    model_sha256: str
    text: str
    text_sha256: str
    held_out_text: str
    held_out_text_sha256: str
    seed: int
    window: int
    bits: int
    group_size: int
    scale_rule: str
    overflow: str
    order: str
    date: str
    command: str
    seconds: float
    versions: dict[str, str]

    def best(self, layer: LayerDamping, tokens: int) -> float:
        """The λ of the record with the least loss on held-out text, for this many tokens."""
        return self.dampings[int(np.argmin(layer.held_out[self.tokens.index(tokens)]))]

    def losses(self, layer: LayerDamping, tokens: int) -> dict[float, float]:
        """The losses on held-out text by λ, for this many tokens."""
        row = layer.held_out[self.tokens.index(tokens)]
        return {damping: float(loss) for damping, loss in zip(self.dampings, row, strict=True)}

    def usual_over_best(self, layer: LayerDamping, tokens: int) -> float:
        """How many times the least loss on held-out text the usual λ = 0.01 has."""
        losses = self.losses(layer, tokens)
        return losses[USUAL] / min(losses.values())

    def middle_of_usual_over_best(self, tokens: int) -> float:
        """The median over the layers of `usual_over_best`."""
        return float(np.median([self.usual_over_best(layer, tokens) for layer in self.layers]))


def recorded_damping_study() -> DampingStudy:
    """What the file holds."""
    path = files("lattice_core").joinpath("damping_study.json")
    recorded = json.loads(path.read_text(encoding="utf-8"))
    layers = tuple(
        LayerDamping(
            layer=entry["layer"],
            rows=entry["rows"],
            columns=entry["columns"],
            own=np.array(entry["own"]),
            held_out=np.array(entry["held_out"]),
            informed=np.array(entry["informed"]),
            nearest=entry["nearest"],
        )
        for entry in recorded["layers"]
    )
    about = {name: recorded[name] for name in DampingStudy.__annotations__ if name != "layers"}
    about |= {name: tuple(about[name]) for name in ("dampings", "tokens")}
    return DampingStudy(layers=layers, **about)
