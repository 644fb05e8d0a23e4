"""The one problem that all lesson pages show: session state, and its mirror in the URL."""

from dataclasses import replace
from urllib.parse import urlencode

import numpy as np
import streamlit as st

from app.address_bar import is_followed, session, show_link
from app.classroom.screen import is_put_away
from app.lesson_options import open_options, options_in_link
from app.problem_link import Link, from_query, to_query
from app.session_link import SessionLink
from lattice_core import Problem


def open_link(*, to_problem: bool = True) -> None:
    """Read the link that opened this session, or was followed in it; called by the entry before any page.

    A page that does not show the problem has a link of its own, of which nothing is read here.
    """
    if "problem" in st.session_state and not (is_followed() and to_problem):
        return
    query = st.query_params.to_dict() if to_problem else {}
    link: Link = from_query(query)
    st.session_state.problem = link.problem
    st.session_state.step = link.step
    for notice in (*link.notices, *open_options(query)):
        nonsense(notice)


def nonsense(notice: str) -> None:
    """Say what in the link made no sense."""
    st.warning(f"Part of the link made no sense. {plain(notice)}", icon=":material/link_off:")


def problem() -> Problem:
    """The problem on show."""
    shown: Problem = st.session_state.problem
    return shown


def step(last: int | None = None) -> int:
    """The step on show: 0 is the start, `last` the result; by default that is c + 1."""
    return min(st.session_state.step, problem().size + 1 if last is None else last)


def shows(part: str) -> bool:
    """Whether this part of a lesson is visible: no link hides it (``?hide=controls,quiz``), nor does the teacher."""
    return part not in session().hidden and not is_put_away(part)


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


def drag(handle: str, x: float, y: float, final: bool) -> None:
    """Called by the stepper while the target is dragged, and once more when it is let go."""
    if handle == "target":
        move_target(x, y)


def move_target(x: float, y: float) -> None:
    """Put the target of a problem with two inputs at this point of its lattice's plane."""
    if problem().size != 2:  # another problem was chosen while this target was on its way
        return
    moved = problem().with_target([x, y])
    # A pixel is far coarser than a thousandth of a grid spacing; round numbers keep links short.
    codes = np.divide(moved.weights, moved.scales).round(3)
    weights = (float(f"{weight:.9g}") for weight in codes * moved.scales)
    show(replace(moved, weights=tuple(weights)))


def mirror_in_url(*options: str, last_step: int | None = None) -> None:
    """Write the state to the address bar, with the page's own options of `app.lesson_options`.

    `last_step` is the result of a page whose steps are not c + 1; see `step`.
    """
    show_link(to_query(problem(), step(last_step)) | options_in_link(options))
    st.session_state.options_on_page, st.session_state.last_step_on_page = options, last_step


def link_to_here(for_session: SessionLink) -> str:
    """The query of a link to what is on show."""
    query = to_query(problem(), step(st.session_state.get("last_step_on_page")))
    query |= options_in_link(st.session_state.get("options_on_page", ()))
    return urlencode(query | for_session.to_query(), safe=",")


def plain(text: str) -> str:
    """Text from a link is shown as it is, never as Markdown."""
    return "".join("\\" + letter if letter in r"\`*_{}[]()<>#+!|$~:" else letter for letter in text)
