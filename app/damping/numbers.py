"""Beside the picture: the block that damping appends, and what each λ finds."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from app.figures.damping_path import damping_name
from app.figures.numbers import short, vector
from app.figures.plane import NBSP
from lattice_core import Problem
from lattice_core.damping_path import DampedRounding, appended, rounded_to_nearest


def appended_block(problem: Problem, damping: float) -> None:
    """X over μI, and its outputs, with their numbers; for λ = ∞ both are divided by μ."""
    st.markdown("**What damping appends**")
    with st.container(horizontal=True, horizontal_alignment="center"):
        for formula in block_formulas(problem, damping):
            st.latex(formula, width="content")
    if np.isinf(damping):
        st.caption("Both sides divided by $\\mu$: of the data, nothing is left.")
        return
    mean = float(np.trace(np.array(problem.hessian))) / problem.size
    st.caption(
        f"$X$: any factor of $H = X^\\top X$; no other choice changes a code. Below the line $\\mu I$ with "
        f"$\\mu^2 = \\lambda \\cdot \\mathrm{{mean}}(\\mathrm{{diag}}\\, H) = {damping:g} \\cdot {mean:.4g}$: "
        "inputs that see one weight each, and charge its own error."
    )


def block_formulas(problem: Problem, damping: float) -> tuple[str, str]:
    """LaTeX: the appended inputs, and their outputs."""
    size = problem.size
    if np.isinf(damping):
        inputs = np.vstack([np.zeros((size, size)), np.eye(size)])
        outputs = inputs @ np.array(problem.weights)
        names = r"X/\mu", r"I", r"Xw/\mu", "w"
    else:
        inputs, outputs = appended(problem, damping)
        names = "X", r"\mu I", "Xw", r"\mu w"
    blocks = _block(inputs, size), _block(outputs[:, None], size)
    above, below = names[::2], names[1::2]
    return tuple(
        rf"\begin{{bmatrix}} {top} \\ \hdashline {bottom} \end{{bmatrix}} = {block}"
        for top, bottom, block in zip(above, below, blocks, strict=True)
    )


def damping_table(
    problem: Problem, path: Sequence[DampedRounding], shown: int, *, all_rows: bool
) -> None:
    """One row a λ, those not yet stepped to left out; what exceeds the bound of H alone is marked.

    Parameters
    ----------
    problem : Problem
    path : sequence of DampedRounding
    shown : int
        Step on show.
    all_rows : bool
        Whether to show those to come as well.
    """
    nearest = rounded_to_nearest(problem)
    rows = [
        "| λ | codes $z$ | loss on the data | damped loss | bound | bound, $H$ alone |",
        "|--:|:-:|--:|--:|--:|--:|",
    ]
    for k, step in enumerate(path):
        cells = ["…"] * 5
        if k <= shown or all_rows:
            same = f"{NBSP}=" if np.array_equal(step.codes, nearest) else ""
            bound = short(step.bound)
            cells = [
                vector(step.codes).replace(" ", NBSP) + same,
                _marked(step, "undamped", step.undamped_loss),
                _marked(step, "damped", step.damped_loss),
                f"~~{bound}~~" if step.clipped else bound,
                short(step.undamped_bound),
            ]
        cells = [damping_name(step.damping), *cells]
        rows.append("| " + " | ".join(f"**{c}**" if k == shown else c for c in cells) + " |")
    st.markdown("\n".join(rows))
    st.caption(
        f"“=”: the codes of rounding each weight by itself, {vector(nearest)}. “▲”: above the bound "
        "with the pivots of $H$ alone. That is no bound of damped codes; the bound to its left is."
    )


def losses_csv(path: Sequence[DampedRounding]) -> str:
    """The table with all digits."""
    lines = ["damping,codes,undamped_loss,damped_loss,bound,undamped_bound,clipped"]
    for step in path:
        codes = " ".join(str(code) for code in step.codes.tolist())
        numbers = [step.undamped_loss, step.damped_loss, step.bound, step.undamped_bound]
        cells = [repr(step.damping), codes, *map(repr, numbers), str(step.clipped).lower()]
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def _marked(step: DampedRounding, name: str, loss: float) -> str:
    return f"{short(loss)}{NBSP}▲" if name in step.exceeds else short(loss)


def _block(matrix: np.ndarray, above: int) -> str:
    lines = [" & ".join(_tex(v) for v in row) for row in matrix]
    top, below = r" \\ ".join(lines[:above]), r" \\ ".join(lines[above:])
    columns = "r" * matrix.shape[1]
    return rf"\left[\begin{{array}}{{{columns}}} {top} \\ \hdashline {below} \end{{array}}\right]"


def _tex(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= 5e-4 else "0"
