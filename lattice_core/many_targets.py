"""Many targets at once: drawing them, rounding them all, and the closest vector of each.

What one target shows in steps, thousands show as a distribution: how much of its bound the loss
uses (laws L6, L7, L9), and how much worse than the best it is (law L8).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray, as_matrix, as_order
from lattice_core.integer_grid import IntegerGrid, nearest_codes
from lattice_core.lattice import Lattice

MOST_COMPARISONS = 4_000_000


@dataclass(frozen=True, eq=False)
class ManyRoundings:
    """Nearest plane's answers to m targets.

    Attributes
    ----------
    codes : (m, c) int array
        In input order.
    squared_distances : (m,) array
        ``‖B z − y‖²`` of each target; the part outside the span of the basis is counted.
    clipped : (m,) bool array
        Whether the grid kept any of the target's codes from the nearest integer (law L9).
    """

    codes: IntArray
    squared_distances: FloatArray
    clipped: np.ndarray


def nearest_plane_of_many(
    lattice: Lattice,
    targets: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> ManyRoundings:
    """Babai's nearest plane for each of many targets; as `nearest_plane`, without the steps.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    targets : (m, n) array
        One target a row, in the units of the basis.
    order : (c,) int array, optional
        ``order[0]`` is rounded first; ``None`` is back to front.
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is all integers.

    Raises
    ------
    ValueError
        If the targets do not fit the basis or hold NaN, or the order is no permutation.

    Examples
    --------
    >>> many = nearest_plane_of_many(Lattice([[1.0, 0.6], [0.0, 0.8]]), [[1.4, 1.0], [0.1, 0.0]])
    >>> many.codes.tolist()
    [[1, 1], [0, 0]]
    """
    residuals = _as_targets(lattice, targets)
    order = as_order(order, lattice.rank)
    directions, triangle = lattice.gram_schmidt(order)
    codes = np.empty((len(residuals), lattice.rank), dtype=np.int64)
    clipped = np.zeros(len(residuals), dtype=bool)
    for position, index in enumerate(order):
        pivot = lattice.rank - 1 - position
        centers = residuals @ directions[:, pivot] / triangle[pivot, pivot]  # (m,)
        codes[:, index] = nearest_codes(centers, grid)
        clipped |= np.abs(centers - codes[:, index]) > 0.5 + 1e-9
        residuals -= codes[:, index, None] * lattice.basis[:, index]
    return ManyRoundings(codes, np.sum(residuals**2, axis=1), clipped)


def targets_in_box(
    lattice: Lattice,
    codes: ArrayLike,
    order: ArrayLike | None = None,
    *,
    count: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Targets (count, n) spread evenly over the nearest-plane box around a lattice point.

    Without clipping they are the targets that nearest plane sends to this point, and any targets
    that are spread evenly over whole cells of the lattice have their losses.

    Parameters
    ----------
    lattice : Lattice
    codes : (c,) int array
        Of the point.
    order : (c,) int array, optional
        Of the box; ``None`` is back to front.
    count : int
    rng : numpy.random.Generator
    """
    directions, triangle = lattice.gram_schmidt(order)
    inside = rng.uniform(-0.5, 0.5, (count, lattice.rank)) * np.diag(triangle)
    return np.asarray(lattice.point(codes) + inside @ directions.T)


