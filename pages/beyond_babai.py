"""Lesson: what lies beyond Babai: the search tree, and four ways through it."""

from functools import partial

import plotly.graph_objects as go
import streamlit as st

from app import lesson, shared_problem
from app.beyond_babai import choice
from app.beyond_babai.numbers import answers_table, nodes_csv, step_table
from app.beyond_babai.real_layers import real_layers
from app.beyond_babai.words import ideas, number_to_remember, two_planes_quiz
from app.beyond_babai.work import loss_and_work
from app.cached import closest_codes
from app.controls import problem_controls, weight_and_damping_inputs
from app.downloads import downloads
from app.figures.search_figure import search_figure
from app.figures.search_sentences import shown_steps
from app.laws import laws_panel
from app.lesson_options import chosen
from app.snippets_beyond_babai import beyond_babai_snippet
from lattice_core import Problem, search_laws
from lattice_core.enumeration import enumerate_closest
from lattice_core.search_tree import Search

SIZES = (2, 3, 4, 5, 6)


def page() -> None:
    lesson.title("Beyond Babai", "What is there to gain by looking at more than one plane?")
    st.markdown(
        "Nearest plane chooses an integer, moves on, and never looks back. All its possible choices form a "
        "**tree**: each level is a weight in the order of rounding, each node a *partial code*, and the "
        "number in a node is the integer chosen there. The *loss so far*, of the steps down to a node, never "
        "shrinks further down. "
        "Nearest plane walks one path. **To the lattice** looking further means other planes; **to "
        "quantization** it means other roundings that later weights can make up for."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=SIZES)
        choice.search_controls()
    st.caption(choice.ABOUT[chosen("search")])
    problem = shared_problem.problem()
    search = choice.run_search(problem)
    exact = enumerate_closest(
        problem.lattice,
        problem.target,
        problem.order_indices,
        problem.grid,
        most=choice.MOST_NODES,
    )
    last = len(shown_steps(search)) + 1
    step = shared_problem.step(last)
    picture, numbers = st.columns([3, 2], gap="medium")
    with picture:
        lesson.stepped(
            _draw,
            key=f"search_stepper_{problem.size}",
            draggable=problem.size == 2,
            height=540,
            last_step=last,
        )
    with numbers:
        if shared_problem.shows("numbers"):
            answers_table(problem, search, choice.search_name(), exact)
            step_table(search, step)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
    if shared_problem.shows("quiz"):
        two_planes_quiz(problem, exact)
    if shared_problem.shows("laws"):
        _laws(problem)
    number_to_remember()
    if shared_problem.shows("try"):
        ideas()
    loss_and_work(problem)
    real_layers()
    lesson.code(beyond_babai_snippet(problem))
    lesson.sources(
        {
            "Babai": "nearest plane, and that it is not always exact.",
            "Klein": "randomized rounding.",
            "FinckePohst": "enumeration within a radius.",
            "SchnorrEuchner": "the nearest integer first, and a radius that shrinks.",
            "O": "K-best with Babai and Klein, for the layers of language models.",
        }
    )
    if shared_problem.shows("downloads"):
        downloads(_draw, problem, "Beyond Babai", nodes=_nodes)
    shared_problem.mirror_in_url(*choice.OPTIONS, last_step=last)


def _draw(problem: Problem) -> go.Figure:
    draw = partial(search_figure, kind=chosen("search"), k=int(chosen("beam")))
    return draw(problem, choice.run_search(problem))


def _nodes(problem: Problem) -> str:
    search: Search = choice.run_search(problem)
    return nodes_csv(search)


def _laws(problem: Problem) -> None:
    laws_panel(
        [
            search_laws.k_best_is_never_worse(problem, int(chosen("beam"))),
            search_laws.one_beam_is_babai(problem),
            search_laws.k_best_becomes_exact(problem, closest_codes(problem)),
            search_laws.descent_is_never_worse(problem),
            search_laws.no_single_move_improves(problem),
        ]
    )


page()
