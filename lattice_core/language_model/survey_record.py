"""A survey of orders on a whole model as one JSON text, and the one that was recorded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any, Self

from lattice_core.layers.layer_problem import Overflow
from lattice_core.layers.order_comparison import OVERFLOWS
from lattice_core.layers.order_results import LayerOrders, OrderResult
from lattice_core.layers.scales import ScaleRule

DIGITS = 6
RECORDED = "order_survey.json"


@dataclass(frozen=True)
class InputReduction:
    """LLL on the inputs that some layers share, started from one order.

    Attributes
    ----------
    layers : tuple of str
        Names of the layers that read these inputs.
    order : str
        The basis is reduced in this order's pivot order.
    pivot_sum : float
        ``tr(D)`` of the reduced basis.
    swaps : int
        How often LLL exchanged two neighbours; 0 if the order was good enough for it.
    seconds : float
    """

    layers: tuple[str, ...]
    order: str
    pivot_sum: float
    swaps: int
    seconds: float


# The columns of the JSON text. Of a result that clips, what it has in common with the one that keeps
# every code is left out; the energy is the layer's.
LAYER_FIELDS = tuple(field.name for field in fields(LayerOrders) if field.name != "results")
REDUCTION_FIELDS = tuple(field.name for field in fields(InputReduction))
_MEASURED = [f.name for f in fields(OrderResult) if f.name not in ("order", "overflow", "energy")]
RESULT_FIELDS: dict[Overflow, tuple[str, ...]] = {
    "keep": tuple(_MEASURED),
    "clip": tuple(name for name in _MEASURED if name not in ("pivot_sum", "bound")),
}


@dataclass(frozen=True)
class OrderSurvey:
    """Every layer of a model in every order, and all that is needed to repeat it.

    Attributes
    ----------
    model, text : str
        What ran, and the source of the calibration text, for people to read.
    model_sha256, text_sha256 : str
        Of the model's file and of the text.
    tokens, window : int
        Of the text, and how many see one another.
    seed : int or None
        Of the windows drawn; ``None`` is the text from its start.
    bits, group_size, scale_rule, damping
        As in `compare_orders`.
    layers : tuple of LayerOrders
        In forward order.
    reductions : tuple of InputReduction
        Of the inputs that are not too many for it.
    hessian_seconds : float or None
        To run the text through the model; ``None`` if that was not timed.
    date, command : str
        When (ISO 8601), and what repeats it.
    versions : dict of str
    cores : int
        Of the machine.
    """

    model: str
    model_sha256: str
    text: str
    text_sha256: str
    tokens: int
    window: int
    seed: int | None
    bits: int
    group_size: int | None
    scale_rule: ScaleRule
    damping: float
    layers: tuple[LayerOrders, ...]
    reductions: tuple[InputReduction, ...]
    hessian_seconds: float | None
    date: str
    command: str
    versions: dict[str, str]
    cores: int

    @property
    def comparing_seconds(self) -> float:
        """To compare the orders on all layers, their Hessians given."""
        return sum(layer.seconds for layer in self.layers)

    @property
    def reducing_seconds(self) -> float:
        """Of all reductions."""
        return sum(reduction.seconds for reduction in self.reductions)

    @property
    def reductions_by_layer(self) -> dict[str, dict[str, InputReduction]]:
        """By layer, then by the order that LLL started from."""
        found: dict[str, dict[str, InputReduction]] = {}
        for reduction in self.reductions:
            for layer in reduction.layers:
                found.setdefault(layer, {})[reduction.order] = reduction
        return found

    def to_json(self) -> str:
        """Numbers with six significant digits; one list a column, one entry a layer."""
        about = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("layers", "reductions")
        }
        layers = {name: _column(self.layers, name) for name in LAYER_FIELDS}
        layers["energy"] = _column([layer.results[0] for layer in self.layers], "energy")
        results = {
            overflow: {
                result.order: {
                    name: _column(
                        [layer.result(result.order, overflow) for layer in self.layers], name
                    )
                    for name in RESULT_FIELDS[overflow]
                }
                for result in self.layers[0].with_overflow(overflow)
            }
            for overflow in OVERFLOWS
        }
        reductions = {name: _column(self.reductions, name) for name in REDUCTION_FIELDS}
        whole = about | {"layers": layers, "results": results, "reductions": reductions}
        return json.dumps(whole, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """What `to_json` wrote."""
        whole: dict[str, Any] = json.loads(text)
        columns, results = whole.pop("layers"), whole.pop("results")
        energies = columns.pop("energy")
        layers = tuple(
            LayerOrders(results=_results_of_layer(results, place, energies[place]), **layer)
            for place, layer in enumerate(_entries(columns))
        )
        reductions = tuple(
            InputReduction(**(entry | {"layers": tuple(entry["layers"])}))
            for entry in _entries(whole.pop("reductions"))
        )
        return cls(layers=layers, reductions=reductions, **whole)


def recorded_survey() -> OrderSurvey:
    """The packaged model, surveyed once (see order_survey.json)."""
    path = files("lattice_core.language_model").joinpath(RECORDED)
    return OrderSurvey.from_json(path.read_text(encoding="utf-8"))


def _results_of_layer(
    results: dict[Overflow, dict[str, dict[str, list[Any]]]], place: int, energy: float
) -> tuple[OrderResult, ...]:
    return tuple(
        OrderResult(
            order=order,
            overflow=overflow,
            energy=energy,
            **{
                # What does not depend on the overflow is written once.
                name: measured.get(name, results["keep"][order].get(name))[place]  # type: ignore[index]
                for name in RESULT_FIELDS["keep"]
            },
        )
        for overflow in OVERFLOWS
        for order, measured in results[overflow].items()
    )


def _column(records: Sequence[object], name: str) -> list[object]:
    return [_rounded(getattr(record, name)) for record in records]


def _entries(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _rounded(value: object) -> object:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
