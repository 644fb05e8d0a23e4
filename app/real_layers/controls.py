"""Choosing a view, a layer, its grid and its text: widgets, session and address bar in step.

Each selectbox stands for a field of the choice. The view asks for those that it alone needs.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from app.address_bar import show_link
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
NONE = "none"  # stands for None, with which streamlit shows an empty selectbox
OF_ONE_LAYER = ("block", "linear")
OF_THE_GRID = ("bits", "group", "scales", "damping")
OF_THE_TEXT = ("text", "tokens", "seed")


def chosen_layer() -> LayerChoice:
    """The choice on show, with the widgets that change it; the link is read once a session."""
    if "layer_choice" not in st.session_state:
        link = from_query(st.query_params.to_dict())
        st.session_state.layer_choice = st.session_state.opened_with = link.choice
        for notice in link.notices:
            st.warning(
                f"Part of the link made no sense. {plain(notice)}", icon=":material/link_off:"
            )
    if shows("controls"):
        _view()
        shown = st.session_state.layer_choice
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
    choice: LayerChoice = st.session_state.layer_choice
    query = choice.to_query()
    if st.session_state.hidden:
        query["hide"] = ",".join(st.session_state.hidden)
    show_link(query)
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


def _view() -> None:
    st.session_state.layer_view = st.session_state.layer_choice.view
    st.segmented_control(
        "View",
        options=OPTIONS["view"],
        key="layer_view",
        format_func=lambda view: VIEW_TITLES[str(view)],
        label_visibility="collapsed",
        on_change=_change,
        args=("view",),
    )


def select(name: str) -> None:
    """A selectbox for a field of the choice."""
    key = f"layer_{name}"
    choice: LayerChoice = st.session_state.layer_choice
    options, value = OPTIONS[name], getattr(choice, name)
    if name == "against":
        options = tuple(option for option in options if option != choice.text)
        value = choice.compared_with
    st.session_state[key] = NONE if value is None else value
    st.selectbox(
        TITLES[name],
        options=[NONE if option is None else option for option in options],
        key=key,
        format_func=lambda option: _title(name, option),
        help=HELP[name],
        width=WIDTHS[name],
        on_change=_change,
        args=(name,),
    )


def change(**fields: object) -> None:
    """Change fields of the choice on show."""
    st.session_state.layer_choice = replace(st.session_state.layer_choice, **fields)


def _change(name: str) -> None:
    value = st.session_state[f"layer_{name}"]
    if name == "view" and value is None:  # pressed again: it stays
        return
    change(**{name: None if value == NONE else value})


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
