"""Choosing a view, how weights are stored, and which product."""

from app.choice_widgets import NONE, ChoiceWidgets
from app.gpu_kernels.choice import OPTIONS, KernelChoice, from_query
from app.shared_problem import shows
from kernels.benchmark.shapes import SHAPES

VIEW_TITLES = {"how": "How they work", "speed": "How fast", "text": "What a model writes"}
TITLES = {
    "bits": "Bits of a code",
    "group": "Group size",
    "outliers": "Outliers",
    "shape": "Layer",
    "tokens": "Length",
}
HELP = {
    "bits": "b bits: the integers −2^(b−1) … 2^(b−1)−1.",
    "group": "Neighbouring columns of a row of W that share one scale.",
    "outliers": "Weights kept aside in 16 bits, with 16 bits for where they are.",
    "shape": "Inputs → outputs of the layer.",
    "tokens": "So many tokens are written by each backend.",
}
WIDTHS = {"bits": 130, "group": 140, "outliers": 130, "shape": 330, "tokens": 150}
MODELS = {"smollm2": "SmolLM2-135M", "qwen3-0.6b": "Qwen3-0.6B"}
STORING = ("bits", "group", "outliers")
OF_VIEW = {"how": STORING, "speed": ("shape", *STORING), "text": ("bits", "outliers", "tokens")}


def chosen() -> KernelChoice:
    """The choice on show, with the widgets of its view; the link is read once a session."""
    import streamlit as st

    WIDGETS.open(from_query)
    if shows("controls"):
        WIDGETS.select_view(VIEW_TITLES)
        with st.container(horizontal=True, vertical_alignment="bottom", key="kernel_controls"):
            for name in OF_VIEW[WIDGETS.choice.view]:
                WIDGETS.select(name)
    WIDGETS.show_link()
    choice: KernelChoice = WIDGETS.choice
    return choice


def change(**fields: object) -> None:
    """Change fields of the choice on show."""
    WIDGETS.change(**fields)


def shape_title(shape: str) -> str:
    """``4096 → 4096``, and the model's layer where it is one."""
    columns, rows = SHAPES[shape]
    model, _, layer = shape.rpartition("-")
    of = f" ({MODELS[model]}, {layer})" if model in MODELS else ""
    return f"{columns} → {rows}{of}"


def _title(name: str, option: object) -> str:
    if name == "bits":
        return f"{option} bits"
    if name == "group":
        return "whole row" if option == NONE else str(option)
    if name == "outliers":
        return f"{100 * float(str(option)):g} %"
    if name == "shape":
        return shape_title(str(option))
    return f"{option} tokens"


WIDGETS = ChoiceWidgets("kernel_choice", "kernel", OPTIONS, TITLES, HELP, WIDTHS, _title)
