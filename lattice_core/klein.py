"""Klein's randomized rounding: nearest plane with dice, and the best of several runs.

At each level the code is drawn from a discrete Gaussian around the centre: code z with a chance
proportional to ``exp(−d² (centre − z)² / 2σ²)``, d the distance between the planes. Where planes are far
apart the nearest is almost sure to be drawn; a close call between near ones is left to chance. σ → 0 is
nearest plane.

Source: P. Klein, *Finding the closest lattice vector when it's unusually close*, SODA 2000, 937-941.
"""

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.integer_grid import IntegerGrid
from lattice_core.k_best import k_best_levels
from lattice_core.lattice import Lattice
from lattice_core.search_tree import Levels, Search, SearchStep, in_input_order, nearest_integers

# Integers offered to the dice at each level: beyond them the chance is below e^−50 at σ = d, and where σ is
# larger the tails are cut.
OFFERED = 21
MOST_DRAWS = 4_000_000


def klein_of_many(
    lattice: Lattice,
    targets: ArrayLike,
    runs: int,
    temperature: float,
    rng: np.random.Generator,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> tuple[IntArray, FloatArray]:
    """All runs of Klein's rounding for each of many targets.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    targets : (m, n) array
    runs : int
        For each target.
    temperature : float
        σ in units of the geometric mean of the distances between planes, ``det^(1/c)``. 0 is nearest
        plane.
    rng : numpy.random.Generator
    order : (c,) int array, optional
        ``order[0]`` is rounded first; ``None`` is back to front.
    grid : IntegerGrid, optional
        Admissible codes; others are not drawn.

    Returns
    -------
    codes : (m, runs, c) int array
        In input order.
    squared_distances : (m, runs) array

    Raises
    ------
    ValueError
        If `runs` is below 1, the temperature is negative or not finite, or there are more than four
        million draws a level.
    """
    levels = Levels.of(lattice, targets, order)
    codes = _draw(levels, runs, temperature, rng, grid)
    losses = levels.losses(codes) + levels.outside[:, None]
    return in_input_order(codes, levels.order), losses


def klein(
    lattice: Lattice,
    target: ArrayLike,
    runs: int,
    temperature: float,
    seed: int,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> Search:
    """The best of several runs for one target: one step a run. Nothing keeps it from being worse than Babai.

    Parameters
    ----------
    lattice, target, order, grid
        As in `lattice_core.k_best.k_best`.
    runs, temperature
        As in `klein_of_many`.
    seed : int
        Of ``numpy.random.default_rng``.
    """
    levels = Levels.of_one(lattice, target, order)
    drawn = _draw(levels, runs, temperature, np.random.default_rng(seed), grid)[0]
    *_, alone = k_best_levels(levels, 1, grid)
    steps, best = [], None
    for codes in drawn:
        path = levels.path(codes.tolist())
        if best is None or path[-1].loss < best.loss:
            best = path[-1]
        steps.append(SearchStep(path, tuple(node.codes for node in path), best))
    return Search(
        levels.order,
        tuple(steps),
        levels.path(alone.codes[0, 0].tolist()),
        runs * levels.count,
        float(levels.outside[0]),
    )


def _draw(
    levels: Levels,
    runs: int,
    temperature: float,
    rng: np.random.Generator,
    grid: IntegerGrid | None,
) -> IntArray:
    """(m, runs, c) codes in the order of rounding."""
    if runs < 1 or not (np.isfinite(temperature) and temperature >= 0):
        raise ValueError(
            f"runs is {runs} and temperature {temperature}; at least one run and a finite number ≥ 0 "
            "were wanted (0 is nearest plane)."
        )
    if (draws := len(levels.heights) * runs * OFFERED) > MOST_DRAWS:
        raise ValueError(
            f"{draws:,} chances would be computed at a level; at most {MOST_DRAWS:,} are. Take fewer runs "
            "or targets."
        )
    sigma = temperature * float(np.exp(np.mean(np.log(levels.distances))))
    codes = np.zeros((len(levels.heights), runs, 0), dtype=np.int64)
    for distance in levels.distances:
        centers = levels.centers(codes)
        offered = nearest_integers(centers, OFFERED, grid)  # the nearest first
        costs = (distance * (centers[..., None] - offered)) ** 2
        costs -= costs[..., :1]
        # A temperature of 0 leaves a chance to the nearest alone.
        weights = np.exp(-costs / (2 * sigma**2)) if sigma else (costs == 0).astype(float)
        chances = np.cumsum(weights, axis=-1)
        dice = rng.random(centers.shape)[..., None] * chances[..., -1:]
        place = np.sum(chances <= dice, axis=-1, keepdims=True)
        codes = np.concatenate([codes, np.take_along_axis(offered, place, axis=-1)], axis=2)
    return codes
