"""Lesson: quantizing is a search for the closest point of a lattice."""

import plotly.graph_objects as go
import streamlit as st

from app import lesson, shared_problem
from app.closest_vector.ideas import ideas
from app.closest_vector.paper import (
    basis_inputs,
    drag,
    is_drawable,
    placement,
    refusal,
    settle_anchor,
    turn_inputs,
)
from app.closest_vector.words import (
    answer_tables,
    answers_csv,
    find_buttons,
    share_quiz,
    shares,
)
from app.controls import problem_controls, try_this, weight_and_damping_inputs
from app.downloads import downloads
from app.figures.closest_vector import closest_vector_figure
from app.figures.numbers import percent
from app.figures.rounding_sentences import LAST_STEP
from app.laws import laws_panel
from app.snippets_closest_vector import closest_vector_snippet
from lattice_core import PRESETS, Problem
from lattice_core.bound_laws import loss_is_near_the_least
from lattice_core.closest_vector_laws import (
    cells_have_one_area,
    loss_is_squared_distance,
    turning_changes_nothing,
)
from lattice_core.course_numbers import recorded_number
from lattice_core.disagreement import disagreement_share
from lattice_core.rounding_answers import rounding_answers


def page() -> None:
    lesson.title("Closest vector", "Why is quantizing a search for the closest point of a lattice?")
    st.markdown(
        "A layer multiplies its inputs $X$, one row for each token of a sample text, by each row $w$ of its "
        "weights. To store $w$ in few bits, its entries are replaced by $q_j = s_j z_j$: integers $z_j$, the "
        "**codes**, times grid spacings $s_j$. The **loss** is what this does to the output: "
        "$\\lVert Xq - Xw \\rVert^2$. The points $Xq$ are all integer combinations of the vectors "
        "$b_j = s_j x_j$, with $x_j$ the $j$-th column of $X$; here there are two. Such points form a **lattice**, "
        "and $y = Xw$ is a **target** beside it. So the best codes belong to the lattice point **closest** to $y$."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=(2,))
    if is_drawable():
        _lesson(shared_problem.problem())
    shared_problem.mirror_in_url("turn", "mirror", last_step=LAST_STEP)


def _lesson(problem: Problem) -> None:
    settle_anchor()
    picture, numbers = st.columns([5, 3], gap="medium")
    with picture:
        lesson.stepped(
            _draw,
            key="closest_stepper",
            draggable=True,
            height=560,
            last_step=LAST_STEP,
            on_drag=drag,
        )
        refusal()
        if shared_problem.shows("controls"):
            find_buttons()
            basis_inputs()
    with numbers:
        if shared_problem.shows("numbers"):
            answer_tables(problem)
            if shared_problem.step(LAST_STEP) == LAST_STEP:  # before, it is asked below
                shares(problem)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
            turn_inputs()
    if shared_problem.shows("quiz"):
        share_quiz(problem)
    if shared_problem.shows("laws"):
        laws_panel(
            [
                loss_is_squared_distance(problem),
                turning_changes_nothing(problem, placement()),
                cells_have_one_area(problem),
                loss_is_near_the_least(problem, rounding_answers(problem)["closest"].codes),
            ]
        )
    _number_to_remember()
    _same_from_every_side()
    if shared_problem.shows("try"):
        st.subheader("Try this", anchor="try")
        try_this(ideas(problem))
    lesson.code(closest_vector_snippet(problem))
    lesson.sources(
        {
            "C": "Theorem 1: quantizing a row is a closest vector problem in this lattice.",
            "B": "the same, found independently.",
            "Babai": "round-off and nearest plane, and how far from the closest point they may end.",
        }
    )
    if shared_problem.shows("downloads"):
        downloads(_draw, problem, "Closest vector", three_answers=answers_csv)


def _draw(problem: Problem) -> go.Figure:
    return closest_vector_figure(problem, placement())


def _number_to_remember() -> None:
    plane = recorded_number("closest_vector")
    off = disagreement_share(PRESETS["skewed"].problem.lattice, "round_off", "closest")
    lesson.takeaway(
        percent(plane.value),
        "The share of all targets that nearest plane does **not** send to their closest lattice point, in the "
        f"problem *Skewed*. Round-off misses {percent(off)} there. Both are areas of polygons, exact and not sampled.",
        command=plane.command,
        date=plane.date,
        doubt="Two inputs are easy: their closest point is found by trying a few. With $c$ inputs the number of "
        "candidates grows exponentially, and quick methods find it ever more seldom. A grid of few bits "
        "ends somewhere, and the best code may lie beyond its end. And the loss is that of the calibration inputs, "
        "not of the inputs to come.",
    )


def _same_from_every_side() -> None:
    st.subheader("Turn the picture", anchor="turn")
    st.markdown(
        "The loss needs only lengths and angles of $b_1$ and $b_2$, and these are in $\\bar H$, which is "
        "$X^\\top X$ with a little added to its diagonal (lesson *Damping*): "
        "$\\langle b_i, b_j \\rangle = s_i s_j \\bar H_{ij}$. Thousands of rows of $X$ and a triangle of three numbers "
        "with the same $X^\\top X$ give the same lattice, turned. So a small picture shows all there is. "
        "Turn it, or turn it over: no code and no loss changes.\n\n"
        "**The shape of its cells** is all that tells one algorithm from another. Round-off's cell has the basis "
        "vectors as sides; the "
        "box has the vector that is rounded last, and the other made upright; the Voronoi cell knows no "
        "basis at all. Another basis of the same lattice changes the first two. *Lattice reduction* makes "
        "use of that."
    )


page()
