"""What the map of a quantized model can show of each layer."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from app.figures.numbers import short
from app.figures.order_survey import LayerMap
from app.real_layers.choice import BLOCKS, SHAPES, layer_name
from lattice_core.language_model.study_record import LayerRun


@dataclass(frozen=True)
class Quantity:
    """A number of each layer.

    Attributes
    ----------
    title : str
        Of the colours, and in the list to choose from.
    value : callable
        NaN where it is not known.
    form : str
        How the number is written, as in Python and in d3.
    note : str
        How to read it.
    """

    title: str
    value: Callable[[LayerRun], float]
    form: str
    note: str


QUANTITIES = {
    "loss": Quantity(
        "loss, share of the output",
        lambda layer: layer.relative_loss,
        ".2%",
        "The squared change of the layer's output over its squared size.",
    ),
    "share": Quantity(
        "loss ÷ bound",
        lambda layer: layer.loss_over_bound,
        ".3f",
        "How much of the bound is used up. With nearest plane, a third is expected for targets spread evenly.",
    ),
    "clipped": Quantity(
        "clipped codes",
        lambda layer: layer.clipped_fraction,
        ".2%",
        "Codes that wanted to lie beyond the grid. Where there are any, the bound is void.",
    ),
    "bits": Quantity(
        "bits a weight, stored",
        lambda layer: layer.bits_per_weight,
        ".3f",
        "Codes, scales, tables and weights kept aside.",
    ),
    "distance": Quantity(
        "bits above the Gaussian reference",
        lambda layer: layer.distance,
        ".3f",
        "Independent Gaussian weights could be stored at this loss with so many bits fewer. Below 0, these "
        "weights are easier than that.",
    ),
    "held_out": Quantity(
        "held-out loss",
        lambda layer: layer.held_out_loss,
        ".2%",
        "The loss on text that nothing was made from.",
    ),
}


def layer_map(layers: Sequence[LayerRun], quantity: str) -> LayerMap:
    """The quantity of each layer, by linear layer and block."""
    shown = QUANTITIES[quantity]
    known = {layer.layer: layer for layer in layers}
    names = [[layer_name(block, linear) for block in range(BLOCKS)] for linear in SHAPES]
    values = [
        [shown.value(known[name]) if name in known else math.nan for name in row] for row in names
    ]
    hovers = [[_hover(name, known.get(name), quantity) for name in row] for row in names]
    return LayerMap(list(SHAPES), np.array(values), names, hovers, shown.title, shown.form)


def in_words(layer: LayerRun) -> str:
    """All numbers of a layer, in sentences; Markdown."""
    bound = f"{layer.loss_over_bound:.3f} of its bound"
    said = [
        f"**Block {layer.block}, {layer.linear}.** It is stored with {layer.bits_per_weight:.3f} bits a weight.",
        f"Its output changes by {layer.relative_loss:.2%}, measured in squares.",
    ]
    if layer.clipped_fraction:
        said.append(
            f"That is ~~{bound}~~: {layer.clipped_fraction:.2%} of its codes are clipped, so the bound is void."
        )
    else:
        said.append(f"That is {bound}; no code is clipped.")
    if layer.outlier_rate:
        said.append(f"{layer.outlier_rate:.2%} of its weights are kept aside.")
    if math.isfinite(layer.held_out_loss):
        said.append(f"On text that nothing was made from it changes by {layer.held_out_loss:.2%}.")
    if math.isfinite(layer.distance):
        side = "above" if layer.distance >= 0 else "below"
        said.append(
            f"It takes {short(abs(layer.distance))} bits a weight {side} the Gaussian reference."
        )
    return " ".join(said)


def _hover(name: str, layer: LayerRun | None, quantity: str) -> str:
    if layer is None:
        return f"<b>{name}</b><br>not known"
    shown = QUANTITIES[quantity]
    value = shown.value(layer)
    said = format(value, shown.form) if math.isfinite(value) else "not known"
    lines = [f"<b>{name}</b>", f"{shown.title}: {said}"]
    if quantity == "share" and layer.clipped_fraction:
        lines.append(f"the bound is void: {layer.clipped_fraction:.2%} of the codes are clipped")
    return "<br>".join(lines)
