"""The teacher's screen: what is put away until it is asked for, and how large the type is."""

import streamlit as st

from app.address_bar import session

PUT_AWAY = ("controls", "try", "code", "sources", "downloads")


def is_put_away(part: str) -> bool:
    """Whether this part of a page is hidden because the teacher is presenting."""
    return (
        session().teaching
        and part in PUT_AWAY
        and not st.session_state.get("teacher_has_controls", False)
    )


def turn_controls() -> None:
    """Show what is put away, or put it away again."""
    st.session_state.teacher_has_controls = not st.session_state.get("teacher_has_controls", False)


def turn_type() -> None:
    """Large type, or the usual."""
    st.session_state.teacher_has_usual_type = not st.session_state.get(
        "teacher_has_usual_type", False
    )


def enlarge_type() -> None:
    """Large type, unless the teacher has gone back to the usual: everything is sized in the root's."""
    if not st.session_state.get("teacher_has_usual_type", False):
        st.html("<style>:root:root {font-size: 20px}</style>")
