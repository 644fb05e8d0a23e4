"""Why a reduced basis cannot be used with clipping (law L13), in numbers and one picture."""

import streamlit as st

from app import shared_problem
from app.chart import chart
from app.figures.numbers import short, vector
from app.figures.skewed_grid import skewed_grid
from lattice_core import Problem
from lattice_core.reduced_problem import ReductionStage, codes_from_reduced, on_the_grid


def why_not_on_a_grid(problem: Problem, reduced: ReductionStage) -> None:
    """The grid in both coordinates, and what clipping afterwards costs."""
    st.subheader("Why not on a grid", anchor="grid")
    st.markdown(
        "In the coordinates of the weights the grid is a box: each code has its own two ends. In the "
        "coordinates $z'$ of the reduced basis the same codes fill a **slanted** box. Whether $z'_1$ "
        "is allowed depends on $z'_2$, which is not known yet or can no longer be changed. So nearest "
        "plane cannot keep to the grid there. And to clip its answer afterwards gives other codes than it "
        "would have chosen."
    )
    if problem.grid is None:
        st.markdown("So far every integer is allowed.")
        if shared_problem.shows("controls"):
            st.button("Clip to 2 bits", on_click=shared_problem.change, kwargs={"bits": 2})
        return
    found = on_the_grid(problem, reduced.codes)
    if found.inside:
        verdict = (
            f"Here it went well: $z$ = {vector(reduced.codes)} is on the grid of {problem.bits} bits. "
            "That is luck: nothing has kept it there."
        )
    else:
        verdict = (
            f"The reduced basis finds $z$ = {vector(reduced.codes)}, and {problem.bits} bits do not "
            "have it."
        )
    st.markdown(verdict)
    st.markdown(
        "| | codes $z$ | loss |\n|---|---|--:|\n"
        f"| reduced basis, every integer allowed | {vector(reduced.codes)} | {short(reduced.loss)} |\n"
        f"| the same, clipped afterwards | {vector(found.clipped_codes)} | "
        f"{short(found.clipped_loss)} |\n"
        f"| own basis, on the grid at each step | {vector(problem.babai.codes)} | "
        f"{short(found.kept_inside_loss)} |"
    )
    if problem.size == 2:
        chart(
            skewed_grid,
            problem.grid,
            reduced.codes,
            reduced.reduced_codes,
            codes_from_reduced(problem, reduced),
            key="skewed_grid",
            alt="The codes of the grid: a square in the coordinates of the weights, a slanted "
            "parallelogram in those of the reduced basis.",
        )
