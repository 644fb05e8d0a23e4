"""K-best: nearest plane with the K best partial codes kept at each level instead of one (law L15).

For one target with its tree, and for many targets at once. Whole layers have a version of their own
with torch, `lattice_core.layers.k_best`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.integer_grid import IntegerGrid
from lattice_core.lattice import Lattice
from lattice_core.search_tree import (
    Levels,
    PartialCode,
    Search,
    SearchStep,
    in_input_order,
    nearest_integers,
)

MOST_OFFERS = 4_000_000


@dataclass(frozen=True, eq=False)
class BeamLevel:
    """One level of the tree for m targets: what was offered, and the best that go on.

    Attributes
    ----------
    offered : (m, b, n, l) int array
        The n children of each of the b partial codes, in the order of rounding.
    centers : (m, b) array
        Of the b partial codes.
    offers : (m, b, n) array
        Their partial losses.
    codes : (m, b′, l) int array
        The b′ ≤ K children that go on, the best first.
    losses : (m, b′) array
    """

    offered: IntArray
    centers: FloatArray
    offers: FloatArray
    codes: IntArray
    losses: FloatArray


def k_best_levels(
    levels: Levels, k: int, grid: IntegerGrid | None = None, children: int | None = None
) -> Iterator[BeamLevel]:
    """Level by level: every partial code offers its nearest integers, the K best of all go on.

    Parameters
    ----------
    levels : Levels
        Of m targets.
    k : int
        Partial codes kept for each.
    grid : IntegerGrid, optional
    children : int, optional
        Integers that each offers; ``None`` is K, as exactness needs.

    Raises
    ------
    ValueError
        If K or `children` is below 1, or a level would have more than four million offers.
    """
    children = k if children is None else children
    if k < 1 or children < 1:
        raise ValueError(f"k is {k} and children {children}; at least 1 of each was wanted.")
    count = len(levels.heights)
    if count * k * children > MOST_OFFERS:
        raise ValueError(
            f"k = {k} with {children} children would look at {count * k * children:,} partial codes at "
            f"a level; at most {MOST_OFFERS:,} are. Keep fewer, or take fewer targets."
        )
    codes = np.zeros((count, 1, 0), dtype=np.int64)
    losses = np.zeros((count, 1))
    for distance in levels.distances:
        centers = levels.centers(codes)
        integers = nearest_integers(centers, children, grid)
        offers = losses[..., None] + (distance * (centers[..., None] - integers)) ** 2
        before = np.broadcast_to(codes[:, :, None], (*integers.shape, codes.shape[2]))
        offered = np.concatenate([before, integers[..., None]], axis=3)
        flat = offers.reshape(count, -1)
        best = np.argsort(flat, axis=1, kind="stable")[:, :k]
        losses = np.take_along_axis(flat, best, axis=1)
        codes = np.take_along_axis(
            offered.reshape(count, flat.shape[1], -1), best[..., None], axis=1
        )
        yield BeamLevel(offered, centers, offers, codes, losses)


def k_best_of_many(
    lattice: Lattice,
    targets: ArrayLike,
    k: int,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
    *,
    children: int | None = None,
) -> tuple[IntArray, int]:
    """The codes (m, c) of each target by K-best, and the work: centres computed for one target.

    Babai's path has an extra slot, so that no target is worse than by nearest plane (law L15).

    Parameters
    ----------
    lattice : Lattice
    targets : (m, n) array
    k : int
    order : (c,) int array, optional
    grid : IntegerGrid, optional
    children : int, optional
        As in `k_best_levels`.

    Raises
    ------
    ValueError
        As `k_best_levels` does.
    """
    levels = Levels.of(lattice, targets, order)
    *_, babai = k_best_levels(levels, 1, grid)
    if k == 1:
        return in_input_order(babai.codes[:, 0], levels.order), levels.count
    work, beam = levels.count, babai
    for beam in k_best_levels(levels, k, grid, children):
        work += beam.centers.shape[1]
    better = beam.losses[:, :1] < babai.losses
    codes = np.where(better, beam.codes[:, 0], babai.codes[:, 0])
    return in_input_order(codes, levels.order), work


def k_best(
    lattice: Lattice,
    target: ArrayLike,
    k: int,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
    *,
    children: int | None = None,
) -> Search:
    """K-best for one target, with the tree that it has seen: one step a level.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    target : (n,) array
    k : int
        Partial codes kept at each level, Babai's path apart.
    order : (c,) int array, optional
        ``order[0]`` is rounded first; ``None`` is back to front.
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is all integers.
    children : int, optional
        As in `k_best_levels`.

    Examples
    --------
    >>> far = Lattice([[10.0, 4.98], [0.0, 1.0]])
    >>> [k_best(far, [0.0, 0.502], k).codes.tolist() for k in (1, 2)]
    [[0, 1], [0, 0]]
    """
    levels = Levels.of_one(lattice, target, order)
    *_, alone = k_best_levels(levels, 1, grid)
    babai = levels.path(alone.codes[0, 0].tolist())
    steps, work = [], 0 if k == 1 else levels.count
    for beam in k_best_levels(levels, k, grid, children):
        whole = beam.codes.shape[2] == levels.count
        best = None
        if whole:
            found = PartialCode(_tuple(beam.codes[0, 0]), np.nan, float(beam.losses[0, 0]))
            best = levels.path(found.codes)[-1] if found.loss < babai[-1].loss else babai[-1]
        steps.append(SearchStep(_nodes(beam), tuple(map(_tuple, beam.codes[0])), best))
        work += beam.centers.shape[1]
    return Search(levels.order, tuple(steps), babai, work, float(levels.outside[0]))


def _nodes(beam: BeamLevel) -> tuple[PartialCode, ...]:
    return tuple(
        PartialCode(_tuple(codes), float(center), float(loss))
        for center, children, losses in zip(
            beam.centers[0], beam.offered[0], beam.offers[0], strict=True
        )
        for codes, loss in zip(children, losses, strict=True)
    )


def _tuple(codes: IntArray) -> tuple[int, ...]:
    return tuple(int(code) for code in codes)
