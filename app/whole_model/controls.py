"""Choosing a view, what it shows of the study, and what is to be done here: widgets in step with the link."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from app.choice_widgets import NONE, ChoiceWidgets
from app.figures.study_marks import NAMES
from app.order_names import ORDER_NAMES
from app.shared_problem import shows
from app.whole_model.choice import GRID_BITS, OPTIONS, ModelChoice, from_query
from app.whole_model.layer_quantities import QUANTITIES
from app.whole_model.measures import MEASURES, PREDICTOR_TITLES, run_title
from app.whole_model.study_on_show import recorded_study, run_keys

VIEW_TITLES = {"recorded": "Recorded study", "here": "Run it here"}
COMPARISONS = {
    "methods": "Ways to quantize",
    "orders": "Orders, clipped and kept",
    "inputs": "Inputs and calibration",
}
INPUT_TITLES = {
    "one_shot": "one-shot",
    "sequential": "sequential",
    "targets": "sequential, targets of the original",
}
TITLES = {
    "compare": "Compare",
    "measure": "Damage",
    "predictor": "Predicted by",
    "run": "Model",
    "quantity": "Colour",
    "layer": "Layer",
    "other": "Beside it",
    "method": "Way to quantize",
    "bits": "Bits a weight",
    "outliers": "Kept aside",
    "beams": "K-best",
    "descent": "Coordinate descent",
    "rate_aware": "Rate-aware",
    "refit": "Refit scales",
    "order": "Order",
    "inputs": "Inputs",
    "tokens": "Calibrate on",
    "evaluated": "Evaluate on",
}
HELP = {
    "compare": "The study has three parts: ways to quantize at three sizes; four orders with codes clipped or "
    "kept; other inputs and other calibration text.",
    "measure": "Of the whole model. Smaller is better. The words are explained above.",
    "predictor": "A number of the layers that is known before the model is run.",
    "run": "Whose layers are shown, and whose text.",
    "quantity": "What the colours of the map stand for.",
    "layer": "Block and linear layer.",
    "other": "Another model that writes after the same prompt.",
    "method": "Each is explained under “What the words mean”.",
    "bits": "Asked for. With a grid: whole bits, and a quarter of a bit for a 16-bit scale for each 64 weights.",
    "outliers": "The share of weights that SSQR keeps aside, in 16 bits, with 16 more for where they are.",
    "beams": "So many partial codes are kept for each row; off is nearest plane. For GPTQ, HPTQ and Spacing.",
    "descent": "At the end, move single codes while that lowers the loss.",
    "rate_aware": "Choose codes for loss and bits together. For HPTQ and Spacing.",
    "refit": "With the codes known, fit the scales to them anew. Not for SSQR.",
    "order": "Which column of a layer is rounded first.",
    "inputs": "One-shot is fastest. In the others a layer sees the errors of the blocks before it.",
    "tokens": "Of Python's documentation, the part for calibration. In windows of 512 tokens.",
    "evaluated": "Of Python's documentation, the other part. In windows of 1,024 tokens.",
}
WIDTHS = {
    "compare": 270,
    "measure": 270,
    "predictor": 270,
    "run": 420,
    "quantity": 270,
    "layer": 150,
    "other": 420,
    "method": 190,
    "bits": 150,
    "outliers": 120,
    "beams": 110,
    "order": 270,
    "inputs": 300,
    "tokens": 155,
    "evaluated": 155,
}
TOGGLES = ("descent", "rate_aware", "refit")


def chosen() -> ModelChoice:
    """The choice on show, with the widget for the view; the link is read once a session."""
    WIDGETS.open(partial(from_query, runs=run_keys()))
    if shows("controls"):
        WIDGETS.select_view(VIEW_TITLES)
    WIDGETS.show_link()
    choice: ModelChoice = WIDGETS.choice
    return choice


def pick(*names: str) -> None:
    """Widgets side by side, for fields of the choice."""
    if not shows("controls"):
        return
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"pick_{names[0]}"):
        for name in names:
            select(name)


def select(name: str, options: Sequence[object] | None = None, value: object = None) -> None:
    """A widget for a field; other options and another value than the choice's may be given."""
    shown: ModelChoice = WIDGETS.choice
    if name in TOGGLES:
        _toggle(name)
    elif name == "bits" and shown.has_a_grid:
        WIDGETS.select(name, GRID_BITS, shown.target_bits)
    else:
        WIDGETS.select(name, options, value)


def change(**fields: object) -> None:
    """Change fields of the choice on show."""
    WIDGETS.change(**fields)


def _toggle(name: str) -> None:
    key = f"model_{name}"
    st.session_state[key] = getattr(WIDGETS.choice, name)
    st.toggle(
        TITLES[name],
        key=key,
        help=HELP[name],
        on_change=lambda: change(**{name: st.session_state[key]}),
    )


def _title(name: str, option: object) -> str:
    titles = {
        "compare": COMPARISONS,
        "predictor": PREDICTOR_TITLES,
        "inputs": INPUT_TITLES,
        "method": NAMES | {"ssqr": "SSQR"},
    }
    if name in titles:
        return titles[name][str(option)]
    if name == "measure":
        return MEASURES[str(option)].title
    if name == "quantity":
        return QUANTITIES[str(option)].title
    if name == "order":
        return ORDER_NAMES[str(option)].title
    if name == "bits":
        return f"{option:g} bits" if isinstance(option, float) else str(option)
    if name == "outliers":
        return f"{100 * float(str(option)):g} %"
    if name == "beams":
        return "off" if option == NONE else f"K = {option}"
    if name in ("tokens", "evaluated"):
        return f"{option:,} tokens"
    study = recorded_study()
    run = study.run(str(option)) if study else None
    return run_title(run) if run else str(option)


WIDGETS = ChoiceWidgets("model_choice", "model", OPTIONS, TITLES, HELP, WIDTHS, _title)
