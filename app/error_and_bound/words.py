"""The table of steps and the question."""

import streamlit as st

from app.figures.bound_bars import is_void, percent, step_limits, step_losses
from app.figures.numbers import short
from app.figures.plane import NBSP
from app.quiz import predict
from lattice_core import Problem, RoundingTrace
from lattice_core.wrong_worlds import legs_of_codes


def bound_table(problem: Problem, step: int, broken: RoundingTrace | None = None) -> None:
    """Each step's square beside the most it can be; crossed out where a code is clipped.

    `broken` is GPTQ's run in a wrong world: its codes are measured against the same most.
    """
    if broken is not None:
        _broken_table(problem, broken)
        return
    rows = [f"| step | off{NBSP}by | adds | most | |", "|:--|--:|--:|--:|--:|"]
    losses, limits = step_losses(problem), step_limits(problem)
    for k, taken in enumerate(problem.babai.steps, start=1):
        loss, limit = losses[k - 1], limits[k - 1]
        off, adds, most, share = "…", "…", short(limit), "…"
        if k <= step:
            off, adds = short(abs(taken.center - taken.code)), short(loss)
            most, share = _compared(loss, limit, taken.clipped)
        cells = [f"{k}:{NBSP}$z_{{{taken.index + 1}}}$", off, adds, most, share]
        rows.append("| " + " | ".join(cells) + " |")
    total, bound = losses[:step].sum(), limits.sum()
    most, share = _compared(total, bound, is_void(problem, step))
    rows.append(f"| **sum** | | **{short(total)}** | **{most}** | {share} |")
    st.markdown("\n".join(rows))
    st.caption(
        "*Off by*: how far the target is from its plane, in distances between planes; at most ½ "
        "without clipping. *Most*: $\\frac14 D_j s_j^2$, a quarter of that distance squared; "
        "their sum is the bound."
    )


def _broken_table(problem: Problem, broken: RoundingTrace) -> None:
    """All steps of the right and the broken run, for the broken one's loss is known at its end."""
    rows = ["| step | most | right adds | broken off by | broken adds |", "|:--|--:|--:|--:|--:|"]
    losses, limits = step_losses(problem), step_limits(problem)
    legs, wrong = legs_of_codes(problem, broken.codes)
    for k, taken in enumerate(problem.babai.steps):
        adds = f"**{short(wrong[k])}**" if wrong[k] > limits[k] * (1 + 1e-9) else short(wrong[k])
        cells = [short(limits[k]), short(losses[k]), short(legs[k]), adds]
        rows.append(f"| {k + 1}:{NBSP}$z_{{{taken.index + 1}}}$ | {' | '.join(cells)} |")
    most, right, all_wrong = (f"**{short(part.sum())}**" for part in (limits, losses, wrong))
    rows.append(f"| **sum** | {most} | {right} | | {all_wrong} |")
    st.markdown("\n".join(rows))
    st.caption(
        "*Broken off by*: how far the codes of the broken run are off, along the same edges. More "
        "than ½ is outside the box. The picture shows nearest plane as it should be."
    )


def _compared(loss: float, limit: float, clipped: bool) -> tuple[str, str]:
    if clipped:
        return f"~~{short(limit)}~~", "void"
    return short(limit), percent(loss / limit)


def mean_loss_quiz(problem: Problem) -> None:
    """How much is lost on average over the box?"""
    bound = float(step_limits(problem).sum())
    options = {short(bound * share): share for share in (1 / 2, 1 / 3, 1 / 4, 1 / 8)}
    predict(
        f"The bound is {short(bound)}. Targets are drawn at random, evenly over the box. "
        "How large is their loss on average?",
        list(options),
        short(bound / 3),
        "It is a third of the bound, whatever the box: along each edge the squared distance to the "
        "middle is on average a third of its largest value. The histogram below measures it.",
        key=f"mean loss {short(bound)}",
    )
