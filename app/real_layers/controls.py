"""Choosing a view, a layer, its grid and its text: widgets, session and address bar in step.

Each selectbox stands for a field of the choice. The view asks for those that it alone needs.
"""

from typing import TYPE_CHECKING

import streamlit as st

from app.choice_widgets import NONE, ChoiceWidgets
from app.order_names import ORDER_NAMES
from app.real_layers.choice import OPTIONS, SHAPES, LayerChoice, from_query
from app.real_layers.work import Calibration
from app.shared_problem import plain, shows

if TYPE_CHECKING:
    from lattice_core.language_model import Text

VIEW_TITLES = {"one": "One layer", "all": "All layers", "texts": "Calibration text"}
TITLES = {
    "block": "Block",
    "linear": "Layer",
    "bits": "Integer grid",
    "group": "Group size",
    "scales": "Scale rule",
    "damping": "Damping λ",
    "text": "Calibration text",
    "tokens": "Its length",
    "seed": "Which part of it",
    "order": "Order",
    "against": "Compared with",
}
TEXT_TITLES = {
    "calibration": "Python documentation",
    "evaluation": "Python documentation, other part",
    "file": "A file of yours",
    "windows": "Other windows of the same text",
}
HELP = {
    "block": "The model has 30 blocks, one after another, numbered from 0. "
    "Later blocks take longer: the text must run through all before them.",
    "linear": "q, k, v, o: attention. gate, up, down: the feed-forward part. "
    "In brackets: outputs × inputs.",
    "bits": "b bits: the integers −2^(b−1) … 2^(b−1)−1.",
    "group": "Neighbouring inputs of a row that share one grid spacing. "
    "The last group may be shorter.",
    "scales": "mse: the spacing with the least squared rounding error. "
    "absmax: the largest weight just fits.",
    "damping": "Adds λ · mean(diag H) to the diagonal of the Hessian.",
    "text": "It is run through the model. The layer's inputs $X$ make the Hessian $X^\\top X$. "
    "The documentation comes with Python; its two parts have no paragraph in common.",
    "tokens": "How much of the text is run through the model.",
    "seed": "From its start, or windows of 1,024 tokens drawn at random. "
    "Another seed draws other windows.",
    "order": "Who is quantized first. “The best” has the smallest loss with every code kept.",
    "against": "The layer is calibrated on each, and each result is judged on all of them. "
    "Other windows: the same text, drawn four times.",
}
# Two fit side by side on a phone.
WIDTHS = {
    "block": 95,
    "linear": 210,
    "bits": 115,
    "group": 130,
    "scales": 125,
    "damping": 125,
    "text": 320,
    "tokens": 160,
    "seed": 165,
    "order": 260,
    "against": 320,
}
OF_ONE_LAYER = ("block", "linear")
OF_THE_GRID = ("bits", "group", "scales", "damping")
OF_THE_TEXT = ("text", "tokens", "seed")


def chosen_layer() -> LayerChoice:
    """The choice on show, with the widgets that change it; the link is read once a session."""
    if WIDGETS.open(from_query):
        st.session_state.opened_with = WIDGETS.choice
    if shows("controls"):
        WIDGETS.select_view(VIEW_TITLES)
        shown: LayerChoice = WIDGETS.choice
        layer = () if shown.view == "all" else OF_ONE_LAYER
        compared = ("against",) if shown.view == "texts" else ()
        draws = compared and shown.compared_with == "windows"
        with st.container(horizontal=True, vertical_alignment="bottom", key="layer_controls"):
            for name in (*layer, *OF_THE_GRID):
                select(name)
        with st.container(horizontal=True, vertical_alignment="bottom", key="text_controls"):
            for name in (*OF_THE_TEXT, *compared):
                if not (name == "seed" and draws):  # several are drawn
                    select(name)
    WIDGETS.show_link()
    choice: LayerChoice = WIDGETS.choice
    return choice


def calibration(choice: LayerChoice) -> Calibration | None:
    """The calibration that the choice stands for; ``None`` while a file is asked for."""
    text = chosen_text(choice.text)
    return None if text is None else Calibration(text, choice.tokens, choice.seed)


def chosen_text(name: str) -> "Text | None":
    """A part of the documentation, or the visitor's file: asked for, and kept for this session."""
    if name == "file":
        return _own_text()
    from lattice_core.language_model import embedded_text

    return embedded_text(name)  # type: ignore[arg-type]


def _own_text() -> "Text | None":
    from lattice_core.language_model import decode_text

    uploaded = st.file_uploader(
        "Text file (UTF-8, a few thousand words or more)",
        type=["txt", "md", "rst", "csv", "json", "py", "tex", "html"],
        key="own_text_upload",
        help="It goes to the machine that serves this page, and stays in its memory with what is computed from it.",
    )
    refused = False
    if uploaded is not None:
        try:
            st.session_state.own_text = decode_text(uploaded.getvalue(), uploaded.name)
        except ValueError as error:
            st.error(plain(str(error)), icon=":material/error:")
            refused = True
    text: Text | None = st.session_state.get("own_text")
    if text is None:
        st.info("Choose a text file to calibrate on.", icon=":material/upload_file:")
    elif uploaded is None or refused:
        st.caption(f"The file in use is still {plain(text.source)}.")
    return text


def select(name: str) -> None:
    """A selectbox for a field of the choice."""
    if name == "against":  # a text is not compared with itself
        shown: LayerChoice = WIDGETS.choice
        options = [option for option in OPTIONS[name] if option != shown.text]
        WIDGETS.select(name, options, shown.compared_with)
    else:
        WIDGETS.select(name)


def change(**fields: object) -> None:
    """Change fields of the choice on show."""
    WIDGETS.change(**fields)


def _title(name: str, option: object) -> str:
    if name == "linear":
        rows, columns = SHAPES[str(option)]
        return f"{option} ({rows} × {columns})"
    if name in ("text", "against"):
        return TEXT_TITLES[str(option)]
    if name == "order":
        return "The best" if option == "best" else ORDER_NAMES[str(option)].title
    if name == "tokens":
        return f"{option:,} tokens"
    if name == "seed":
        return "from its start" if option == NONE else f"drawn, seed {option}"
    if name == "bits":
        return f"{option} bits"
    if name == "group":
        return "whole row" if option == NONE else str(option)
    return f"{option:g}" if isinstance(option, float) else str(option)


WIDGETS = ChoiceWidgets("layer_choice", "layer", OPTIONS, TITLES, HELP, WIDTHS, _title)
