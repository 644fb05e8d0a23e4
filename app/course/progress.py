"""How far a visitor has come: pages opened and predictions made, remembered by the browser's tab.

Python knows the progress of its own session. A reload begins a new one; so the tab keeps a copy in
its session storage and hands back what Python has forgotten. Nothing is stored on the server.
"""

import streamlit as st

from app.navigation import CHAPTERS

OPENED, PREDICTED = "opened", "predicted"  # in this order: a prediction is made on an opened page
_STORAGE = "nearest-plane-progress"

# Tells Python only what it lacks, so that there is one more run after a reload and else none.
_memory = st.components.v2.component(
    "nearest_plane_progress",
    js="""export default function ({ data, setStateValue }) {
        const { storage, progress } = data;
        let kept = {};
        try { kept = JSON.parse(sessionStorage.getItem(storage)) ?? {}; } catch { /* not ours, or not allowed */ }
        const merged = { ...progress };
        let more = false;
        for (const [page, state] of Object.entries(kept)) {
            if (merged[page] === state || merged[page] === "predicted") continue;
            merged[page] = state;
            more = true;
        }
        try { sessionStorage.setItem(storage, JSON.stringify(merged)); } catch { /* not allowed */ }
        if (more) setStateValue("kept", merged);
    }""",
)


def begin_visit(title: str) -> None:
    """Note that the page with this title is open; called by the entry before the page."""
    st.session_state.open_page = next(c.file for c in CHAPTERS if c.title == title)
    _progress().setdefault(st.session_state.open_page, OPENED)


def predicted() -> None:
    """Note that a prediction was made on the open page."""
    _progress()[st.session_state.open_page] = PREDICTED


def state_of(file: str) -> str:
    """``"opened"``, ``"predicted"``, or empty for a page not seen yet."""
    state: str = _progress().get(file, "")
    return state


def remember_in_browser() -> None:
    """Keep the tab's copy in step; called by the entry after the page."""
    _memory(
        key="progress_memory",
        data={"storage": _STORAGE, "progress": dict(_progress())},
        default={"kept": None},
        on_kept_change=_take_back,
    )


def _take_back() -> None:
    """Whatever the browser sends is only believed where it names a page and a state of ours."""
    kept = st.session_state["progress_memory"]["kept"]
    files = {chapter.file for chapter in CHAPTERS}
    for file, state in kept.items() if isinstance(kept, dict) else ():
        if file in files and state in (OPENED, PREDICTED) and state_of(file) != PREDICTED:
            _progress()[file] = state


def _progress() -> dict[str, str]:
    progress: dict[str, str] = st.session_state.setdefault("progress", {})
    return progress
