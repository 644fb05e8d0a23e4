"""The address bar: it always holds a link to what is on show."""

import streamlit as st


def show_link(query: dict[str, str]) -> None:
    """Put a query into the address bar, unless it is there.

    What the server takes for the browser's query may be out of date: it came with the request that started this run,
    perhaps before the browser had received the link of the run before. So what was shown last is asked too.
    """
    if not st.query_params.to_dict() == query == st.session_state.get("shown_link"):
        st.session_state.shown_link = query
        st.query_params.from_dict(query)
