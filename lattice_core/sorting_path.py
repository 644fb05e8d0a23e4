"""LLL's swaps on real inputs, watched as a permutation beside min-pivot's order (law L12).

Size reductions between the swaps mix columns, and are no part of a permutation: they are counted
apart. How even the box has become is that of the true basis, mixed columns and all.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray, as_damped_hessian
from lattice_core.lattice import Lattice
from lattice_core.orders import resolve_order
from lattice_core.reduction_steps import reduction_moves, require_delta


@dataclass(frozen=True, eq=False)
class SortingFrame:
    """Where the inputs are after some of the swaps.

    Attributes
    ----------
    swaps, size_reductions : int
        Done so far.
    arrangement : (c,) int array
        The input at each position of the pivot order, size reductions not looked at.
    ranks : (c,) int array
        The position that min-pivot gives to the input at each position: 0 … c−1 in its own order.
    lengths : (c,) array
        Gram-Schmidt lengths of the basis as it is.
    """

    swaps: int
    size_reductions: int
    arrangement: IntArray
    ranks: IntArray
    lengths: FloatArray

    @property
    def pivot_sum(self) -> float:
        """``Σ D_j`` of the basis as it is."""
        return float(np.sum(self.lengths**2))

    @property
    def inversions(self) -> int:
        """Pairs of inputs that stand in the opposite order to min-pivot's."""
        return int(np.sum(np.triu(self.ranks[:, None] > self.ranks[None, :], 1)))


@dataclass(frozen=True, eq=False)
class SortingPath:
    """The way of LLL from one order to a reduced basis.

    Attributes
    ----------
    frames : tuple of SortingFrame
        The start, then every so many swaps, then the end.
    goal : (c,) int array
        Min-pivot's pivot order.
    goal_lengths : (c,) array
        Gram-Schmidt lengths in that order.
    """

    frames: tuple[SortingFrame, ...]
    goal: IntArray
    goal_lengths: FloatArray

    @property
    def goal_sum(self) -> float:
        """``Σ D_j`` of min-pivot's order."""
        return float(np.sum(self.goal_lengths**2))


def sorting_path(
    damped_hessian: ArrayLike,
    order: str = "front_to_back",
    *,
    delta: float = 0.99,
    most_frames: int = 40,
) -> SortingPath:
    """Run LLL on inputs of one grid spacing, and look at it after every so many swaps.

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite.
    order : str
        A key of `ORDERS`, whose pivot order LLL starts from.
    delta : float
        δ of Lovász's condition, ¼ < δ ≤ 1.
    most_frames : int
        At least 2.
    """
    require_delta(delta)
    matrix = as_damped_hessian(damped_hessian)
    goal = resolve_order("min_pivot", matrix)[::-1]
    rank = np.argsort(goal)
    basis = Lattice.from_hessian(matrix, 1.0).basis
    states = _states(basis, resolve_order(order, matrix)[::-1], delta)
    chosen = _spread(len(states), most_frames)
    return SortingPath(
        tuple(
            SortingFrame(swaps, size_reductions, arrangement, rank[arrangement], _lengths(columns))
            for swaps, size_reductions, arrangement, columns in (states[k] for k in chosen)
        ),
        goal,
        _lengths(basis[:, goal]),
    )


def _states(
    basis: FloatArray, pivot_order: IntArray, delta: float
) -> list[tuple[int, int, IntArray, FloatArray]]:
    """After 0, 1, 2, … swaps and at the end: counts, arrangement, basis."""
    start = Lattice(basis[:, pivot_order])
    columns, place = list(np.eye(start.rank)), pivot_order.copy()
    states = [(0, 0, place.copy(), start.basis)]
    swaps = size_reductions = 0
    for move in reduction_moves(start.gram_schmidt()[1], columns, delta):
        size_reductions += move.kind == "size_reduction"
        if move.kind == "swap":
            swaps += 1
            place[[move.partner, move.index]] = place[[move.index, move.partner]]
            basis_now = start.basis @ np.column_stack(columns)
            states.append((swaps, size_reductions, place.copy(), basis_now))
    final = start.basis @ np.column_stack(columns)
    states[-1] = (swaps, size_reductions, place.copy(), final)
    return states


def _spread(count: int, most: int) -> list[int]:
    """At most so many of the states, evenly, the first and the last among them."""
    return sorted({round(k) for k in np.linspace(0, count - 1, min(count, most))})


def _lengths(basis: FloatArray) -> FloatArray:
    return np.asarray(np.diag(Lattice(basis).gram_schmidt()[1]))
