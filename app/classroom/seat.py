"""This session's seat in a room: who sits there, and what they look at."""

import secrets

import streamlit as st

from app import cached
from app.address_bar import session
from app.classroom.tally import Place, RoomsFull


def sit_down() -> None:
    """Take the seat that the link names; the entry calls this before every page."""
    st.session_state.is_seated = False
    st.session_state.asked_here = {}
    st.session_state.reveal_key_is_taken = False
    if not session().room:
        return
    try:
        be_seen()
    except RoomsFull as error:
        st.warning(
            f"{error} This page works as it does without a room.", icon=":material/group_off:"
        )
    else:
        st.session_state.is_seated = True


def look_at(page: str, query: dict[str, str]) -> None:
    """Note what is on show; the entry calls this after every page."""
    st.session_state.place = Place(page, tuple(sorted(query.items())))
    if is_seated():
        be_seen()


def be_seen() -> None:
    """Tell the room that this session is still there, and where.

    Raises
    ------
    RoomsFull
        If there is no place.
    """
    link = session()
    cached.tally().enter(link.room, visitor(), place(), teaching=link.teaching)


def is_seated() -> bool:
    """Whether this session takes part in a class."""
    seated: bool = st.session_state.get("is_seated", False)
    return seated


def is_teacher() -> bool:
    """Whether it is the teacher's."""
    return is_seated() and session().teaching


def place() -> Place | None:
    """What is on show; ``None`` before the first page has run."""
    shown: Place | None = st.session_state.get("place")
    return shown


def visitor() -> str:
    """A random number for this session, which says nothing about the person."""
    if "visitor" not in st.session_state:
        st.session_state.visitor = secrets.token_hex(8)
    number: str = st.session_state.visitor
    return number
