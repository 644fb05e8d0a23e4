"""Home: what this is, the dictionary, the map, what this machine has."""

import streamlit as st

from app import lesson
from app.machine import abilities
from app.navigation import CHAPTERS, pages

IN_A_ROW = 3  # chapters on the map

DICTIONARY = {
    "input column $j$ of the layer, times its spacing $s_j$": "basis vector $b_j$",
    "a row of weights $w$": "target $y$",
    "integer codes $z$": "a lattice point $Bz$",
    "the layer's squared error $\\lVert X(q-w)\\rVert^2$, damping included": "squared distance $\\lVert Bz-y\\rVert^2$",
    "rounding to nearest": "Babai's rounding (round-off)",
    "GPTQ": "Babai's nearest plane",
    "pushing an error to the other weights": "projecting the target on a plane",
    "order of quantization": "order of the basis, reversed",
    "pivots of the Hessian times squared spacings, $D_j s_j^2$": "squared Gram-Schmidt lengths",
    "act-order, min-pivot": "ways to sort the basis",
    "clipping to $b$ bits": "keeping to a finite piece of the lattice",
}


def page() -> None:
    lesson.title("Nearest Plane", "Quantizing a language model is finding a close lattice point.")
    st.markdown(
        "Large language models are stored with few bits: each weight is replaced by an integer times "
        "a grid spacing. The usual way to choose the integers is called **GPTQ** (2022). "
        "In 2025 two papers found that GPTQ, run back to front, *is* an algorithm of László Babai "
        "from 1986: **nearest plane**, which looks for a close point of a lattice.\n\n"
        "That gives the algebra a picture, its error a bound, and the order of the weights a theory. "
        "Here you can drag, step and measure all three, first with two weights, "
        "then on the layers of a real model. You need linear algebra; no lattices."
    )
    _map()
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("The dictionary", anchor="dictionary")
        rows = "\n".join(f"| {a} | {b} |" for a, b in DICTIONARY.items())
        st.markdown(f"| Quantization | Lattice |\n|---|---|\n{rows}")
        st.caption("$X$: the layer's inputs on sample text. $q_j = s_j z_j$, $s_j$: grid spacing.")
    with right:
        st.subheader("This machine", anchor="machine")
        for ability in abilities():
            icon = (
                ":material/check_circle:"
                if ability.present
                else ":material/radio_button_unchecked:"
            )
            st.markdown(f"{icon} **{ability.name}**: {ability.detail}")
    lesson.sources(
        {
            "C": "GPTQ is Babai, the bound, min-pivot, quantizing without clipping.",
            "B": "the same theorem, independently; damping as a lattice.",
            "Babai": "the algorithm.",
            "GPTQ": "the usual method.",
        }
    )


def _map() -> None:
    st.subheader("Where to go", anchor="map")
    linked = {page.title: page for section in pages().values() for page in section}
    columns = [column for _ in CHAPTERS[1::IN_A_ROW] for column in st.columns(IN_A_ROW)]
    for column, chapter in zip(columns, CHAPTERS[1:], strict=False):
        with column, st.container(border=True, height="stretch"):
            st.page_link(linked[chapter.title], label=f"**{chapter.title}**", icon=chapter.icon)
            st.markdown(chapter.question)
            st.caption(chapter.section)


page()
