"""The laws of what lies beyond Babai as live checks: K-best (L15) and coordinate descent (L16)."""

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.coordinate_descent import coordinate_descent, least_change
from lattice_core.enumeration import partial_codes_within
from lattice_core.k_best import k_best
from lattice_core.laws import TOLERANCE, LawCheck, at_most, equal, half_way
from lattice_core.problem import Problem

MOST_K = 512  # for the law of exactness: what a page can search in a moment


def k_best_is_never_worse(problem: Problem, k: int) -> LawCheck:
    """L15: Babai's path has a slot of its own."""
    search = k_best(problem.lattice, problem.target, k, problem.order_indices, problem.grid)
    left, right = search.squared_distance, problem.babai.squared_distance
    return LawCheck(
        "L15",
        "K-best is never worse than Babai",
        f"Here K = {k}. The K best alone may drop nearest plane's path on the way and end above its loss. So "
        "that path is kept in an extra slot, and the better of the two is the answer.",
        "by construction",
        "loss of K-best",
        left,
        "≤",
        "loss of nearest plane",
        right,
        at_most(left, right, size=_nothing(problem)),
        void=half_way(problem.babai.centers),
    )


def one_beam_is_babai(problem: Problem) -> LawCheck:
    """L15: K = 1 keeps the nearest integer at each level."""
    one = k_best(problem.lattice, problem.target, 1, problem.order_indices, problem.grid)
    left, right = one.codes.astype(float), problem.babai.codes.astype(float)
    return LawCheck(
        "L15",
        "K = 1 is Babai's nearest plane",
        "With one partial code there is one centre at each level, and its nearest integer is kept.",
        "by construction",
        "codes of K-best, K = 1",
        left,
        "=",
        "codes of nearest plane",
        right,
        bool((left == right).all()),
        void=half_way(problem.babai.centers),
    )


def k_best_becomes_exact(problem: Problem, closest: ArrayLike | None) -> LawCheck:
    """L15: with K at the number of partial codes within Babai's radius, K-best is exact.

    Parameters
    ----------
    problem : Problem
    closest : (c,) int array or None
        Codes of the closest lattice vector; ``None`` if it is not known.
    """
    lattice, order, grid = problem.lattice, problem.order_indices, problem.grid
    loss = problem.babai.squared_distance
    void = "the exact answer would take too long." if closest is None else ""
    left = right = loss
    counted = "more than can be counted"
    try:
        counts = partial_codes_within(lattice, problem.target, loss, order, grid)
    except ValueError:
        k, void = MOST_K, "the partial codes within the radius are too many to be counted."
    else:
        # At a lattice point the radius is 0, and rounding errors may hide even that point.
        k, counted = max(1, int(counts.max())), ", ".join(str(int(count)) for count in counts)
        if k > MOST_K:
            void = f"it would need K = {k:,}; at most {MOST_K} is tried here."
        elif closest is not None:
            left = k_best(lattice, problem.target, k, order, grid).squared_distance
            right = float(np.sum((lattice.point(closest) - problem.target) ** 2))
    return LawCheck(
        "L15",
        "K-best is exact once K is large enough",
        f"Count the partial codes of each level whose loss is not above Babai's: {counted}. With K at "
        f"the largest, **K = {k}**, and K integers offered by each, the closest point cannot be dropped. It is "
        "found for comparison by trying all.",
        "each dropped code would have K better ones, all with less loss than Babai's",
        f"loss of K-best, K = {k}",
        left,
        "=",
        "least possible loss",
        right,
        equal(left, right, size=_nothing(problem)),
        void=void,
    )


def descent_is_never_worse(problem: Problem) -> LawCheck:
    """L16: every move lowers the loss."""
    search = coordinate_descent(
        problem.lattice, problem.target, problem.order_indices, problem.grid
    )
    left, right = search.squared_distance, problem.babai.squared_distance
    moves = len(search.steps) - 1
    return LawCheck(
        "L16",
        "Coordinate descent is never worse than its start",
        f"It starts from nearest plane's codes and changes one code at a time, only where that lowers the "
        f"loss. Here it makes {moves} {'move' if moves == 1 else 'moves'}.",
        "by construction",
        "loss after the moves",
        left,
        "≤",
        "loss of nearest plane",
        right,
        at_most(left, right, size=_nothing(problem)),
        void=half_way(problem.babai.centers),
    )


def no_single_move_improves(problem: Problem) -> LawCheck:
    """L16: where it stops, no single code can be moved with gain: a local optimum."""
    search = coordinate_descent(
        problem.lattice, problem.target, problem.order_indices, problem.grid
    )
    change = least_change(problem.lattice, problem.target, search.codes, problem.grid)
    size = float(np.trace(problem.lattice.gram))
    return LawCheck(
        "L16",
        "It stops where no single move helps",
        "Every code is moved by one, up and down, and the change of the loss is computed. None is "
        "negative. That is a local optimum: two codes moved together may still do better.",
        "the loss is convex along each code, so the neighbours decide",
        "0",
        0.0,
        "≤",
        "least change of the loss by a move",
        change,
        change >= -TOLERANCE * size,
    )


def _nothing(problem: Problem) -> float:
    """A loss that counts as 0: at a lattice point, rounding errors make some 10⁻³² of it."""
    return TOLERANCE * float(np.trace(problem.lattice.gram))
