"""Predict, then reveal: a question whose answer is computed from the problem on show."""

from collections.abc import Sequence
from zlib import crc32

import streamlit as st

from app.course import progress


def predict(
    question: str, options: Sequence[str], answer: str, explanation: str, *, key: str
) -> None:
    """Ask, and answer at once when a choice is made.

    Parameters
    ----------
    question : str
        Markdown.
    options : sequence of str
        Different answers, `answer` among them.
    answer : str
        The right one, computed from the problem on show.
    explanation : str
        Markdown, shown after the choice.
    key : str
        Unique; must change when the problem does, so that the choice is forgotten.
    """
    st.subheader("Predict, then look", anchor="predict")
    choice = st.radio(question, options, index=None, key=_widget(key))
    if choice is not None:
        progress.predicted()
    if choice is None:
        st.caption("Choose an answer; it is checked against the numbers on this page.")
    elif choice == answer:
        st.success(f"Yes. {explanation}", icon=":material/check:")
    else:
        st.info(f"Not this one: it is {answer}. {explanation}", icon=":material/lightbulb:")


def is_chosen(key: str) -> bool:
    """Whether a choice was made: before that, an answer that takes long need not be computed."""
    return st.session_state.get(_widget(key)) is not None


def _widget(key: str) -> str:
    return f"quiz_{crc32(key.encode())}"