def targets_over_grid(
    lattice: Lattice,
    grid: IntegerGrid,
    beyond: float = 0.5,
    *,
    count: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Targets (count, n) whose coordinates are spread evenly over the grid and a little beyond.

    Parameters
    ----------
    lattice : Lattice
    grid : IntegerGrid
    beyond : float
        How far past the grid's last codes the coordinates go, in grid spacings; ½ is what rounding
        each by itself would still send to those codes.
    count : int
    rng : numpy.random.Generator
    """
    coordinates = rng.uniform(grid.low - beyond, grid.high + beyond, (count, lattice.rank))
    return np.asarray(coordinates @ lattice.basis.T)


def closest_codes_of_many(
    lattice: Lattice, targets: ArrayLike, order: ArrayLike | None = None
) -> IntArray:
    """The exact closest lattice vector of each target, all integers admissible.

    Nearest plane leaves each target an error e in the box, so ``‖e‖ ≤ ½ √(Σ d_j²)``, d the edges of
    the box. The closest vector differs from nearest plane's by a lattice vector v with
    ``‖v − e‖ ≤ ‖e‖``, hence ``‖v‖ ≤ √(Σ d_j²)``. These v are the same for all targets: they are
    listed once, and each target is compared with all of them.

    Parameters
    ----------
    lattice : Lattice
    targets : (m, n) array
    order : (c,) int array, optional
        Of the nearest plane to start from; the answer does not depend on it, ties apart.

    Returns
    -------
    (m, c) int array
        Nearest plane's codes where no other point is closer.

    Raises
    ------
    ValueError
        If more than four million comparisons would be needed.
    """
    points = _as_targets(lattice, targets)
    codes = nearest_plane_of_many(lattice, points, order).codes
    lengths = np.diag(lattice.gram_schmidt(order)[1])
    radius = float(np.linalg.norm(lengths)) * (1 + 1e-9)
    steps = vectors_within(lattice, radius, most=MOST_COMPARISONS // max(len(points), 1))
    vectors = steps @ lattice.basis.T
    errors = points - codes @ lattice.basis.T
    # ‖v − e‖² − ‖e‖² is exactly 0 for v = 0, which comes first: a tie leaves nearest plane's codes.
    gains = np.sum(vectors**2, axis=1) - 2 * errors @ vectors.T
    return np.asarray(codes + steps[np.argmin(gains, axis=1)])


def vectors_within(lattice: Lattice, radius: float, most: int = MOST_COMPARISONS) -> IntArray:
    """Codes (k, c) of all lattice vectors of at most this length, the zero vector first.

    Level by level (Fincke and Pohst): in pivot order the last coordinate alone decides the last
    entry of ``R z``, then the one before it, and what exceeds the radius is dropped at once.

    Parameters
    ----------
    lattice : Lattice
    radius : float
        In the units of the basis.
    most : int
        Of partial vectors at any level.

    Raises
    ------
    ValueError
        If there are more than `most`.
    """
    triangle = lattice.gram_schmidt()[1]
    codes = np.zeros((1, lattice.rank))
    left = np.array([radius**2])  # of the squared radius, for the entries still to come
    for j in reversed(range(lattice.rank)):
        middle = -(codes[:, j + 1 :] @ triangle[j, j + 1 :]) / triangle[j, j]
        reach = np.sqrt(left) / triangle[j, j]
        low = np.ceil(middle - reach)
        spans = np.maximum(np.floor(middle + reach) - low + 1, 0)
        if spans.sum() > most:
            raise ValueError(
                f"{spans.sum():,.0f} lattice vectors would have to be compared with each target; at "
                f"most {most:,} are. Take fewer targets, or reduce the basis first (LLL)."
            )
        counts = spans.astype(np.int64)
        parent = np.repeat(np.arange(len(codes)), counts)
        rank = np.arange(len(parent)) - np.repeat(np.cumsum(counts) - counts, counts)
        codes = codes[parent]
        codes[:, j] = low[parent] + rank
        entry = (codes[:, j] - middle[parent]) * triangle[j, j]
        left = np.maximum(left[parent] - entry**2, 0.0)
    nonzero = codes[codes.any(axis=1)]
    return np.vstack([np.zeros(lattice.rank), nonzero]).astype(np.int64)


def loss_ratios(
    lattice: Lattice, targets: ArrayLike, codes: ArrayLike, closest: ArrayLike
) -> FloatArray:
    """How many times the least possible loss the codes lose, (m,); 1 where they are the closest.

    Parameters
    ----------
    lattice : Lattice
    targets : (m, n) array
    codes, closest : (m, c) int arrays
        Any codes, and those of the closest vectors.
    """
    points = _as_targets(lattice, targets)
    losses, least = (
        np.sum((np.asarray(z) @ lattice.basis.T - points) ** 2, axis=1) for z in (codes, closest)
    )
    # At a lattice point both are 0, and the codes are the closest.
    return np.divide(losses, least, out=np.ones(len(points)), where=least > 0)


def _as_targets(lattice: Lattice, targets: ArrayLike) -> FloatArray:
    points = as_matrix("targets", targets)
    if points.shape[1] != len(lattice.basis):
        raise ValueError(
            f"targets has shape {points.shape}; one target of {len(lattice.basis)} numbers a row "
            "was wanted."
        )
    return points
