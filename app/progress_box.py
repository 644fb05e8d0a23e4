"""How far a background job has come, with a button that cancels it."""

from collections.abc import Callable

import streamlit as st

from app.background_job import Progress


def progress_box(
    seen: Progress,
    unit: str,
    cancel: Callable[[], None],
    caption: str,
    fraction: float | None = None,
) -> None:
    """A bar, the time left, and *Cancel*.

    Parameters
    ----------
    seen : Progress
    unit : str
        What `seen.done` counts, in the plural.
    cancel : callable
    caption : str
        What else the user can do, and what cancelling means.
    fraction : float, optional
        How full the bar is, where `seen` is part of more. By default as `seen` says.
    """
    text = seen.message
    if seen.total:
        text += f" {seen.done:,} of {seen.total:,} {unit}."
    if seen.seconds_left is not None:
        text += f" About {duration(seen.seconds_left)} left."
    if fraction is None:
        fraction = seen.done / seen.total if seen.total else 0.0
    with st.container(border=True, key="job"):
        st.progress(fraction, text=text)
        st.button("Cancel", icon=":material/close:", on_click=cancel)
        st.caption(caption)


def duration(seconds: float) -> str:
    """For people: seconds up to a minute and a half, then minutes."""
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
