"""The dictionary on Home: a list of pairs beside the figure that shows the pair pointed at."""

from pathlib import Path

import streamlit as st

from app.cached import dictionary_on_show
from app.figures.dictionary_pairs import DICTIONARY
from app.stepper import stepper

STEPPER = "dictionary_stepper"


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


_list = st.components.v2.component(
    "nearest_plane_dictionary",
    html='<div class="dictionary"></div>',
    css=_text("dictionary.css"),
    js=_text("dictionary.js"),
    isolate_styles=False,
)


def dictionary() -> None:
    """Each line names one thing twice; the figure shows it twice."""
    st.subheader("The dictionary", anchor="dictionary")
    st.markdown(
        "Two languages for one thing. Point at a line, or select it: the figure lights up what it means in "
        "the lattice (left) and on the number lines of the weights (right)."
    )
    picture, words = st.columns([3, 2], gap="medium")
    with words:
        _list(
            key="dictionary_list",
            data={
                "stepper": STEPPER,
                "pairs": [[pair.quantization, pair.lattice] for pair in DICTIONARY],
            },
            height="content",
        )
        st.caption(
            "X: the layer's inputs on sample text. qⱼ = sⱼ zⱼ, sⱼ: the spacing of weight j's grid."
        )
    with picture:
        stepper(
            dictionary_on_show,
            key=STEPPER,
            step=st.session_state.setdefault("dictionary_step", 0),
            on_step=_go_to,
            height=430,
        )


def _go_to(step: int) -> None:
    st.session_state.dictionary_step = step
