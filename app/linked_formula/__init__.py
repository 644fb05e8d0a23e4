"""Formulas whose symbols light up in the figure, and light up themselves where the figure is pointed at.

Python says what the formulas are, for every step; the browser shows those of the step that the stepper shows, and the
two tell each other which symbol is pointed at: by the event ``nearest-plane:light`` on the document, with the
stepper's name and the symbol's key.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from app.linked_formula.parts import Formulas
from app.linked_formula.steps import babai_formulas, gptq_formulas
from lattice_core import Problem

__all__ = ["Formulas", "babai_formulas", "by_step", "gptq_formulas", "linked_formulas"]


def _text(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


_mount = st.components.v2.component(
    "nearest_plane_linked_formula",
    html='<div class="linked-formulas"></div>',
    css=_text("linked_formula.css"),
    js=_text("linked_formula.js"),
    isolate_styles=False,
)


def by_step(
    problem: Problem, *algorithms: Callable[[Problem, int], Formulas], start: str, end: str
) -> list[list[Formulas]]:
    """The formulas of each frame, with a text where there are none: before step 1 and after step c."""
    between = [[f(problem, k) for f in algorithms] for k in range(1, problem.size + 1)]
    return [[Formulas("", (), (start,))], *between, [Formulas("", (), (end,))]]


def linked_formulas(steps: Sequence[Sequence[Formulas]], *, stepper: str, step: int) -> None:
    """Show the formulas of the step that a stepper shows.

    Parameters
    ----------
    steps : sequence of sequences of Formulas
        For every frame of the figure; one without symbols is only read.
    stepper : str
        Key of the stepper; the symbols' keys are those of its figure's ``meta["symbols"]``.
    step : int
        Until the stepper says otherwise.
    """
    _mount(
        key=f"{stepper}_formulas",
        data={
            "stepper": stepper,
            "step": step,
            "steps": [[formulas.as_data() for formulas in frame] for frame in steps],
        },
        height="content",
    )
