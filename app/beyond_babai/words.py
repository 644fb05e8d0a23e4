"""The question of the lesson, what to try, and the number to remember."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app import lesson
from app.controls import Try, try_this
from app.figures.numbers import percent, short, vector
from app.quiz import predict
from lattice_core import PRESETS, Problem, random_problem
from lattice_core.k_best import k_best
from lattice_core.recorded_search_study import Decoder, recorded_search_study
from lattice_core.search_tree import Search

BOTH, ONLY_TWO, NEITHER = (
    "Yes, and nearest plane finds it too",
    "Yes, and nearest plane does not find it",
    "No, two partial codes are not enough",
)


def two_planes_quiz(problem: Problem, exact: Search) -> None:
    """Whether K = 2 finds the closest point."""
    if exact.stopped:
        return
    two = k_best(problem.lattice, problem.target, 2, problem.order_indices, problem.grid)
    least = exact.squared_distance * (1 + 1e-9) + 1e-12
    if problem.babai.squared_distance <= least:
        right = BOTH
    else:
        right = ONLY_TWO if two.squared_distance <= least else NEITHER
    predict(
        f"The centre of the first weight is {short(problem.babai.steps[0].center)}. With K = 2 both "
        "neighbours go on to the next level. Does K-best with **K = 2** find the closest lattice point?",
        [BOTH, ONLY_TWO, NEITHER],
        right,
        f"The closest point is {vector(exact.codes)} with a loss of {short(exact.squared_distance)}. "
        f"Nearest plane ends at {vector(problem.babai.codes)}, {short(problem.babai.squared_distance)}; "
        f"K = 2 at {vector(two.codes)}, {short(two.squared_distance)}.",
        key=f"two planes {problem!r}",
    )


def ideas() -> None:
    """Problems worth a look, with the search that shows why."""
    st.subheader("Try this", anchor="try")
    close_call = PRESETS["far_from_best"].problem
    clipped = replace(random_problem(3, 3), bits=2, order="front_to_back")
    try_this(
        [
            Try(
                "Two planes instead of one",
                "A close call at the first step. Nearest plane is wrong, K = 2 keeps the other plane.",
                close_call,
                3,
                {"search": "k_best", "beam": "2"},
            ),
            Try(
                "Two are not enough",
                "At some level the partial code of the closest point is only third best. Then switch to K = 4.",
                random_problem(3, 32),
                4,
                {"search": "k_best", "beam": "2"},
            ),
            Try(
                "Lucky dice",
                "K = 2 misses the closest point here. The best of eight runs finds it. Change the dice: not always.",
                random_problem(4, 8),
                9,
                {"search": "klein", "beam": "8", "temperature": "0.3", "dice": "0"},
            ),
            Try(
                "Stuck",
                "Coordinate descent makes a move and stops: the closest point differs in several codes at once.",
                random_problem(3, 17),
                9,
                {"search": "coordinate_descent"},
            ),
            Try(
                "Repair a bad start",
                "Two bits, a bad order, clipped codes: single moves take most of the loss off.",
                clipped,
                9,
                {"search": "coordinate_descent"},
            ),
            Try(
                "Cut off everything else",
                "Six inputs. Of all codes in reach the enumeration looks at a few dozen, and is sure.",
                random_problem(6, 1),
                1,
                {"search": "enumeration"},
            ),
        ]
    )


def number_to_remember() -> None:
    """What K = 16 takes off the loss of real layers."""
    study = recorded_search_study()
    decoder = Decoder("k_best", 16, "good", "keep")
    calibrated, held_out = study.taken_off(decoder)
    bits = float(np.median(study.bits_at_equal_entropy(decoder)))
    places = study.place("k_best", 16), study.place("nearest_plane")
    cost = float(np.median(study.seconds[places[0]] / study.seconds[places[1]]))
    lesson.takeaway(
        percent(float(np.median(calibrated))),
        f"The share of nearest plane's loss that K-best with K = 16 takes off a real layer: the median of "
        f"{len(study.layers)} layers of {study.model}, {study.bits} bits, nothing clipped. On held-out text "
        f"it is {percent(float(np.median(held_out)))}.",
        command=study.command,
        date=study.date,
        doubt=f"It takes {cost:.0f} times the time of nearest plane for a few percent of the loss. If the "
        f"codes are compressed, that is worth **{short(round(bits, 3))} bit** a weight. On small lattices the "
        "gain is far larger, as above: do not carry those ratios over. *Quantization order* and *Without "
        "clipping* show gains that cost less. And what is exact for $\\bar H$ is exact for the calibration "
        "text, not for the text the model will see.",
    )
