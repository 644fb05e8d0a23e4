"""Question, takeaway and ideas of the lesson."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import lesson
from app.cached import recorded_real_reduction, stages_of_reduction
from app.controls import Try, try_this
from app.figures.numbers import percent, short, vector
from app.quiz import predict
from lattice_core import PRESETS, Problem, random_problem
from lattice_core.reduced_problem import ReductionStage

SAME = 1e-9
# Two long arrows for a lattice that has short ones: 2u + v and 5u + 3v of u = (1, 0.2), v = (0.25, 0.9).
HIDDEN = replace(
    PRESETS["skewed"].problem,
    name="custom",
    hessian=((27.01, 70.99), (70.99, 187.01)),
    weights=(0.15, 0.2),
)


def reduction_quiz(problem: Problem, stages: Sequence[ReductionStage]) -> None:
    """Does this target gain?"""
    first, last = stages[0], stages[-1]
    options = ["It gets smaller", "It stays the same", "It gets larger"]
    change = last.loss - first.loss
    scale = max(first.bound, last.bound)
    answer = options[1 if abs(change) <= SAME * scale else 0 if change < 0 else 2]
    if answer == options[1]:
        told = f"Both find a point at squared distance {short(last.loss)}."
    else:
        told = (
            f"It goes from {short(first.loss)}, z = {vector(first.codes)}, to {short(last.loss)}, "
            f"z = {vector(last.codes)}."
        )
    grid = "" if problem.grid is None else " Suppose every integer is allowed."
    predict(
        f"The basis is reduced until LLL is content. What happens to the loss of **this** target?{grid}",
        options,
        answer,
        f"{told} The bound goes from {short(first.bound)} to {short(last.bound)}, and the mean loss "
        "over all targets is a third of it (law L7). A single target may be lucky in the worse box.",
        key=f"reduction {problem!r} {len(stages)}",
    )


def number_to_remember() -> None:
    """What BKZ adds to min-pivot on whole layers, as recorded."""
    record = recorded_real_reduction()
    unmoved = sum(layer.lll_swaps == layer.bkz_insertions == 0 for layer in record.layers)
    lesson.takeaway(
        percent(record.largest_gain),
        f"The most that lattice reduction took off $\\sum_j D_j$ of min-pivot's order, on "
        f"{len(record.layers)} layers with {record.layers[0].columns} inputs: LLL with "
        f"$\\delta = {record.delta:g}$, then BKZ with blocks of {record.block_size}. On {unmoved} of "
        "them neither found anything to do. On these layers a good order is nearly all there "
        "is to gain. On small or ill-conditioned lattices it is not: see below.",
        command=record.command,
        date=record.date,
        doubt="It is a measurement on one model and one text, with 1 % damping and one grid spacing "
        "for all weights. Nothing forbids a layer on which reduction wins, and with less damping "
        "there may be more to win. A reduced basis is of use only **without clipping**: a grid of $b$ "
        "bits is slanted in its coordinates. Where groups of weights have their own scales, every row "
        "is a lattice of its own and needs a $T$ of its own.",
    )


def ideas() -> None:
    """Buttons; the numbers in their words are computed."""
    st.subheader("Try this", anchor="try")
    two = replace(random_problem(2, 688), order="min_pivot")
    three = replace(random_problem(3, 1728), order="min_pivot")
    clipped = replace(PRESETS["skewed"].problem, weights=(-0.71, -1.2), bits=2)
    worse = PRESETS["three_inputs"].problem
    tie = random_problem(2, 49)
    try_this(
        [
            Try(
                "Short vectors, well hidden",
                "Two long arrows, almost parallel. Step through: it is Euclid's algorithm, with vectors for numbers.",
                HIDDEN,
            ),
            Try(
                "Ten to one",
                "*Far from the best*, as in the lesson *Error and bound*. Reduction evens out the edges: γ² falls from "
                f"{_gamma(PRESETS['far_from_best'].problem)}.",
                PRESETS["far_from_best"].problem,
            ),
            Try(
                "LLL beats min-pivot",
                f"Two inputs in min-pivot's order. LLL goes on: Σ d² falls by {_gain(two)}.",
                two,
            ),
            Try(
                "And with three inputs",
                f"Min-pivot's order again; LLL takes {_gain(three)} off Σ d².",
                three,
            ),
            Try(
                "Better box, worse answer",
                "The bound gets smaller and this target's loss larger. Predict first.",
                worse,
            ),
            Try(
                "Two bits",
                "The reduced basis finds a code that two bits do not have. Look under *Why not on a grid*.",
                clipped,
                len(stages_of_reduction(clipped)),
            ),
            Try(
                "A lazy δ",
                "With δ = ½ Lovász's test leaves two vectors as they stand that δ = 0.99 exchanges. Switch between "
                "them.",
                tie,
                len(stages_of_reduction(tie, 0.5)),
                {"delta": "0.5"},
            ),
        ]
    )


def _gain(problem: Problem) -> str:
    stages = stages_of_reduction(problem)
    return percent(1 - stages[-1].bound / stages[0].bound)


def _gamma(problem: Problem) -> str:
    stages = stages_of_reduction(problem)
    return f"{short(stages[0].relative_bound)} to {short(stages[-1].relative_bound)}"
