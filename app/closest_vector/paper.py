"""How the lattice lies on the lesson's paper, and what dragging and typing there change."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app import shared_problem
from app.controls import bound_widget
from app.figures.numbers import symbol
from app.lesson_options import choose, chosen, option_buttons, option_slider
from lattice_core.inputs import FloatArray
from lattice_core.placement import Placement, can_be_drawn, with_basis_on_paper

TIPS = ("b1", "b2")


def placement() -> Placement:
    """Turned and turned over as chosen, with the lattice point of this session at its origin."""
    return Placement(
        degrees=int(chosen("turn")),
        mirrored=chosen("mirror") == "yes",
        anchor=st.session_state.get("paper_anchor", (0, 0)),
    )


def settle_anchor() -> None:
    """Once a run: another lattice point at the origin if the target has gone far from it.

    Not while something is dragged, for the picture must not jump under the hand.
    """
    problem = shared_problem.problem()
    now = placement()
    if problem.name != "custom":  # the lattice's own origin, unless it is far away
        now = replace(now, anchor=(0, 0))
    st.session_state.paper_anchor = now.near_target(problem).anchor


def is_drawable() -> bool:
    """Whether the problem on show can be drawn; if not, says why."""
    problem = shared_problem.problem()
    if problem.size != 2:
        st.info(
            f"This problem has {problem.size} inputs. The lesson draws the plane: choose a problem with "
            "two inputs above. *Nearest plane* shows three.",
            icon=":material/info:",
        )
        return False
    if not can_be_drawn(problem.lattice):
        st.info(
            "The two basis vectors of this problem are almost parallel, or one is far shorter than the "
            "other. Its lattice points merge into lines: no picture shows its cells. Choose another "
            "problem, or add damping on another page.",
            icon=":material/info:",
        )
        return False
    return True


def drag(handle: str, x: float, y: float, final: bool) -> None:
    """Called by the stepper while the target or the tip of a basis vector is dragged."""
    problem = shared_problem.problem()
    if problem.size != 2:  # another problem was chosen while this was on its way
        return
    if handle == "target":
        shared_problem.move_target(*placement().in_lattice(problem.lattice, [x, y]))
        return
    basis = placement().basis(problem.lattice)
    basis[:, TIPS.index(handle)] = [x, y]
    try:
        _show_basis(basis)
        st.session_state.basis_refused = ""
    except ValueError as error:
        st.session_state.basis_refused = str(error)


def refusal() -> None:
    """Why the last drag of a basis vector could not be followed to its end."""
    if refused := st.session_state.pop("basis_refused", ""):
        st.warning(
            f"Not so far: {shared_problem.plain(refused)} The last basis that could be drawn stays.",
            icon=":material/block:",
        )


def basis_inputs() -> None:
    """The basis by numbers, in its own frame: the way in for keyboard and screen reader."""
    problem = shared_problem.problem()
    basis = problem.lattice.basis
    step = float(f"{np.linalg.norm(basis, axis=0).max() / 50:.1g}")
    first, second = symbol("b", 0), symbol("b", 1)
    entries = {
        f"Length of {first}": (0, 0),
        f"{second} along {first}": (0, 1),
        f"{second} across {first}": (1, 1),
    }
    with st.container(horizontal=True, key="basis_inputs"):
        for label, place in entries.items():
            bound_widget(
                st.number_input,
                label,
                f"basis_{place[0]}{place[1]}",
                float(basis[place]),
                lambda value, place=place: _set_entry(place, value),
                step=step,
                format="%.4f",
            )
    if problem.damping:
        st.caption(
            f"Now $\\bar H$ has damping λ = {problem.damping:g}. A basis of your own is taken as it is: "
            "it becomes the Hessian, without damping."
        )


def turn_inputs() -> None:
    """How the picture lies."""
    with st.container(horizontal=True, key="turn_inputs"):
        option_slider("turn")
        option_buttons("mirror")


def _set_entry(place: tuple[int, int], value: float) -> None:
    entries = shared_problem.problem().lattice.basis.copy()
    entries[place] = value
    _show_basis(placement().matrix @ entries)


def _show_basis(basis: FloatArray) -> None:
    changed, placed = with_basis_on_paper(shared_problem.problem(), placement(), basis)
    shared_problem.show(changed)
    choose("turn", str(placed.degrees))
    choose("mirror", "yes" if placed.mirrored else "no")
