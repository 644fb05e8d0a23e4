"""What each search costs and what it finds, on many targets of one lattice.

Work is how often a centre is computed: each takes a product with the codes chosen before, and all
searches compute them the same way. Nearest plane needs c.
"""

from dataclasses import dataclass

import numpy as np

from lattice_core.bound_laws import drawn_targets
from lattice_core.coordinate_descent import single_moves
from lattice_core.enumeration import enumerate_closest
from lattice_core.inputs import FloatArray, IntArray
from lattice_core.k_best import k_best_of_many
from lattice_core.klein import klein_of_many
from lattice_core.many_targets import nearest_plane_of_many
from lattice_core.problem import Problem

BEAMS = (1, 2, 4, 8, 16)
RUNS = (1, 4, 16, 64)
MOST_NODES = 40_000  # of the enumeration of all targets together: half a second


@dataclass(frozen=True)
class WorkPoint:
    """One search with one setting, over all targets.

    Attributes
    ----------
    search : str
        ``"k_best"``, ``"klein"``, ``"coordinate_descent"`` or ``"enumeration"``.
    setting : int
        K, or the number of runs; 1 where there is nothing to set.
    work : float
        Centres computed for a target, on average.
    ratio : float
        Mean loss over the mean of the least possible losses.
    exact : float
        Share of the targets whose closest lattice point it finds.
    """

    search: str
    setting: int
    work: float
    ratio: float
    exact: float


def loss_against_work(
    problem: Problem, count: int, seed: int, temperature: float
) -> tuple[WorkPoint, ...]:
    """Every search on targets drawn as in `drawn_targets`; the first point is nearest plane.

    Parameters
    ----------
    problem : Problem
        Its lattice, order and grid; its weights only without a grid, for where targets are drawn.
    count, seed : int
        Of the targets.
    temperature : float
        Of Klein's rounding, as in `klein_of_many`.

    Raises
    ------
    ValueError
        If the enumeration of all targets would look at more than 40,000 nodes: the basis is too
        skewed.
    """
    lattice, order, grid = problem.lattice, problem.order_indices, problem.grid
    targets = drawn_targets(problem, count, seed)
    least, work = _least_losses(problem, targets)

    def point(search: str, setting: int, losses: FloatArray, cost: float) -> WorkPoint:
        exact = float(np.mean(losses <= least * (1 + 1e-9) + 1e-12 * least.mean()))
        return WorkPoint(search, setting, cost, float(losses.mean() / least.mean()), exact)

    found = []
    for k in BEAMS:
        codes, centers = k_best_of_many(lattice, targets, k, order, grid)
        found.append(point("k_best", k, _losses(problem, targets, codes), centers))
    runs = klein_of_many(
        lattice, targets, max(RUNS), temperature, np.random.default_rng(seed), order, grid
    )[1]
    for number in RUNS:
        best = runs[:, :number].min(axis=1)
        found.append(point("klein", number, best, number * problem.size))
    losses, cost = _descended(problem, targets)
    found.append(point("coordinate_descent", 1, losses, cost))
    found.append(point("enumeration", 1, least, work))
    return tuple(found)


def _least_losses(problem: Problem, targets: FloatArray) -> tuple[FloatArray, float]:
    """The least loss of each target (m,), and the mean work of finding it."""
    left, losses, work = MOST_NODES, [], 0
    for target in targets:
        search = enumerate_closest(
            problem.lattice,
            target,
            problem.order_indices,
            problem.grid,
            most=max(left, problem.size),
        )
        left -= len(search.steps)
        if search.stopped or left <= 0:
            raise ValueError(
                f"the exact answers of {len(targets)} targets would take more than {MOST_NODES:,} nodes of "
                "the search tree. Take fewer targets or another order, or reduce the basis first (LLL)."
            )
        losses.append(search.squared_distance)
        work += search.work
    return np.array(losses), work / len(targets)


def _descended(problem: Problem, targets: FloatArray) -> tuple[FloatArray, float]:
    """Losses (m,) after coordinate descent from nearest plane's codes, and the mean work of it."""
    lattice, grid = problem.lattice, problem.grid
    begun = nearest_plane_of_many(lattice, targets, problem.order_indices, grid).codes
    visited = np.stack([begun, *single_moves(lattice, targets, begun, grid)])  # (looks + 1, m, c)
    moved = (visited[1:] != visited[:-1]).any(axis=2)
    sweeps = moved.reshape(-1, problem.size, len(targets)).any(axis=1)
    # Each target needs its sweeps with a move, and one that finds none.
    return _losses(problem, targets, visited[-1]), problem.size * (2 + sweeps.sum() / len(targets))


def _losses(problem: Problem, targets: FloatArray, codes: IntArray) -> FloatArray:
    return np.asarray(np.sum((codes @ problem.lattice.basis.T - targets) ** 2, axis=1))
