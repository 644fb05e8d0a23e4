"""Break it: a line of an algorithm wrong, said on top of the page, and mended with one button.

A page names the option of `app.lesson_options` that holds its world; the core has the algorithms in
`lattice_core.wrong_worlds`.
"""

from collections.abc import Sequence

import streamlit as st

from app.lesson_options import OPTIONS, choose, chosen, option_buttons
from app.shared_problem import shows
from lattice_core import Problem, RoundingTrace
from lattice_core.laws import LawCheck
from lattice_core.wrong_worlds import RIGHT, first_wrong_step, gptq_in_world

WHAT_IS_WRONG = {
    "no_propagation": "GPTQ rounds a weight and pushes its error to nobody. That is round-to-nearest.",
    "whole_inverse": "GPTQ shares every error out by the inverse of the **whole** Hessian, though "
    "some weights are rounded already and can take none of it. Right is the inverse of the block of "
    "the weights that remain.",
    "forget_outliers": "SSQR pushes no error on from an outlier, as if it were stored as it was at "
    "first. But the value stored carries the errors that were pushed to it.",
}


def broken_gptq(problem: Problem) -> RoundingTrace | None:
    """GPTQ's run in the world on show; ``None`` in the right one."""
    world = chosen("wrong")
    return None if world == RIGHT else gptq_in_world(problem, world)


def step_to_check(problem: Problem, step: int, broken: RoundingTrace | None) -> int:
    """The step on show; before and after the run, the one in which the broken run goes wrong."""
    if broken is None or 1 <= step <= problem.size:
        return step
    return first_wrong_step(problem, broken) or step


def banner(option: str = "wrong") -> None:
    """In a wrong world: what is wrong, and the way out."""
    world = chosen(option)
    if world == RIGHT:
        return
    title = OPTIONS[option].choices[world]
    said, mend = st.columns([6, 1], vertical_alignment="center")
    with said:
        st.error(
            f"**This page is in a wrong world: {title[0].lower()}{title[1:]}.** "
            f"{WHAT_IS_WRONG[world]}",
            icon=":material/heart_broken:",
        )
    with mend:
        st.button(
            "Mend it", icon=":material/healing:", on_click=choose, args=(option, RIGHT), key="mend"
        )


def break_it(checks: Sequence[LawCheck], harmless: str, option: str = "wrong") -> None:
    """The switch, and which laws are red now.

    Parameters
    ----------
    checks : sequence of LawCheck
        As shown on the page.
    harmless : str
        Markdown; what to say if none of them fails in a wrong world.
    option : str
        Key of `app.lesson_options.OPTIONS`.
    """
    if not shows("controls"):
        return
    st.subheader("Break it", anchor="break")
    st.markdown(
        "How do we know that the laws say anything? Change one line of the algorithm, and look which "
        "of them turn red."
    )
    option_buttons(option)
    if chosen(option) == RIGHT:
        return
    failing = [f"**{check.number}** ({check.title})" for check in checks if _fails(check)]
    st.markdown(f"Red above: {'; '.join(failing)}." if failing else harmless)


def why_harmless(problem: Problem, broken: RoundingTrace | None) -> str:
    """Why no law fails though GPTQ has a line wrong. Markdown."""
    if broken is None:
        return ""
    step = first_wrong_step(problem, broken)
    if step is not None:
        return (
            f"From step {step} on the weights are not where they should be. On this problem no law "
            "above catches it: the loss happens to stay small. Nothing keeps it there."
        )
    if problem.size == 2 and chosen("wrong") == "whole_inverse":
        return (
            "**No law fails.** With two inputs only the first step pushes anything, and then the whole "
            "Hessian is the block that remains. It takes three inputs to go wrong."
        )
    return (
        "**No law fails on this problem.** No error is pushed that could go wrong: either each rounding is "
        "exact, or the inputs have nothing to do with each other."
    )


def _fails(check: LawCheck) -> bool:
    return not check.holds and not check.void
