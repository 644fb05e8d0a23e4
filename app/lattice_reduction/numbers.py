"""Beside the figure: the transform, Lovász's test, and nearest plane before and after."""

import csv
import io
from collections.abc import Sequence

import streamlit as st

from app.cached import stages_of_reduction
from app.figures.numbers import short, symbol, vector
from lattice_core import Problem
from lattice_core.inputs import IntArray
from lattice_core.reduced_problem import ReductionStage
from lattice_core.reduction_laws import exact_determinant


def transform_and_test(stages: Sequence[ReductionStage], step: int, delta: float) -> None:
    """T at this step with its determinant, and both sides of the test that was made."""
    stage = stages[min(step, len(stages) - 1)]
    st.latex(
        rf"T = {_matrix(stage.transform)}, \qquad \det T = {exact_determinant(stage.transform)}"
    )
    move = stage.move if 0 < step < len(stages) else None
    if move is None:
        st.caption(
            "$T$ holds the basis vectors now, in units of those at the start: the basis is $B\\,T$. "
            "Step forward for the first move: → or the buttons under the figure."
            if step == 0
            else "The moves are done. All numbers of $T$ are integers, and so are those of its inverse."
        )
        return
    if move.kind == "size_reduction":
        st.caption(
            f"Column {move.index + 1} of $T$ has lost {move.multiple} times column "
            f"{move.partner + 1}. The determinant cannot notice."
        )
        return
    i, k = move.partner + 1, move.index + 1
    sign = r"\ge" if move.kind == "kept" else "<"
    st.latex(
        rf"\underbrace{{R_{{{i}{k}}}^2 + R_{{{k}{k}}}^2}}_{{{_tex(move.lovasz_length)}}} {sign} "
        rf"\underbrace{{\delta\, R_{{{i}{i}}}^2}}_{{{_tex(move.lovasz_bound)}}}, \quad \delta = {delta:g}"
    )
    outcome = (
        "holds"
        if move.kind == "kept"
        else "fails, and two columns of $T$ are exchanged: the sign of the determinant turns"
    )
    st.caption(f"Lovász's test before this move, with $R_{{jj}} = d_j$. It {outcome}.")


def stages_table(stages: Sequence[ReductionStage], step: int) -> str:
    """Nearest plane in the first basis and in the one on show. Markdown.

    Not in the last: what that brings is to be predicted.
    """
    shown = stages[0], stages[min(step, len(stages) - 1)]
    rows = [
        ("$\\sum_j d_j^2$", *(short(4 * stage.bound) for stage in shown)),
        ("bound", *(short(stage.bound) for stage in shown)),
        ("$\\gamma^2$", *(short(stage.relative_bound) for stage in shown)),
        ("codes $z'$", *(vector(stage.reduced_codes) for stage in shown)),
        ("codes $z = T z'$", *(vector(stage.codes) for stage in shown)),
        ("loss", *(short(stage.loss) for stage in shown)),
    ]
    lines = ["| | before | now |", "|---|---|---|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def table_caption(problem: Problem) -> str:
    """What the rows of the table are, and how the basis was sorted before the first move."""
    said = (
        "Nearest plane, every integer allowed. $d_j$: Gram-Schmidt lengths, the edges of the box. "
        "$\\gamma^2$: how many times the least loss it can be (law L8). $z'$: codes in the basis of "
        "that column; $z$: of the weights."
    )
    order = problem.order_indices[::-1]
    if (order == range(problem.size)).all():
        return said
    names = ", ".join(symbol("w", int(j)) for j in order)
    return f"{said} The order of rounding has sorted the basis before the first move: {names}."


def stages_csv(problem: Problem, delta: float) -> str:
    """One row a move: what was done, the basis after it, nearest plane's answer in it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    c = problem.size
    table.writerow(
        [
            *("move", "kind", "vector", "partner", "multiple", "lovasz_bound", "lovasz_length"),
            *(f"d_{j + 1}" for j in range(c)),
            *(f"T_{i + 1}{j + 1}" for i in range(c) for j in range(c)),
            *(f"z_{j + 1}" for j in range(c)),
            "loss",
        ]
    )
    for k, stage in enumerate(stages_of_reduction(problem, delta)):
        move = stage.move
        told = (
            ["start", "", "", "", "", ""]
            if move is None
            else [
                *(move.kind, move.index + 1, move.partner + 1, move.multiple),
                *(move.lovasz_bound, move.lovasz_length),
            ]
        )
        numbers = [*stage.lengths, *stage.transform.ravel(), *stage.codes, stage.loss]
        table.writerow([k, *told, *numbers])
    return text.getvalue()


def _matrix(matrix: IntArray) -> str:
    rows = r" \\ ".join(" & ".join(str(entry) for entry in row) for row in matrix.tolist())
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"


def _tex(value: float) -> str:
    return short(value).replace("−", "-")
