"""The one problem that all lesson pages show: session state, and its mirror in the URL."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app.address_bar import show_link
from app.lesson_options import open_options, options_in_link
from app.problem_link import Link, from_query, to_query
from lattice_core import Problem


def open_link(*, to_problem: bool = True) -> None:
    """Read the link that opened this session; called by the entry before any page.

    A page that does not show the problem has a link of its own: of that only ``hide`` is read here.
    """
    if "problem" in st.session_state:
        return
    query = st.query_params.to_dict()
    if not to_problem:
        query = {name: text for name, text in query.items() if name == "hide"}
    link: Link = from_query(query)
    st.session_state.problem = link.problem
    st.session_state.step = link.step
    st.session_state.hidden = link.hidden
    for notice in (*link.notices, *open_options(query)):
        st.warning(f"Part of the link made no sense. {plain(notice)}", icon=":material/link_off:")


def problem() -> Problem:
    """The problem on show."""
    shown: Problem = st.session_state.problem
    return shown


def step() -> int:
    """The step on show: 0 is the start, c + 1 the result."""
    return min(st.session_state.step, problem().size + 1)


def shows(part: str) -> bool:
    """Whether the link leaves this part of a lesson visible (``?hide=controls,quiz``)."""
    return part not in st.session_state.hidden


def show(new: Problem, *, at_step: int | None = None) -> None:
    """Put another problem on show, at the same step unless another is given."""
    st.session_state.problem = new
    if at_step is not None:
        st.session_state.step = at_step


def change(**fields: object) -> None:
    """Change fields of the problem on show."""
    show(replace(problem(), **fields))  # type: ignore[arg-type]


def go_to(new_step: int) -> None:
    """Called by the stepper when the browser has stopped at another step."""
    st.session_state.step = new_step


def drag_target(x: float, y: float) -> None:
    """Called by the stepper while the target is dragged, and once more when it is let go."""
    if problem().size != 2:  # another problem was chosen while this target was on its way
        return
    moved = problem().with_target([x, y])
    # A pixel is far coarser than a thousandth of a grid spacing; round numbers keep links short.
    codes = np.divide(moved.weights, moved.scales).round(3)
    show(replace(moved, weights=tuple((codes * moved.scales).round(9))))


def mirror_in_url(*options: str) -> None:
    """Write the state to the address bar, with the page's own options of `app.lesson_options`."""
    show_link(to_query(problem(), step(), st.session_state.hidden) | options_in_link(options))
    st.session_state.options_on_page = options


def link_to_here(hidden: tuple[str, ...] = ()) -> str:
    """The query of a link to what is on show, hiding these parts."""
    query = to_query(problem(), step(), hidden)
    query |= options_in_link(st.session_state.get("options_on_page", ()))
    return "&".join(f"{name}={text}" for name, text in query.items())


def plain(text: str) -> str:
    """Text from a link is shown as it is, never as Markdown."""
    return "".join("\\" + letter if letter in r"\`*_{}[]()<>#+!|$~:" else letter for letter in text)
