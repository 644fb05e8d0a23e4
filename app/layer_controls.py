"""Choosing a layer and its grid: widgets, session and address bar in step."""

from dataclasses import replace

import streamlit as st

from app.address_bar import show_link
from app.layer_choice import OPTIONS, SHAPES, LayerChoice, from_query
from app.shared_problem import plain, shows

TITLES = {
    "block": "Block",
    "linear": "Layer",
    "tokens": "Calibration text",
    "bits": "Integer grid",
    "group": "Group size",
    "scales": "Scale rule",
    "damping": "Damping λ",
}
HELP = {
    "block": "The model has 30 blocks, one after another, numbered from 0. "
    "Later blocks take longer: the text must run through all before them.",
    "linear": "q, k, v, o: attention. gate, up, down: the feed-forward part. "
    "In brackets: outputs × inputs.",
    "tokens": "How much text is run through the model. The layer's inputs $X$ make the Hessian "
    "$X^\\top X$.",
    "bits": "b bits: the integers −2^(b−1) … 2^(b−1)−1.",
    "group": "Neighbouring inputs of a row that share one grid spacing. "
    "The last group may be shorter.",
    "scales": "mse: the spacing with the least squared rounding error. "
    "absmax: the largest weight just fits.",
    "damping": "Adds λ · mean(diag H) to the diagonal of the Hessian.",
}

# Two fit side by side on a phone.
WIDTHS = {
    "block": 95,
    "linear": 210,
    "tokens": 150,
    "bits": 115,
    "group": 130,
    "scales": 125,
    "damping": 125,
}


def chosen_layer() -> LayerChoice:
    """The choice on show, with the widgets that change it; the link is read once a session."""
    if "layer_choice" not in st.session_state:
        link = from_query(st.query_params.to_dict())
        st.session_state.layer_choice = link.choice
        for notice in link.notices:
            st.warning(
                f"Part of the link made no sense. {plain(notice)}", icon=":material/link_off:"
            )
    if shows("controls"):
        with st.container(horizontal=True, vertical_alignment="bottom", key="layer_controls"):
            for name in TITLES:
                _select(name)
    choice: LayerChoice = st.session_state.layer_choice
    query = choice.to_query()
    if st.session_state.hidden:
        query["hide"] = ",".join(st.session_state.hidden)
    show_link(query)
    return choice


def _select(name: str) -> None:
    key = f"layer_{name}"
    st.session_state[key] = getattr(st.session_state.layer_choice, name)
    st.selectbox(
        TITLES[name],
        options=OPTIONS[name],
        key=key,
        format_func=lambda option: _title(name, option),
        help=HELP[name],
        width=WIDTHS[name],
        on_change=_change,
        args=(name,),
    )


def _change(name: str) -> None:
    value = st.session_state[f"layer_{name}"]
    st.session_state.layer_choice = replace(st.session_state.layer_choice, **{name: value})


def _title(name: str, option: object) -> str:
    if name == "linear":
        rows, columns = SHAPES[str(option)]
        return f"{option} ({rows} × {columns})"
    if name == "tokens":
        return f"{option:,} tokens"
    if name == "bits":
        return f"{option} bits"
    if name == "group":
        return "whole row" if option is None else str(option)
    return f"{option:g}" if isinstance(option, float) else str(option)
