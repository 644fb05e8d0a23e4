"""Links for a class: one for the pupils, one for the teacher."""

import secrets
import string
from dataclasses import replace
from urllib.parse import urlsplit

import streamlit as st

from app import shared_problem
from app.address_bar import session
from app.serving import EVERYWHERE, THIS_MACHINE, addresses
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
    host = st.get_option("server.address") or ""
    if host in THIS_MACHINE:
        st.write(
            "Now only this machine can open the app. To serve a class, start it with `make app HOST=0.0.0.0`."
        )
    address = _for_others(address, host)
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
        "room was last used. Remove “&room=…” to show a lesson without a room. Behind a proxy that "
        "does not pass on the name in the address (`Host`), set `STREAMLIT_BROWSER_SERVER_ADDRESS` to "
        "that name; leave CORS and XSRF protection on."
    )


def _for_others(address: str, host: str) -> str:
    """The address as others in the network open it, if it names this machine as “localhost”."""
    parts = urlsplit(address)
    if host not in EVERYWHERE or parts.hostname not in THIS_MACHINE:
        return address
    *_, there = addresses(host, parts.port or 80)
    return there + parts.path


def _new_room() -> str:
    """A name that is hard to guess; the same one for the whole session."""
    if "new_room" not in st.session_state:
        st.session_state.new_room = "".join(secrets.choice(LETTERS) for _ in range(NAME_LENGTH))
    name: str = st.session_state.new_room
    return name
