"""The address bar: it always holds a link to what is on show.

What holds for the whole session (`app.session_link`) is added here, so that it stays from page to page.
"""

import streamlit as st

from app.session_link import NAMES, SessionLink, from_query


def open_session_link() -> tuple[str, ...]:
    """Read what the link that opened this session says for all of it; returns what made no sense.

    The entry calls this at the start of every run.
    """
    st.session_state.link_is_shown = False
    st.session_state.link_was_followed = st.session_state.pop("link_to_follow", False)
    if "session_link" in st.session_state:
        return ()
    st.session_state.session_link = from_query(st.query_params.to_dict())
    return session().notices


def session() -> SessionLink:
    """What holds for the whole session."""
    link: SessionLink = st.session_state.get("session_link", SessionLink())
    return link


def show_link(query: dict[str, str]) -> None:
    """Put a query into the address bar, unless it is there.

    What the server takes for the browser's query may be out of date: it came with the request that started this run,
    perhaps before the browser had received the link of the run before. So what was shown last is asked too.
    """
    query = query | session().to_query()
    st.session_state.link_is_shown = True
    if not st.query_params.to_dict() == query == st.session_state.get("shown_link"):
        st.session_state.shown_link = query
        st.query_params.from_dict(query)


def close_run() -> dict[str, str]:
    """Called by the entry after the page: the page's own part of the link, which may be empty."""
    if not st.session_state.link_is_shown:
        # The page has no link of its own, or could not show what it names: what came stays.
        show_link(_own_part(st.query_params.to_dict()))
    return _own_part(st.session_state.shown_link)


def _own_part(query: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in query.items() if name not in NAMES}


def follow(page: st.Page, query: dict[str, str]) -> None:
    """Go to what a link shows, as if it had been opened, but in this session. Ends the run.

    Parameters
    ----------
    page : st.Page
    query : dict of str
        The page's own part of the link.
    """
    st.session_state.link_to_follow = True
    st.switch_page(page, query_params=query | session().to_query())


def is_followed() -> bool:
    """Whether this run is the first after `follow`: then the link is read again."""
    followed: bool = st.session_state.get("link_was_followed", False)
    return followed
