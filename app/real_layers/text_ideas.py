"""What to try with calibration texts: buttons that change the choice, and what to look for."""

import streamlit as st

from app.real_layers.choice import OPTIONS, SHAPES, LayerChoice
from app.real_layers.controls import change
from app.shared_problem import shows


def try_texts(choice: LayerChoice) -> None:
    """Offer what differs from the choice on show."""
    if not shows("try"):
        return
    st.subheader("Try this", anchor="try")
    for label, look, changes in ideas(choice):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(label, key=f"try_{label}", on_click=change, kwargs=changes)
            st.markdown(look)


def ideas(choice: LayerChoice) -> list[tuple[str, str, dict[str, object]]]:
    """Label, what to look for, fields to change."""
    offered = []
    if (more := _next("damping", choice.damping)) is not None:
        offered.append(
            (
                f"Damping {more:g}",
                "The loss on the calibration text itself grows. And on the other?",
                {"damping": more},
            )
        )
    if (more := _next("tokens", choice.tokens)) is not None:
        offered.append((f"{more:,} tokens", "More text. Does the gap close?", {"tokens": more}))
    if choice.compared_with != "windows":
        offered.append(
            (
                "Four draws",
                "The same text, other windows. How much of the gap is left?",
                {"against": "windows"},
            )
        )
    if choice.linear != "down_proj":
        inputs = SHAPES["down_proj"][1]
        offered.append(
            (
                "A wider layer",
                f"{inputs:,} inputs in place of {SHAPES[choice.linear][1]:,}: more to overfit with.",
                {"linear": "down_proj"},
            )
        )
    return offered


def _next(name: str, value: object):
    options = OPTIONS[name]
    place = options.index(value) + 1
    return options[place] if place < len(options) else None
