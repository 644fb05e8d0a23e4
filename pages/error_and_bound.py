"""Lesson: the loss under its bound, for one target, for thousands, and for the rows of a layer."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app import lesson, shared_problem
from app.cached import closest_codes, sampled_loss_ratios
from app.controls import Try, problem_controls, try_this, weight_and_damping_inputs
from app.downloads import downloads
from app.error_and_bound.real_rows import real_rows
from app.error_and_bound.sample import Sample, draw_sample, findings, sample_controls, sample_csv
from app.error_and_bound.words import bound_table, mean_loss_quiz
from app.figures.bound_bars import percent
from app.figures.error_and_bound import error_figure
from app.figures.numbers import short, vector
from app.figures.ratio_dots import ratio_dots
from app.figures.share_histogram import (
    A_THIRD,
    bound_mark,
    mean_mark,
    share_histogram,
    target_mark,
)
from app.laws import laws_panel
from app.snippets import error_and_bound_snippet
from lattice_core import PRESETS, Problem, absolute_bound, laws, random_problem, relative_bound
from lattice_core.bound_laws import a_third_on_average, loss_is_near_the_least

COMPARED = 300  # targets whose closest lattice point is looked for
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
    problem, step = shared_problem.problem(), shared_problem.step()
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
            bound_table(problem, step)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
    if shared_problem.shows("quiz"):
        mean_loss_quiz(problem)
    sample = draw_sample(problem)
    _many(problem, sample)
    _relative(problem)
    real_rows()
    if shared_problem.shows("try"):
        _try(problem)
    if shared_problem.shows("laws"):
        _laws(problem, sample)
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
    shared_problem.mirror_in_url()


def _many(problem: Problem, sample: Sample) -> None:
    st.subheader("Thousands of targets", anchor="many")
    if problem.grid is None:
        where = "Targets are drawn at random, evenly over the box around the answer."
    else:
        where = (
            "Weights are drawn at random, evenly over all codes of the grid and a little beyond. "
            "Where a code is clipped, the error leaves the box."
        )
    st.markdown(f"{where} Each is rounded, and its loss divided by the bound.")
    if shared_problem.shows("controls"):
        sample_controls(problem)
    here = problem.babai.squared_distance / _bound(problem)
    st.plotly_chart(
        share_histogram(
            sample.shares,
            sample.rounded.clipped,
            [
                A_THIRD,
                mean_mark(sample.shares, "targets"),
                target_mark(here),
                bound_mark(sample.rounded.clipped),
            ],
        ),
        key="many_targets",
        alt=f"Histogram of loss over bound of {len(sample.shares)} targets. "
        f"Mean {sample.shares.mean():.4f}. The target above stands at {here:.4f}.",
    )
    st.markdown(findings(problem, sample))
    st.markdown(
        "**Why a corner is worst.** In each step the target is $u_j$ distances from its plane, with "
        "$u_j$ between $-\\frac12$ and $\\frac12$, and the loss is $\\sum_j u_j^2 d_j^2$. At a corner "
        "all $u_j$ are $\\pm\\frac12$ at once: every step costs the most it can.\n\n"
        "**Why a third.** The mean of $u^2$ between $-\\frac12$ and $\\frac12$ is $\\frac1{12}$. That "
        "is a third of $\\frac14$, its value at the ends. So each step costs a third of its most on "
        "average, and so does the sum. A corner is rare: all steps must be unlucky together."
    )


def _relative(problem: Problem) -> None:
    st.subheader("How far from the best?", anchor="relative")
    limit = relative_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    st.markdown(
        "The bound says how far the answer is. It does not say whether another lattice point is closer. "
        "Law L8 does: without clipping, nearest plane loses at most "
        f"$\\gamma^2$ = **{short(limit)}** times the least possible."
    )
    # The box looks the same from every target, so that dragging one need not compare anew.
    lattice_alone = replace(problem, weights=(0.0,) * problem.size, bits=None)
    ratios = sampled_loss_ratios(lattice_alone, COMPARED, st.session_state.get("bound_seed", 0))
    if ratios is None:
        st.info(
            "This basis is so skewed that comparing with all lattice points would take too long.",
            icon=":material/info:",
        )
        return
    law = _relative_law(problem)
    here = None if law is None or law.void else float(law.left)
    st.plotly_chart(
        ratio_dots(ratios, limit, here),
        key="loss_ratios",
        alt=f"Loss over least possible loss of {COMPARED} targets, sorted: "
        f"1 for {percent(float(np.mean(ratios <= 1 + 1e-9)))}, at most {ratios.max():.4g}. "
        f"The law allows {limit:.4g}.",
    )
    clipping = "" if problem.grid is None else " Here all integers are allowed, whatever the grid."
    st.markdown(
        f"Of {COMPARED} targets drawn in the box, nearest plane finds the closest lattice point for "
        f"**{percent(float(np.mean(ratios <= 1 + 1e-9)))}**. At worst it loses "
        f"**{short(float(ratios.max()))}** times the least.{clipping}{_the_target(problem, here)}\n\n"
        "**Why it can go wrong.** An early step may be a close call between two planes, and a short "
        "distance makes the nearer one hardly better. But the other plane may have a lattice point "
        "right there, while the nearer one has its points half a long edge away. "
        "So $\\gamma^2$ is large when a short distance is rounded before long ones."
    )


def _the_target(problem: Problem, ratio: float | None) -> str:
    closest = closest_codes(problem)
    if ratio is None or closest is None:
        return ""
    if ratio == 1:
        return " For the target above no lattice point is closer."
    return (
        f" For the target above the closest point is $z$ = {vector(closest)}, not "
        f"{vector(problem.babai.codes)}: nearest plane loses **{short(ratio)}** times as much."
    )


def _try(problem: Problem) -> None:
    st.subheader("Try this", anchor="try")
    corners = problem.lattice.nearest_plane_box(problem.order_indices)
    answer = problem.lattice.point(problem.babai.codes)
    clipping = PRESETS["clipping_bites"].problem
    far = PRESETS["far_from_best"].problem
    real, six = PRESETS["real_three_inputs"].problem, random_problem(6, 1)
    try_this(
        [
            Try(
                "Go to the corner",
                "Every code is half a distance away: the loss reaches its bound.",
                problem.with_target(answer + corners[-1] * (1 - 1e-9)),
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
                "A close call at the short step, then half the long edge: nearly γ² times the least.",
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
        ]
    )


def _laws(problem: Problem, sample: Sample) -> None:
    checks = [
        laws.loss_is_bounded(problem),
        laws.squares_add_up(problem),
        a_third_on_average(problem, sample.rounded),
        _relative_law(problem),
    ]
    laws_panel([check for check in checks if check is not None])


def _relative_law(problem: Problem) -> laws.LawCheck | None:
    closest = closest_codes(problem)
    return None if closest is None else loss_is_near_the_least(problem, closest)


def _bound(problem: Problem) -> float:
    return absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)


page()
