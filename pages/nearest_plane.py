"""Lesson: Babai's nearest plane algorithm, stepped in two and three dimensions."""

import streamlit as st

from app import lesson, lesson_takeaways, shared_problem
from app.cached import closest_codes
from app.controls import Try, problem_controls, try_this, weight_and_damping_inputs
from app.downloads import downloads
from app.figures.numbers import vector
from app.figures.plane import plane_figure
from app.figures.space import space_figure
from app.laws import laws_panel
from app.linked_formula import babai_formulas, by_step, linked_formulas
from app.quiz import predict
from app.snippets import nearest_plane_snippet
from app.step_tables import babai_table
from lattice_core import PRESETS, Problem, laws, round_off

FIGURES = {2: plane_figure, 3: space_figure}


def page() -> None:
    lesson.title("Nearest plane", "How do you round when the axes are not at right angles?")
    st.markdown(
        "A row of weights $w$ is to be replaced by $q_j = s_j z_j$: integers $z_j$ times grid spacings "
        "$s_j$. The inputs decide what an error costs: $\\lVert X(q - w)\\rVert^2$. Seen through the "
        "inputs, the possible $q$ form a **lattice**, the weights are a **target** $y$ beside it, and "
        "we look for a lattice point close by. Babai's way: choose the nearest of the parallel planes "
        "that hold the lattice, move the target onto it, and go on inside that plane. "
        "With two inputs a “plane” is a line."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=tuple(FIGURES))
    problem, step = shared_problem.problem(), shared_problem.step()
    if problem.size not in FIGURES:
        st.info(
            f"This problem has {problem.size} inputs. A picture needs two or three. "
            "The lesson *GPTQ is Babai* shows it on number lines.",
            icon=":material/info:",
        )
        shared_problem.mirror_in_url()
        return
    picture, numbers = st.columns([3, 2], gap="medium")
    with picture:
        lesson.stepped(
            FIGURES[problem.size],
            key=f"plane_stepper_{problem.size}",
            draggable=problem.size == 2,
        )
    with numbers:
        if shared_problem.shows("numbers"):
            _numbers(problem, step)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
    if shared_problem.shows("quiz"):
        _quiz(problem)
    if shared_problem.shows("laws"):
        laws_panel(
            [
                laws.squares_add_up(problem),
                laws.loss_is_bounded(problem),
                laws.determinant_is_order_free(problem),
                laws.no_order_beats_the_floor(problem),
            ]
        )
    lesson_takeaways.nearest_plane()
    if shared_problem.shows("try"):
        _try(problem)
    lesson.code(nearest_plane_snippet(problem))
    lesson.sources(
        {
            "Babai": "the algorithm.",
            "C": "Theorem 2 (propagation is projection), Theorem 5 (the bound).",
            "B": "the bound, and what damping does to it.",
        }
    )
    if shared_problem.shows("downloads"):
        downloads(FIGURES[problem.size], problem, "Nearest plane")
    shared_problem.mirror_in_url()


def _numbers(problem: Problem, step: int) -> None:
    st.markdown("**The numbers of each step**")
    babai_table(problem, step)
    linked_formulas(
        by_step(
            problem,
            babai_formulas,
            start="Step forward to fill in the table: → or the buttons under the figure.",
            end="The box is centred at the answer. Its edges are the distances between neighbouring "
            "planes in each step. Without clipping, the targets rounded to this point are exactly "
            "those in the box.",
        ),
        stepper=f"plane_stepper_{problem.size}",
        step=step,
    )


def _quiz(problem: Problem) -> None:
    codes, closest = problem.babai.codes, closest_codes(problem)
    right = vector(codes)
    rounded = round_off(problem.lattice, problem.target, problem.grid)
    neighbour = codes.copy()
    last = problem.order_indices[-1]
    neighbour[last] += -1 if problem.grid and codes[last] == problem.grid.high else 1
    others = [rounded, neighbour] if closest is None else [rounded, neighbour, closest]
    options = sorted({right, *map(vector, others)})
    plain = (
        "Rounding each coordinate by itself gives the same."
        if vector(rounded) == right
        else f"Rounding each coordinate by itself gives {vector(rounded)}: it ignores the angle."
    )
    if closest is None:
        best = ""
    elif vector(closest) == right:
        best = "No lattice point is closer."
    else:
        best = f"The closest point of all is {vector(closest)}: nearest plane is not always exact."
    predict(
        f"The target stands at {vector(problem.babai.start)} in units of the basis vectors. "
        "Which integers $z$ does nearest plane find?",
        options,
        right,
        f"{plain} {best}",
        key=f"plane {problem!r}",
    )


def _try(problem: Problem) -> None:
    st.subheader("Try this", anchor="try")
    skewed, order = PRESETS["skewed"].problem, PRESETS["order_matters"].problem
    clipping, three = PRESETS["clipping_bites"].problem, PRESETS["three_inputs"].problem
    corner = problem.lattice.nearest_plane_box(problem.order_indices)[-1] * (1 - 1e-9)
    try_this(
        [
            Try(
                "Drag across a line",
                "Drag the ringed point slowly from one line to the next. The answer jumps half way.",
                skewed,
                1,
            ),
            Try(
                "Go to the corner",
                "The target sits at the corner of the box: the loss reaches its bound (law L6).",
                problem.with_target(corner),
                problem.size + 1,
            ),
            Try(
                "Change the order",
                "Now switch the order of rounding. The same target ends on another point.",
                order,
                order.size + 1,
            ),
            Try(
                "Clip",
                "Two bits: the code needed does not exist. The error leaves the box.",
                clipping,
                clipping.size + 1,
            ),
            Try(
                "Into space",
                "Three inputs: planes, lines in the nearest plane, points on the nearest line.",
                three,
                1,
            ),
        ]
    )


page()
