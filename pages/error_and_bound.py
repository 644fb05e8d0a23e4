"""Lesson: the loss under its bound, for one target, for thousands, and for the rows of a layer."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app import lesson, lesson_takeaways, shared_problem, wrong_world
from app.cached import closest_codes
from app.controls import Try, problem_controls, try_this, weight_and_damping_inputs
from app.downloads import downloads
from app.error_and_bound.far_from_best import how_far_from_the_best
from app.error_and_bound.many_targets import many_targets
from app.error_and_bound.real_rows import real_rows
from app.error_and_bound.sample import Sample, draw_sample, sample_csv
from app.error_and_bound.why_a_third import why_a_third
from app.error_and_bound.words import bound_table, mean_loss_quiz
from app.figures.error_and_bound import error_figure
from app.laws import laws_panel
from app.snippets import error_and_bound_snippet
from app.wrong_world import broken_gptq, why_harmless
from lattice_core import PRESETS, Problem, RoundingTrace, laws, random_problem
from lattice_core.bound_laws import a_third_on_average, loss_is_near_the_least

SIZES = (2, 3, 4, 5, 6)
HEIGHT = 550


def page() -> None:
    lesson.title("Error and bound", "How wrong can the rounding be, and how wrong is it usually?")
    st.markdown(
        "Each step of nearest plane moves the target straight onto the nearest of many parallel "
        "planes. So it moves at most **half** the distance between two planes. The moves are at "
        "right angles, and the squares add up to the loss. Half of every distance, squared and "
        "added: that is a **bound**, known before any target is seen. The errors that obey it fill a **box**."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=SIZES)
    wrong_world.banner()
    problem, step = shared_problem.problem(), shared_problem.step()
    broken = broken_gptq(problem)
    picture, numbers = st.columns([5, 3], gap="medium")
    with picture:
        lesson.stepped(
            error_figure,
            key=f"bound_stepper_{problem.size}",
            draggable=problem.size == 2,
            height=HEIGHT,
        )
    with numbers:
        if shared_problem.shows("numbers"):
            st.markdown("**What each step adds**")
            bound_table(problem, step, broken)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
    if shared_problem.shows("quiz"):
        mean_loss_quiz(problem)
    sample = draw_sample(problem)
    checks = _checks(problem, sample, broken)
    if shared_problem.shows("laws"):
        laws_panel(checks)
    lesson_takeaways.error_and_bound()
    wrong_world.break_it(checks, why_harmless(problem, broken))
    if shared_problem.shows("try"):
        _try(problem)
    why_a_third(problem)
    many_targets(problem, sample)
    how_far_from_the_best(problem)
    real_rows()
    lesson.code(error_and_bound_snippet(problem))
    lesson.sources(
        {
            "C": "Theorem 5 (the bound), Appendix D.2 (a third of it on average), "
            "the relative bound, here with a slightly tighter constant.",
            "B": "the bound, found independently, and what damping does to it.",
            "Babai": "the algorithm, and the first relative bound, for reduced bases.",
        }
    )
    if shared_problem.shows("downloads"):
        downloads(
            error_figure,
            problem,
            "Error and bound",
            many_targets=lambda problem: sample_csv(problem, sample),
        )
    shared_problem.mirror_in_url("wrong")


def _try(problem: Problem) -> None:
    st.subheader("Try this", anchor="try")
    corners = problem.lattice.nearest_plane_box(problem.order_indices)
    clipping = PRESETS["clipping_bites"].problem
    far = PRESETS["far_from_best"].problem
    real, six = PRESETS["real_three_inputs"].problem, random_problem(6, 1)
    breaks = random_problem(3, 40)
    try_this(
        [
            Try(
                "Go to the corner",
                "Every code is half a distance away: the loss reaches its bound.",
                problem.with_target(corners[-1] * (1 - 1e-9)),
                problem.size + 1,
            ),
            Try(
                "Go to the centre",
                "The target is the lattice point itself: no loss at all.",
                replace(problem, weights=tuple(problem.babai.codes * np.array(problem.scales))),
                problem.size + 1,
            ),
            Try(
                "Clip",
                "Two bits, and a weight beyond them. The loss passes the bound, which is crossed out.",
                replace(clipping, weights=(1.1, 0.64)),
                clipping.size + 1,
            ),
            Try(
                "Far from the best",
                "A close call along the short edge, then half of the long edge is paid: the loss is nearly γ² times "
                "the least.",
                far,
                far.size + 1,
            ),
            Try(
                "Real inputs",
                "Three inputs of a real layer. Their boxes are long and thin.",
                real,
                real.size + 1,
            ),
            Try(
                "Six inputs",
                "No picture any more, but the bars. Look how the histogram has grown narrow.",
                six,
                six.size + 1,
            ),
            Try(
                "Propagate nothing",
                "Break GPTQ, and the loss is seven times the bound.",
                breaks,
                breaks.size + 1,
                {"wrong": "no_propagation"},
            ),
            Try(
                "The wrong inverse",
                "A smaller mistake: the inverse of the whole Hessian in step 2. The bound is passed again.",
                breaks,
                breaks.size + 1,
                {"wrong": "whole_inverse"},
            ),
        ]
    )


def _checks(problem: Problem, sample: Sample, broken: RoundingTrace | None) -> list[laws.LawCheck]:
    checks = [
        laws.loss_is_bounded(problem, broken),
        laws.squares_add_up(problem, broken),
        a_third_on_average(problem, sample.rounded),
    ]
    closest = closest_codes(problem)
    if closest is not None:
        checks.append(loss_is_near_the_least(problem, closest, broken))
    return checks


page()
