"""Figures made once for the same inputs: charts that only show something are replayed, stepped figures kept.

Plotly checks every attribute of a figure when it is made and again when it is shown, 10 to 20 ms a chart. A page with
a few of them would spend most of a rerun on charts that did not change, such as after each step of its figure.
"""

import pickle
from collections.abc import Callable
from hashlib import sha256

import plotly.graph_objects as go
import streamlit as st

from app.figures.stepped import SteppedFigure
from lattice_core import Problem

Figure = SteppedFigure | go.Figure


def chart(draw: Callable[..., go.Figure], *inputs: object, key: str, alt: str) -> None:
    """Show ``draw(*inputs)``.

    Parameters
    ----------
    draw : callable
        A function of a module, whose figure depends on its inputs alone.
    *inputs
        Anything that can be pickled.
    key : str
        Unique on the page.
    alt : str
        What the chart shows, in words.

    Raises
    ------
    ValueError
        If ``draw`` is a lambda or a function within another: they have no name to be known by.
    """
    name = _name(draw)
    if not name:
        raise ValueError(f"chart: {draw!r} came; pass a function of a module and its inputs.")
    _shown(name, sha256(pickle.dumps(inputs)).hexdigest(), key, alt, draw, inputs)


def drawn(draw: Callable[[Problem], Figure], problem: Problem) -> Figure:
    """``draw(problem)``, kept for a while if ``draw`` is a function of a module."""
    name = _name(draw)
    # In words, its fields alone: what a problem has worked out about itself is in it too, or not yet.
    return _kept(name, repr(problem), draw, problem) if name else draw(problem)


def _name(draw: Callable[..., object]) -> str:
    """Of a function of a module; empty for others, which may depend on more than their arguments.

    So may a function of a page, which reads the session's choices; and every page runs as ``__main__``.
    """
    name = getattr(draw, "__qualname__", "<")
    return "" if "<" in name or draw.__module__ == "__main__" else f"{draw.__module__}.{name}"


@st.cache_resource(max_entries=200, show_spinner=False)
def _kept(
    name: str, described: str, _draw: Callable[[Problem], Figure], _problem: Problem
) -> Figure:
    return _draw(_problem)


@st.cache_data(max_entries=400, show_spinner=False)
def _shown(
    name: str,
    digest: str,
    key: str,
    alt: str,
    _draw: Callable[..., go.Figure],
    _inputs: tuple[object, ...],
) -> None:
    st.plotly_chart(_draw(*_inputs), key=key, alt=alt)
