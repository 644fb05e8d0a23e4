"""What the first lessons measure for their one number to remember; see `course_numbers`."""

from dataclasses import replace
from itertools import product

import numpy as np

from lattice_core.bound_laws import drawn_targets
from lattice_core.disagreement import disagreement_share
from lattice_core.inputs import FloatArray
from lattice_core.many_targets import closest_codes_of_many, nearest_plane_of_many
from lattice_core.min_pivot_study import min_pivot_study
from lattice_core.orders import ORDERS
from lattice_core.problem import PRESETS, random_problem

PROBLEMS, TARGETS = 200, 100


def closest_found_by_nearest_plane() -> float:
    """The share of targets in 200 random problems of 4 inputs, 100 targets each, evenly over the
    lattice, whose closest lattice point nearest plane finds.
    """
    return _share_found("nearest_plane")


def closest_found_by_round_off() -> float:
    """The same targets as `closest_found_by_nearest_plane`: the share that round-off finds."""
    return _share_found("round_off")


def closest_missed_by_nearest_plane() -> float:
    """The share of all targets that nearest plane does not send to the closest lattice point, on the
    preset ``skewed``: areas, not draws.
    """
    skewed = PRESETS["skewed"].problem
    return disagreement_share(skewed.lattice, "nearest_plane", "closest", skewed.order_indices)


def largest_gap_of_gptq_and_babai() -> float:
    """The largest difference of GPTQ's centres and Babai's, over the largest centre, on 200 random
    problems of 2 to 6 inputs, in the four orders, without a grid and with 2 and 4 bits.
    """
    gaps = []
    for seed, size in product(range(40), range(2, 7)):
        # Another spacing, for theirs puts the largest weight half way between two codes.
        drawn = replace(random_problem(size, seed), scales=(0.3,) * size)
        for order, bits in product(ORDERS, (None, 2, 4)):
            problem = replace(drawn, order=order, bits=bits)
            left, right = problem.gptq.centers, problem.babai.centers
            gaps.append(np.abs(left - right).max() / max(1.0, float(np.abs(right).max())))
    return float(max(gaps))


def min_pivot_is_best() -> float:
    """The share of 4,000 random Hessians of 4 inputs on which no order has a smaller sum of pivots
    than min-pivot.
    """
    return 1 - min_pivot_study(4).missed


def _share_found(method: str) -> float:
    found: list[FloatArray] = []
    for seed in range(PROBLEMS):
        problem = random_problem(4, seed)
        lattice, order = problem.lattice, problem.order_indices
        targets = drawn_targets(problem, TARGETS, seed)
        closest = closest_codes_of_many(lattice, targets, order)
        if method == "round_off":
            codes = np.rint(np.linalg.solve(lattice.basis, targets.T).T).astype(np.int64)
        else:
            codes = nearest_plane_of_many(lattice, targets, order).codes
        found.append((codes == closest).all(axis=1))
    return float(np.mean(found))
