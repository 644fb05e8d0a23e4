"""Lesson: lattice reduction, step by step, and what it adds to a good order of rounding."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import lesson, shared_problem
from app.cached import closest_codes, stages_of_reduction
from app.controls import problem_controls, weight_and_damping_inputs
from app.downloads import downloads
from app.figures.reduction import reduction_figure
from app.lattice_reduction.clipping import why_not_on_a_grid
from app.lattice_reduction.contest import contest
from app.lattice_reduction.numbers import (
    stages_csv,
    stages_table,
    table_caption,
    transform_and_test,
)
from app.lattice_reduction.sorting import sorting
from app.lattice_reduction.whole_layers import whole_layers
from app.lattice_reduction.words import ideas, number_to_remember, reduction_quiz
from app.laws import laws_panel
from app.lesson_options import chosen, option_buttons
from app.snippets_reduction import reduction_snippet
from lattice_core import Problem, order_laws, reduction_laws
from lattice_core.reduced_problem import ReductionStage

SIZES = (2, 3)
OPTIONS = ("delta", "sorted", "contest", "reduced", "block")
HEIGHT = 540


def page() -> None:
    lesson.title("Lattice reduction", "Does a better basis of the same lattice give better codes?")
    st.markdown(
        "Many bases make the same lattice points. Nearest plane depends on the basis: its box has the "
        "Gram-Schmidt lengths of that basis as edges. An order of rounding only **sorts** the vectors. "
        "**Lattice reduction** may also **mix** them: subtract multiples of one from another, exchange "
        "neighbours, again and again. No lattice point moves. For two vectors this is Lagrange's and Gauss's "
        "algorithm, "
        "for more it is **LLL** (Lenstra, Lenstra, Lovász, 1982)."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=SIZES)
    problem, delta = shared_problem.problem(), float(chosen("delta"))
    if problem.size in SIZES:
        last = _small(problem, delta)
    else:
        last = None
        st.info(
            f"This problem has {problem.size} inputs. A picture needs two or three. More are below, "
            "under *Larger lattices*.",
            icon=":material/info:",
        )
    number_to_remember()
    sorting()
    contest()
    whole_layers()
    if shared_problem.shows("try"):
        ideas()
    lesson.code(reduction_snippet(problem, delta))
    lesson.sources(
        {
            "LLL": "the algorithm, and that it ends soon.",
            "SchnorrEuchner": "BKZ: the same with whole blocks.",
            "Babai": "nearest plane on a reduced basis is never far from the best.",
            "B": "the hint that lattice reduction might give better quantization.",
            "C": "Algorithm 3 (min-pivot), Theorem 5 (the bound).",
        }
    )
    if shared_problem.shows("downloads") and problem.size in SIZES:
        downloads(
            lambda shown: reduction_figure(shown, stages_of_reduction(shown, delta), delta),
            problem,
            "Lattice reduction",
            moves=lambda shown: stages_csv(shown, delta),
        )
    shared_problem.mirror_in_url(*OPTIONS, last_step=last)


def _small(problem: Problem, delta: float) -> int:
    """Everything about the problem on show; the figure's last step."""
    stages = stages_of_reduction(problem, delta)
    last = len(stages)
    step = shared_problem.step(last)
    picture, numbers = st.columns([3, 2], gap="medium")
    with picture:
        lesson.stepped(
            lambda shown: reduction_figure(shown, stages_of_reduction(shown, delta), delta),
            key=f"reduction_stepper_{problem.size}",
            draggable=problem.size == 2,
            height=HEIGHT,
            last_step=last,
        )
        if shared_problem.shows("controls"):
            option_buttons("delta")
    with numbers:
        if shared_problem.shows("numbers"):
            transform_and_test(stages, step, delta)
            st.markdown(stages_table(stages, step))
            st.caption(table_caption(problem))
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
    if shared_problem.shows("quiz"):
        reduction_quiz(problem, stages)
    if shared_problem.shows("laws"):
        _laws(problem, stages)
    why_not_on_a_grid(problem, stages[-1])
    return last


def _laws(problem: Problem, stages: Sequence[ReductionStage]) -> None:
    first, last = stages[0], stages[-1]
    checks = [
        reduction_laws.transform_is_unimodular(last),
        reduction_laws.codes_come_back(problem, last),
        reduction_laws.size_reduction_keeps_the_point(problem),
        order_laws.greedy_pivots_satisfy_lovasz(problem),
        reduction_laws.volume_stays(first, last),
    ]
    closest = closest_codes(replace(problem, bits=None))
    if closest is not None:
        checks.append(reduction_laws.reduced_loss_is_near_the_least(problem, last, closest))
    laws_panel(checks)


page()
