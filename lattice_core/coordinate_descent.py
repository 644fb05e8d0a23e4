"""Coordinate descent on the codes: single moves that lower the loss, until none is left (law L16).

With the error ``e = B z − y``, moving code j by t changes the squared distance by ``2 t ⟨b_j, e⟩ + t² ‖b_j‖²``,
least at ``t = round(−⟨b_j, e⟩ / ‖b_j‖²)``. Whole layers have a version of their own with torch,
`lattice_core.layers.coordinate_descent`.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray, as_matrix, as_vector
from lattice_core.integer_grid import IntegerGrid
from lattice_core.k_best import k_best_levels
from lattice_core.lattice import Lattice
from lattice_core.search_tree import Levels, Search, SearchStep, in_input_order

MOST_SWEEPS = 50
# A move must gain this share of what a whole step costs: rounding errors alone must not keep it going.
LEAST_GAIN = 1e-9


def single_moves(
    lattice: Lattice, targets: ArrayLike, codes: ArrayLike, grid: IntegerGrid | None = None
) -> Iterator[IntArray]:
    """Go through the codes from first to last, again and again, and make every move that gains.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    targets : (m, n) array
    codes : (m, c) int array
        Where to begin, admissible, in input order.
    grid : IntegerGrid, optional

    Yields
    ------
    (m, c) int array
        After each code that was looked at; the last sweep moves nothing, or is the 50th.
    """
    points = as_matrix("targets", targets)
    found = np.array(codes, dtype=np.int64)
    errors = found @ lattice.basis.T - points
    for _ in range(MOST_SWEEPS):
        moved = False
        for j in range(lattice.rank):
            moves = best_moves(lattice, errors, found, j, grid)
            moved |= bool(moves.any())
            found[:, j] += moves
            errors += moves[:, None] * lattice.basis[:, j]
            yield found.copy()
        if not moved:
            return


def best_moves(
    lattice: Lattice, errors: FloatArray, codes: IntArray, j: int, grid: IntegerGrid | None
) -> IntArray:
    """By how much to move code j of each target, (m,); 0 where no move gains."""
    length = float(lattice.gram[j, j])
    slopes = errors @ lattice.basis[:, j]
    moves = np.rint(-slopes / length)
    if grid is not None:
        moves = np.clip(codes[:, j] + moves, grid.low, grid.high) - codes[:, j]
    gains = -moves * (2 * slopes + moves * length)
    return np.where(gains > LEAST_GAIN * length, moves, 0).astype(np.int64)


def least_change(
    lattice: Lattice, target: ArrayLike, codes: ArrayLike, grid: IntegerGrid | None = None
) -> float:
    """What the best move of a single code by ±1 would change the squared distance by.

    At a local optimum it is not negative: the loss is convex along each code, so that the neighbours
    decide. ``inf`` if the grid allows no move.
    """
    error = lattice.point(codes) - as_vector("target", target, len(lattice.basis))
    given = np.asarray(codes, dtype=np.int64)
    changes = [np.inf]
    for move in (-1, 1):
        change = 2 * move * (lattice.basis.T @ error) + np.diag(lattice.gram)
        if grid is not None:
            moved = given + move
            change = change[(moved >= grid.low) & (moved <= grid.high)]
        changes.extend(change.tolist())
    return float(min(changes))


def coordinate_descent(
    lattice: Lattice,
    target: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> Search:
    """Coordinate descent from Babai's codes: the first step is Babai's path, then one step a move.

    Parameters
    ----------
    lattice, target, order, grid
        As in `lattice_core.k_best.k_best`; the order is that of Babai's codes.
    """
    point = as_vector("target", target, len(lattice.basis))[None]
    levels = Levels.of(lattice, point, order)
    *_, alone = k_best_levels(levels, 1, grid)
    babai = levels.path(alone.codes[0, 0].tolist())
    begun = in_input_order(alone.codes[:, 0], levels.order)
    steps = [SearchStep(babai, tuple(node.codes for node in babai), babai[-1])]
    work, last = levels.count, begun
    for codes in single_moves(lattice, point, begun, grid):
        work += 1
        if (codes != last).any():
            path = levels.path(codes[0, levels.order].tolist())
            steps.append(SearchStep(path, tuple(node.codes for node in path), path[-1]))
            last = codes
    return Search(levels.order, tuple(steps), babai, work, float(levels.outside[0]))
