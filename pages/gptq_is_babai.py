"""Lesson: the lattice and the weights in lock-step; the same centres, codes and losses."""

import plotly.graph_objects as go
import streamlit as st

from app import lesson, lesson_takeaways, shared_problem, wrong_world
from app.controls import Try, problem_controls, try_this, weight_and_damping_inputs
from app.downloads import downloads
from app.figures.number_lines import lockstep_figure
from app.figures.numbers import short, symbol
from app.laws import laws_panel
from app.linked_formula import babai_formulas, by_step, gptq_formulas, linked_formulas
from app.quiz import predict
from app.snippets import both_algorithms_snippet
from app.step_tables import lockstep_table, obq_table
from app.wrong_world import broken_gptq, step_to_check, why_harmless
from lattice_core import PRESETS, Problem, RoundingTrace, laws, obq, random_problem

HEIGHT = 410


def page() -> None:
    lesson.title(
        "GPTQ is Babai", "Why do two algorithms, thirty-six years apart, give the same integers?"
    )
    st.markdown(
        "**Left, Babai (1986):** a target $y$ in a lattice moves to the nearest plane, then to the "
        "nearest plane inside that one. **Right, GPTQ (2022):** a row of weights $w$; one is rounded "
        "to its grid, and its error is pushed to the weights that remain, so that the layer's output "
        "$Xw$ changes as little as possible. Step through both. Each push on the right is one move on the left."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=(2, 3))
    problem, step = shared_problem.problem(), shared_problem.step()
    broken = broken_gptq(problem)
    wrong_world.banner()
    lesson.stepped(
        _draw,
        key=f"lockstep_stepper_{problem.size}",
        draggable=problem.size == 2,
        height=HEIGHT,
    )
    _numbers(problem, step, broken)
    checked = step_to_check(problem, step, broken)
    checks = [
        laws.gptq_is_babai(problem, broken),
        laws.propagation_is_projection(problem, checked, broken),
        laws.factor_does_not_matter(problem),
        laws.obq_takes_the_nearest_plane(problem, step),
        laws.nothing_to_gain_by_composing(problem, checked, broken),
    ]
    if shared_problem.shows("laws"):
        laws_panel(checks)
    lesson_takeaways.gptq_is_babai()
    wrong_world.break_it(checks, why_harmless(problem, broken))
    if shared_problem.shows("numbers"):
        _obq(problem, step)
    if shared_problem.shows("try"):
        _try()
    lesson.code(both_algorithms_snippet(problem))
    lesson.sources(
        {
            "C": "Theorem 1 (the closest vector problem), 2 (projection), 4 (GPTQ is Babai), "
            "Corollary 3 (OBQ), Appendix C.4 (composing).",
            "B": "Theorem 2.1, found independently.",
            "GPTQ": "Algorithm 1, as run on the right.",
            "OBQ": "the greedy choice of the next weight.",
            "Babai": "the algorithm on the left.",
        }
    )
    if shared_problem.shows("downloads"):
        downloads(_draw, problem, "GPTQ is Babai")
    shared_problem.mirror_in_url("wrong")


def _draw(problem: Problem) -> go.Figure:
    return lockstep_figure(problem, broken_gptq(problem))


def _numbers(problem: Problem, step: int, broken: RoundingTrace | None) -> None:
    if shared_problem.shows("numbers"):
        # In a wrong world GPTQ's formula is not what it does.
        linked_formulas(
            by_step(
                problem,
                babai_formulas,
                *(() if broken else (gptq_formulas,)),
                start="Step forward: each step shows the formulas of both algorithms with their numbers.",
                end="All weights are rounded: nothing is left to compute.",
            ),
            stepper=f"lockstep_stepper_{problem.size}",
            step=step,
        )
    table, question = st.columns([5, 3], gap="medium")
    with table:
        if shared_problem.shows("numbers"):
            st.markdown("**Number by number**")
            lockstep_table(problem, step, broken)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
    if shared_problem.shows("quiz"):
        with question:
            _quiz(problem)


def _obq(problem: Problem, step: int) -> None:
    st.subheader("Which weight would OBQ round now?", anchor="obq")
    st.markdown(
        "OBQ, GPTQ's ancestor, has no fixed order. At each step it rounds the weight that costs "
        "least. In the lattice that is the nearest of **all** planes, of whatever family (law L3)."
    )
    if 1 <= step <= problem.size:
        obq_table(problem, step)
    greedy = obq(problem.damped_hessian, problem.weights, problem.scales, problem.grid)
    names = ", ".join(symbol("w", step.index) for step in greedy.steps)
    st.caption(f"Free to choose at every step, OBQ rounds {names}, in this order.")


def _quiz(problem: Problem) -> None:
    first = problem.gptq.steps[0]
    last = problem.gptq.steps[-1]
    start = problem.gptq.start[last.index]
    moved = last.center - start
    if abs(moved) < 1e-9:
        answer = "It does not move"
    else:
        answer = "To the right" if moved > 0 else "To the left"
    name = symbol("w", last.index)
    predict(
        f"Before the first step {name} stands at {short(start)} grid spacings. By the time it is "
        f"rounded the errors of the others, first of {symbol('w', first.index)}, have been pushed to it. "
        "Which way has it moved?",
        ["To the right", "To the left", "It does not move"],
        answer,
        f"It arrives at {short(last.center)}, a move of {short(moved)}, and is rounded to {last.code}. "
        "Correlated inputs let one weight make up for another's error.",
        key=f"lockstep {problem!r}",
    )


def _try() -> None:
    st.subheader("Try this", anchor="try")
    try_this(
        [
            Try(
                "Independent inputs",
                "The inputs hardly go together, so hardly anything is pushed: round-to-nearest will do.",
                PRESETS["nearly_orthogonal"].problem,
                1,
            ),
            Try(
                "A real layer",
                "Two inputs of a real layer, with the numbers its text gave it.",
                PRESETS["real_two_inputs"].problem,
                1,
            ),
            Try(
                "Three real inputs",
                "One rounding error is shared between two weights.",
                PRESETS["real_three_inputs"].problem,
                1,
            ),
            Try(
                "Three random inputs",
                "Any problem will do: the column *gap* shows what floating-point numbers leave of 0.",
                random_problem(3, 5),
                1,
            ),
            Try(
                "Propagate nothing",
                "Break GPTQ: its weights (grey cross) are not where the target goes, and three laws turn red.",
                PRESETS["skewed"].problem,
                1,
                {"wrong": "no_propagation"},
            ),
            Try(
                "The wrong inverse",
                "Break it in a way that shows only in step 2, since in step 1 all weights remain.",
                random_problem(3, 40),
                2,
                {"wrong": "whole_inverse"},
            ),
        ]
    )


page()
