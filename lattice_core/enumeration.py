"""Exact enumeration: every partial code that could still beat the best one found, and no other.

Depth first, the nearest integer first, so that the first whole code is Babai's and its loss the first
radius. A child whose partial loss is not below the radius is cut off with everything below it, and so
are its siblings further away. Each better whole code makes the radius smaller.

Sources: U. Fincke and M. Pohst, *Improved methods for calculating vectors of short length in a lattice*,
Math. Comp. 44 (1985) 463-471; C. P. Schnorr and M. Euchner, *Lattice basis reduction: improved practical
algorithms and solving subset sum problems*, Math. Programming 66 (1994) 181-199.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import IntArray
from lattice_core.integer_grid import IntegerGrid
from lattice_core.k_best import k_best_levels
from lattice_core.lattice import Lattice
from lattice_core.search_tree import Levels, PartialCode, Search, SearchStep

MOST_NODES = 20_000
MOST_COUNTED = 1_000_000


def enumerate_closest(
    lattice: Lattice,
    target: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
    *,
    most: int = MOST_NODES,
) -> Search:
    """The closest lattice vector by Schnorr and Euchner's enumeration: one step a node.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    target : (n,) array
    order : (c,) int array, optional
        ``order[0]`` is rounded first; ``None`` is back to front. The answer does not depend on it, the
        work does.
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is all integers.
    most : int
        Nodes to look at, at least c. After as many the search ends with ``stopped=True``, and its answer is
        the best found so far, never worse than Babai's.

    Examples
    --------
    >>> search = enumerate_closest(Lattice([[10.0, 4.98], [0.0, 1.0]]), [0.0, 0.502])
    >>> search.codes.tolist(), search.stopped
    ([0, 0], False)
    """
    levels = Levels.of_one(lattice, target, order)
    if most < levels.count:
        raise ValueError(f"most is {most}; at least c = {levels.count} nodes were wanted.")
    *_, alone = k_best_levels(levels, 1, grid)
    babai = levels.path(alone.codes[0, 0].tolist())
    steps: list[SearchStep] = []
    work, stopped = 0, False
    for step in _steps(levels, grid):
        if len(steps) == most:
            stopped = True
            break
        steps.append(step)
        # A node that was kept and is not whole has its children looked at: one centre.
        work += bool(step.kept) and len(step.kept[0]) < levels.count
    return Search(levels.order, tuple(steps), babai, 1 + work, float(levels.outside[0]), stopped)


def _steps(levels: Levels, grid: IntegerGrid | None) -> Iterator[SearchStep]:
    """Node by node. A stack of iterators over siblings stands for the recursion."""
    heights, triangle = levels.heights[0].tolist(), levels.triangle.tolist()
    best: PartialCode | None = None
    path: list[int] = []
    losses = [0.0]
    siblings = [_nearest_first(heights[0] / triangle[0][0], grid)]
    while siblings:
        level = len(siblings) - 1
        row = triangle[level]
        center = heights[level] - sum(row[i] * path[i] for i in range(level))
        center /= row[level]
        code = next(siblings[-1], None)
        if code is None:
            siblings.pop()
            del path[-1:], losses[-1:]
            continue
        node = PartialCode((*path, code), center, losses[-1] + (row[level] * (center - code)) ** 2)
        if best is not None and node.loss >= best.loss:
            siblings.pop()  # the siblings to come are further away
            del path[-1:], losses[-1:]
            yield SearchStep((node,), (), best)
            continue
        if level + 1 == levels.count:
            best = node
            yield SearchStep((node,), (node.codes,), best)
            continue
        path.append(code)
        losses.append(node.loss)
        row = triangle[level + 1]
        below = heights[level + 1] - sum(row[i] * path[i] for i in range(level + 1))
        siblings.append(_nearest_first(below / row[level + 1], grid))
        yield SearchStep((node,), (node.codes,), best)


def _nearest_first(center: float, grid: IntegerGrid | None) -> Iterator[int]:
    """Admissible integers in order of their distance from the centre; endless without a grid."""
    low, high = (None, None) if grid is None else (grid.low, grid.high)
    nearest = round(center)
    if low is not None and high is not None:
        nearest = min(max(nearest, low), high)
    up, down = nearest, nearest - 1
    while True:
        above, below = high is None or up <= high, low is None or down >= low
        if above and (not below or abs(up - center) <= abs(down - center)):
            yield up
            up += 1
        elif below:
            yield down
            down -= 1
        else:
            return


def partial_codes_within(
    lattice: Lattice,
    target: ArrayLike,
    squared_radius: float,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
    *,
    most: int = MOST_COUNTED,
) -> IntArray:
    """How many partial codes of each level have at most this loss, (c,) in the order of rounding.

    K-best is exact once K is no less than any of these numbers, for Babai's radius (law L15): were the
    best code's beginning dropped, K others at least as good would stand before it.

    Parameters
    ----------
    lattice, target, order, grid
        As in `enumerate_closest`.
    squared_radius : float
        The part outside the span of the basis included.
    most : int
        Of partial codes at a level.

    Raises
    ------
    ValueError
        If there are more.
    """
    levels = Levels.of_one(lattice, target, order)
    room = (squared_radius - levels.outside[0]) * (1 + 1e-9)
    codes, losses = np.zeros((1, 1, 0), dtype=np.int64), np.zeros(1)
    counts = []
    for distance in levels.distances:
        centers = levels.centers(codes)[0]
        reach = np.sqrt(np.maximum(room - losses, 0.0)) / distance
        low, high = np.ceil(centers - reach), np.floor(centers + reach)
        if grid is not None:
            low, high = np.maximum(low, grid.low), np.minimum(high, grid.high)
        spans = np.maximum(high - low + 1, 0)
        if spans.sum() > most:
            raise ValueError(
                f"{spans.sum():,.0f} partial codes are within the radius; at most {most:,} are counted. "
                "Reduce the basis first (LLL), or take another order."
            )
        number = spans.astype(np.int64)
        parent = np.repeat(np.arange(len(number)), number)
        rank = np.arange(len(parent)) - np.repeat(np.cumsum(number) - number, number)
        code = low[parent] + rank
        losses = losses[parent] + (distance * (centers[parent] - code)) ** 2
        codes = np.concatenate([codes[:, parent], code.astype(np.int64)[None, :, None]], axis=2)
        counts.append(len(parent))
    return np.array(counts, dtype=np.int64)
