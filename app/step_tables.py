"""The numbers of a step beside the figure: both algorithms, and the formula filled in."""

import numpy as np
import streamlit as st

from app.figures.numbers import short
from lattice_core import Problem, RoundingTrace, obq_costs, propagation_shares


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


def lockstep_table(problem: Problem, step: int) -> None:
    """Centre, code and loss added, from both algorithms, and their difference."""
    rows = [
        "| step | Babai's centre | GPTQ's centre | gap | code | adds to the loss |",
        "|:--|--:|--:|--:|--:|--:|",
    ]
    pairs = zip(problem.babai.steps, problem.gptq.steps, strict=True)
    for k, (picture, algebra) in enumerate(pairs, start=1):
        cells = ["…"] * 5
        if k <= step:
            code = short(algebra.code) + (" (clipped)" if algebra.clipped else "")
            difference = short(abs(picture.center - algebra.center))
            cells = [short(picture.center), short(algebra.center), difference, code]
            cells.append(short(algebra.plane_distance**2))
        row = f"| {k}: ${_tex('w', algebra.index)}$ | {' | '.join(cells)} |"
        rows.append(_emphasised(row) if k == step else row)
    st.markdown("\n".join(rows))


def center_formula(problem: Problem, step: int) -> str:
    """LaTeX: Babai's centre of one step, ⟨b*, residual⟩ / ⟨b*, b*⟩ with its numbers."""
    taken = problem.babai.steps[step - 1]
    directions, triangle = problem.lattice.gram_schmidt(problem.order_indices)
    pivot = problem.size - step
    rounded = problem.babai.order[: step - 1]
    residual = problem.target - problem.lattice.basis[:, rounded] @ problem.babai.codes[rounded]
    length = float(triangle[pivot, pivot])
    along = float(directions[:, pivot] @ residual)
    j = taken.index + 1
    return (
        rf"\begin{{aligned}} \zeta_{{{j}}} &= \frac{{\langle b^*_{{{j}}},\, r \rangle}}"
        rf"{{\langle b^*_{{{j}}}, b^*_{{{j}}} \rangle}} = "
        rf"\frac{{{_number(along * length)}}}{{{_number(length**2)}}} = {_number(taken.center)} \\"
        rf"z_{{{j}}} &= {taken.code} \end{{aligned}}"
    )


def propagation_formulas(problem: Problem, step: int) -> list[str]:
    """LaTeX: GPTQ's update of each remaining weight in one step, with its numbers."""
    trace: RoundingTrace = problem.gptq
    taken = trace.steps[step - 1]
    before = trace.coordinates_after(step - 1) * np.array(problem.scales)
    after = taken.coordinates * np.array(problem.scales)
    error = before[taken.index] - after[taken.index]
    shares = propagation_shares(problem.damped_hessian, trace.order[step - 1 :])
    formulas = []
    for k, share in zip(trace.order[step:], shares, strict=True):
        formulas.append(
            rf"{_tex('w', int(k))} \leftarrow {_number(before[k])} - "
            rf"\underbrace{{{_number(share)}}}_{{{_SHARE}}} \cdot "
            rf"\underbrace{{({_number(error)})}}_{{{_tex('w', taken.index)} - {_tex('q', taken.index)}}}"
            rf" = {_number(after[k])}"
        )
    return formulas


_SHARE = r"(\bar H_{JJ}^{-1})_{kj} / (\bar H_{JJ}^{-1})_{jj}"


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


def _number(value: float) -> str:
    """A number in LaTeX."""
    mantissa, e, exponent = short(value).replace("−", "-").partition("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}" if e else mantissa


def _emphasised(row: str) -> str:
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    return "| " + " | ".join(f"**{cell}**" if cell else "" for cell in cells) + " |"
