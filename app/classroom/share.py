"""Links for a class: one for the pupils, one for the teacher."""

import secrets
import string
from dataclasses import replace

import streamlit as st

from app import shared_problem
from app.address_bar import session
from app.session_link import SessionLink

LETTERS = [letter for letter in string.ascii_lowercase + string.digits if letter not in "0o1il"]
NAME_LENGTH = 6


def for_a_class(address: str) -> None:
    """The two links to what is on show, with a new room unless the session is in one.

    Parameters
    ----------
    address : str
        Of the page, without the query.
    """
    st.markdown("**For a class**")
    pupils = SessionLink(hidden=("controls", "laws", "code"), room=session().room or _new_room())
    teacher = replace(pupils, hidden=(), teaching=True)
    st.write("Pupils open this. They predict, and wait for you. Controls and laws are hidden.")
    st.code(f"{address}?{shared_problem.link_to_here(pupils)}", language=None, wrap_lines=True)
    st.write(
        "You open this on the screen in front. It counts the predictions and reveals the answer. "
        "There is no password: **whoever knows this link can reveal.**"
    )
    st.code(f"{address}?{shared_problem.link_to_here(teacher)}", language=None, wrap_lines=True)
    st.caption(
        "No names are asked. Predictions are counted in memory, and forgotten two hours after the "
        "room was last used. Remove “&room=…” to show a lesson without a room."
    )


def _new_room() -> str:
    """A name that is hard to guess; the same one for the whole session."""
    if "new_room" not in st.session_state:
        st.session_state.new_room = "".join(secrets.choice(LETTERS) for _ in range(NAME_LENGTH))
    name: str = st.session_state.new_room
    return name
