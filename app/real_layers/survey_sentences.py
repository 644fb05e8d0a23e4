"""What the numbers of all layers say, in sentences. Measurements, every one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.order_names import ORDER_NAMES
from app.real_layers.order_table import NBSP
from app.real_layers.survey_quantities import best_counts, pivot_sum

if TYPE_CHECKING:
    from lattice_core.language_model import InputReduction, OrderSurvey
    from lattice_core.layers.order_results import LayerOrders


def findings(survey: "OrderSurvey") -> list[str]:
    """Sentences about the layers there are."""
    layers = survey.layers
    said = [
        f"Every code kept, {_winners(layers, 'keep')}.",
        f"Codes clipped to {survey.bits} bits, {_winners(layers, 'clip')}.",
        _pivots(layers),
        _shares(layers),
        _void(layers),
    ]
    if survey.reductions:
        said.append(_reductions(survey))
    return said


def _winners(layers: "Sequence[LayerOrders]", overflow: str) -> str:
    counts = {order: count for order, count in best_counts(layers, overflow).items() if count}
    first, *others = counts
    told = f"**{ORDER_NAMES[first].name}** has the least loss on {counts[first]} of {len(layers)} layers"
    rest = [f"{ORDER_NAMES[order].name} on {counts[order]}" for order in others]
    return ", ".join([told, *rest])


def _pivots(layers: "Sequence[LayerOrders]") -> str:
    ratios = [pivot_sum(la, "min_pivot") / pivot_sum(la, "back_to_front") for la in layers]
    natural = [pivot_sum(la, "front_to_back") / pivot_sum(la, "back_to_front") for la in layers]
    return (
        f"Min-pivot brings tr(D) to **{min(ratios):.2f} … {max(ratios):.2f}** of back to front's. "
        f"Front to back has {min(natural):.2f} … {max(natural):.2f} of it. The grid plays no part "
        "in that."
    )


def _shares(layers: "Sequence[LayerOrders]") -> str:
    shares = [r.loss_over_bound for layer in layers for r in layer.with_overflow("keep")]
    return (
        f"Every code kept, the loss is **{min(shares):.3f} … {max(shares):.3f}** of its bound, over "
        f"all {len(shares)} runs. A third is expected for targets spread evenly over the box."
    )


def _void(layers: "Sequence[LayerOrders]") -> str:
    clipped = [r for layer in layers for r in layer.with_overflow("clip")]
    void = [r for r in clipped if r.clipped_fraction]
    if not void:
        return "No code is clipped anywhere, so the bound holds in every run."
    over = sum(r.loss > r.bound for r in void)
    most = max(r.clipped_fraction for r in void)
    return (
        f"Clipping voids the bound in {len(void)} of {len(clipped)} runs, with up to "
        f"{100 * most:.2g}{NBSP}% of a layer's codes clipped; in {over} of them the layer's whole loss "
        "exceeds it."
    )


def _reductions(survey: "OrderSurvey") -> str:
    least = {layer.layer: pivot_sum(layer, "min_pivot") for layer in survey.layers}
    found = [r for r in survey.reductions if r.layers[0] in least]
    told = []
    for order in dict.fromkeys(r.order for r in found):
        started = [r for r in found if r.order == order]
        changes = [100 * (r.pivot_sum / least[r.layers[0]] - 1) for r in started]
        told.append(
            f"from {ORDER_NAMES[order].name} it makes {_swaps(started)} swaps and ends "
            f"{_signed(min(changes))}{NBSP}% to {_signed(max(changes))}{NBSP}% off min-pivot's tr(D)"
        )
    inputs = len({r.layers for r in found})
    return f"LLL on {inputs} inputs of layers: {'; '.join(told)}."


def _swaps(started: "Sequence[InputReduction]") -> str:
    least, most = min(r.swaps for r in started), max(r.swaps for r in started)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


def _signed(percent: float) -> str:
    return f"{percent:+.2g}".replace("-", "−") if abs(percent) >= 0.0005 else "±0"
