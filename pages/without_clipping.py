"""Lesson: what clipping costs, and three ways to keep codes that do not fit into their bits."""

import streamlit as st

from app import lesson, shared_problem
from app.controls import problem_controls, weight_and_damping_inputs
from app.downloads import downloads
from app.figures.clipping import clipping_figure
from app.laws import laws_panel
from app.lesson_options import chosen
from app.snippets_clipping import without_clipping_snippet
from app.without_clipping.coding import coding_laws, entropy_coded, toy_coding_on_show
from app.without_clipping.outliers import outlier_laws, outliers_kept_apart, toy_on_show
from app.without_clipping.recorded import runs_csv
from app.without_clipping.spacing import rate_and_loss, spaced_columns
from app.without_clipping.takeaway import number_to_remember
from app.without_clipping.words import clipping_table, ideas, provenance, word_quiz
from app.wrong_world import banner
from lattice_core import clipping_laws, laws

SIZES = (2, 3, 4, 5, 6)


def page() -> None:
    lesson.title("Without clipping", "How can a code be kept that does not fit into its bits?")
    st.markdown(
        "A grid of $b$ bits has $2^b$ codes. When the centre $\\zeta$ of a weight lies more than half a spacing "
        "beyond the last of them, the code is **clipped** to it. The error of that step is then too large: it leaves "
        "the box, and the bound is void (law L9). Below, each step is made twice: on the grid, and with every code "
        "kept."
    )
    banner("wrong_outliers")
    if shared_problem.shows("controls"):
        problem_controls(sizes=SIZES)
    problem = shared_problem.problem()
    picture, numbers = st.columns([5, 3], gap="medium")
    with picture:
        lesson.stepped(
            clipping_figure,
            key=f"clipping_stepper_{problem.size}",
            draggable=problem.size == 2,
            height=480 if problem.size < 4 else 560,
        )
    with numbers:
        if shared_problem.shows("numbers"):
            clipping_table(problem)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
    if shared_problem.shows("quiz"):
        word_quiz()
    run, trials = toy_on_show()
    toy = toy_coding_on_show()
    if shared_problem.shows("laws"):
        laws_panel(
            [
                laws.loss_is_bounded(problem),
                clipping_laws.kept_codes_are_bounded(problem),
                clipping_laws.clipped_is_far(problem),
                *outlier_laws(run),
                clipping_laws.spacing_makes_edges_equal(problem),
                clipping_laws.spacing_attains_the_floor(problem),
                *coding_laws(toy),
            ]
        )
    number_to_remember()
    outliers_kept_apart(run, trials)
    entropy_coded(toy)
    spaced_columns(problem)
    rate_and_loss()
    st.caption(provenance())
    if shared_problem.shows("try"):
        ideas(problem)
    lesson.code(
        without_clipping_snippet(
            problem, int(chosen("toy_bits")), int(chosen("outliers")), float(chosen("coded_size"))
        )
    )
    lesson.sources(
        {
            "C": "Theorem 5 (the bound, without clipping), section 5 with Algorithms 9 (SSQR) and 11 (HPTQ).",
            "W": "spacing the columns by their pivots.",
        }
    )
    if shared_problem.shows("downloads"):
        downloads(
            clipping_figure, problem, "Without clipping", recorded_layers=lambda _: runs_csv()
        )
    shared_problem.mirror_in_url(
        "wrong_outliers", "toy_bits", "outliers", "coded_size", "kept_layer", "kept_bits"
    )


page()
