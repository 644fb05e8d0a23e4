"""What the map of all layers can show of each of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from app.figures.order_survey import LayerMap
from app.order_names import ORDER_NAMES
from app.real_layers.choice import BLOCKS, SHAPES, layer_name

if TYPE_CHECKING:
    from lattice_core.language_model import InputReduction, OrderSurvey
    from lattice_core.layers.order_results import LayerOrders, OrderResult

Reductions = dict[str, "InputReduction"]  # of a layer, by the order that LLL started from


@dataclass(frozen=True)
class Pick:
    """Which of a layer's results is looked at."""

    order: str
    overflow: str


@dataclass(frozen=True)
class Quantity:
    """A number of each layer.

    Attributes
    ----------
    title : str
        Of the colours, and in the list to choose from.
    value : callable
        From a layer, its reductions and the pick; NaN where there is none.
    form : str
        How the number is written, as in Python and in d3.
    depends : tuple of str
        Of ``"order"`` and ``"overflow"``, what changes it.
    note : str
        How to read it.
    """

    title: str
    value: "Callable[[LayerOrders, Reductions, Pick], float]"
    form: str
    depends: tuple[str, ...]
    note: str


def picked(layer: "LayerOrders", pick: Pick) -> "OrderResult":
    """The result that the pick names."""
    return layer.result(pick.order, pick.overflow)  # type: ignore[arg-type]


def pivot_sum(layer: "LayerOrders", order: str) -> float:
    """tr(D), the same whether codes are kept or clipped."""
    return layer.result(order, "keep").pivot_sum


def _best(layer: "LayerOrders", _: Reductions, pick: Pick) -> float:
    return list(ORDER_NAMES).index(layer.best(pick.overflow).order)  # type: ignore[arg-type]


def _reduced(layer: "LayerOrders", reductions: Reductions, _: Pick) -> float:
    if "back_to_front" not in reductions:
        return math.nan
    return reductions["back_to_front"].pivot_sum / pivot_sum(layer, "min_pivot")


QUANTITIES = {
    "share": Quantity(
        "loss ÷ bound",
        lambda layer, _, pick: picked(layer, pick).loss_over_bound,
        ".3f",
        ("order", "overflow"),
        "How much of the bound is used up. A third is expected for targets spread evenly.",
    ),
    "loss": Quantity(
        "loss, share of the output",
        lambda layer, _, pick: picked(layer, pick).relative_loss,
        ".2%",
        ("order", "overflow"),
        "The squared change of the layer's output over its squared size.",
    ),
    "best": Quantity(
        "order with the least loss",
        _best,
        "",
        ("overflow",),
        "Colour and letter name the order.",
    ),
    "pivots": Quantity(
        "tr(D) ÷ back to front's",
        lambda layer, _, pick: pivot_sum(layer, pick.order) / pivot_sum(layer, "back_to_front"),
        ".3f",
        ("order",),
        "Below 1, this order has the smaller box. The grid plays no part.",
    ),
    "floor": Quantity(
        "tr(D) ÷ floor",
        lambda layer, _, pick: pivot_sum(layer, pick.order) / layer.pivot_floor,
        ".3f",
        ("order",),
        "1 is the least that any order could have (law L10).",
    ),
    "clipped": Quantity(
        "clipped codes",
        lambda layer, _, pick: layer.result(pick.order, "clip").clipped_fraction,
        ".2%",
        ("order",),
        "The share of codes that wanted to lie beyond the grid, when codes are clipped.",
    ),
    "lll": Quantity(
        "tr(D) after LLL ÷ min-pivot's",
        _reduced,
        ".4f",
        (),
        "LLL started back to front. At 1 it ends where min-pivot stands, which only sorts columns. "
        "It is not run for down_proj: 1,536 inputs take it a minute or more.",
    ),
}


def layer_map(survey: "OrderSurvey", quantity: str, pick: Pick) -> LayerMap:
    """The quantity of each layer, by linear layer and block; NaN where it is not known."""
    shown = QUANTITIES[quantity]
    known = {layer.layer: layer for layer in survey.layers}
    reductions = survey.reductions_by_layer
    names = [[layer_name(block, linear) for block in range(BLOCKS)] for linear in SHAPES]
    values = [
        [
            shown.value(known[name], reductions.get(name, {}), pick) if name in known else math.nan
            for name in row
        ]
        for row in names
    ]
    hovers = [
        [
            _hover(name, known.get(name), value, quantity, pick)
            for name, value in zip(*rows, strict=True)
        ]
        for rows in zip(names, values, strict=True)
    ]
    return LayerMap(list(SHAPES), np.array(values), names, hovers, shown.title, shown.form)


def _hover(name: str, layer: "LayerOrders | None", value: float, quantity: str, pick: Pick) -> str:
    if layer is None:
        return f"<b>{name}</b><br>not computed yet"
    shown = QUANTITIES[quantity]
    if quantity == "best":
        said = ORDER_NAMES[layer.best(pick.overflow).order].name  # type: ignore[arg-type]
    else:
        said = "not known" if math.isnan(value) else format(value, shown.form)
    lines = [f"<b>{name}</b>", f"{shown.title}: {said}"]
    clipped = picked(layer, pick).clipped_fraction
    if quantity == "share" and clipped:
        lines.append(f"the bound is void: {clipped:.2%} of the codes are clipped")
    return "<br>".join(lines)


def best_counts(layers: "Sequence[LayerOrders]", overflow: str) -> dict[str, int]:
    """On how many layers each order has the least loss, most first."""
    best = [layer.best(overflow).order for layer in layers]  # type: ignore[arg-type]
    counts = {order: best.count(order) for order in ORDER_NAMES}
    return dict(sorted(counts.items(), key=lambda entry: -entry[1]))
