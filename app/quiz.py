"""Predict, then reveal: a question whose answer is computed from the problem on show.

In a class (`app.classroom`) it is the teacher who reveals.
"""

from collections.abc import Sequence
from zlib import crc32

import streamlit as st

from app.classroom.asking import hand_in, present, standing
from app.classroom.seat import is_seated, is_teacher
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
    if is_teacher():
        present(question, options, answer, explanation, key=key)
        return
    choice = st.radio(question, options, index=None, key=_widget(key))
    if choice is not None:
        progress.predicted()
    if is_seated() and not hand_in(key, choice):
        return
    if choice is None:
        st.caption("Choose an answer; it is checked against the numbers on this page.")
    elif choice == answer:
        st.success(f"Yes. {explanation}", icon=":material/check:")
    else:
        st.info(f"Not this one: it is {answer}. {explanation}", icon=":material/lightbulb:")


def is_answered(key: str) -> bool:
    """Whether the answer is to be shown: before that, one that takes long need not be computed."""
    chosen = is_teacher() or st.session_state.get(_widget(key)) is not None
    return chosen and (not is_seated() or standing(key).revealed)


def _widget(key: str) -> str:
    return f"quiz_{crc32(key.encode())}_{standing(key).asked}"
