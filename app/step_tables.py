"""The numbers of a step beside the figure: both algorithms, and the formula filled in."""

import numpy as np
import streamlit as st

from app.figures.numbers import short
from app.figures.plane import NBSP
from lattice_core import Problem, RoundingStep, RoundingTrace, obq_costs


def babai_table(problem: Problem, step: int) -> None:
    """Babai's steps so far, with the squared legs adding up."""
    trace = problem.babai
    rows = ["| step | centre | code | distance | squared |", "|:--|--:|--:|--:|--:|"]
    for k, taken in enumerate(trace.steps, start=1):
        cells = ["…"] * 4
        if k <= step:
            code = short(taken.code) + (" (clipped)" if taken.clipped else "")
            cells = [short(taken.center), code, short(taken.plane_distance)]
            cells.append(short(taken.plane_distance**2))
        row = f"| {k}: ${_tex('z', taken.index)}$ | {' | '.join(cells)} |"
        rows.append(_emphasised(row) if k == step else row)
    total = sum(s.plane_distance**2 for s in trace.steps[:step])
    rows.append(f"| | | | **sum** | **{short(total)}** |")
    st.markdown("\n".join(rows))


def lockstep_table(problem: Problem, step: int, broken: RoundingTrace | None = None) -> None:
    """Centre, code and loss added, from both algorithms, and their difference.

    `broken` is GPTQ's run in a wrong world: its codes stand beside Babai's.
    """
    rows = [
        "| step | Babai's centre | GPTQ's centre | gap | code | adds to the loss |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    if broken is not None:
        rows = [
            "| step | Babai's centre | broken GPTQ's centre | gap | Babai's code | broken code |",
            "|:--|--:|--:|--:|--:|--:|",
        ]
    pairs = zip(problem.babai.steps, (broken or problem.gptq).steps, strict=True)
    for k, (picture, algebra) in enumerate(pairs, start=1):
        cells = ["…"] * 5
        if k <= step:
            cells = [short(picture.center), short(algebra.center)]
            cells.append(short(abs(picture.center - algebra.center)))
            last = short(algebra.plane_distance**2) if broken is None else _code(algebra)
            cells += [_code(picture), last]
        row = f"| {k}:{NBSP}${_tex('w', algebra.index)}$ | {' | '.join(cells)} |"
        rows.append(_emphasised(row) if k == step else row)
    st.markdown("\n".join(rows))
    if broken is not None and step >= problem.size:
        losses = short(problem.loss_of(problem.babai.codes)), short(problem.loss_of(broken.codes))
        st.markdown(f"Loss: Babai **{losses[0]}**, broken GPTQ **{losses[1]}**.")


def _code(taken: RoundingStep) -> str:
    return short(taken.code) + (" (clipped)" if taken.clipped else "")


def obq_table(problem: Problem, step: int) -> None:
    """Before a step: what rounding each free weight would cost, OBQ's choice and the order's."""
    trace = problem.gptq
    free = np.sort(trace.order[step - 1 :])
    moved = trace.coordinates_after(step - 1) * np.array(problem.scales)
    scales = np.array(problem.scales)
    costs = obq_costs(problem.damped_hessian, moved, scales, free, problem.grid)
    cheapest = int(free[int(np.argmin(costs))])
    rows = ["| free weight | cost | |", "|:-:|--:|---|"]
    for j, cost in zip(free, costs, strict=True):
        notes = []
        if j == cheapest:
            notes.append("OBQ would take this: the nearest plane of all")
        if j == trace.order[step - 1]:
            notes.append("the order on show takes this")
        rows.append(f"| ${_tex('w', int(j))}$ | {short(cost)} | {'; '.join(notes)} |")
    st.markdown("\n".join(rows))


def _tex(letter: str, index: int) -> str:
    return f"{letter}_{{{index + 1}}}"


def _emphasised(row: str) -> str:
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    return "| " + " | ".join(f"**{cell}**" if cell else "" for cell in cells) + " |"
