"""The tree of nearest planes: partial codes, and the record that every search through them leaves.

Rounding one weight after another walks down a tree. At level l the integers of the first l weights of
the order are chosen; the integer of the next leads to a child. What a child adds to the loss is
``(d (centre − code))²``, d the distance between the planes, and it never shrinks: a partial loss is a
lower bound for everything below. Babai's path takes the nearest integer at each level.

All searches share `Levels`. In the order of rounding the basis is a **lower** triangle L, so that level
l needs only the codes before it: ``centre_l = (h_l − Σ_{i<l} L_li z_i) / L_ll``, h the target.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray, as_matrix, as_order, as_vector
from lattice_core.integer_grid import IntegerGrid, nearest_codes
from lattice_core.lattice import Lattice


@dataclass(frozen=True)
class PartialCode:
    """A node of the tree: the integers of the first weights in the order of rounding.

    Attributes
    ----------
    codes : tuple of int
        In the order of rounding; the parent has all but the last. Empty at the root.
    center : float
        What the last of them was rounded from.
    loss : float
        Squared distance from the target to the planes chosen so far.
    """

    codes: tuple[int, ...]
    center: float
    loss: float

    @property
    def level(self) -> int:
        """How many weights are rounded."""
        return len(self.codes)


@dataclass(frozen=True)
class SearchStep:
    """One step of a search.

    Attributes
    ----------
    looked_at : tuple of PartialCode
        Whose loss is computed in this step.
    kept : tuple of tuples of int
        Of these, the codes with which the search goes on.
    best : PartialCode or None
        The best whole code found so far.
    """

    looked_at: tuple[PartialCode, ...]
    kept: tuple[tuple[int, ...], ...]
    best: PartialCode | None


@dataclass(frozen=True, eq=False)
class Search:
    """A search through the tree, from the root to its answer.

    Attributes
    ----------
    order : (c,) int array
        ``order[0]`` is rounded first.
    steps : tuple of SearchStep
    babai : tuple of PartialCode
        Babai's path, one node for each level.
    work : int
        How often a centre was computed, which is what a search costs: c for Babai.
    outside : float
        Squared length of the target's part outside the span of the basis: no code changes it.
    stopped : bool
        Whether the search was ended before it was through.
    """

    order: IntArray
    steps: tuple[SearchStep, ...]
    babai: tuple[PartialCode, ...]
    work: int
    outside: float = 0.0
    stopped: bool = False

    @property
    def best(self) -> PartialCode:
        """The answer, in the order of rounding."""
        best = self.steps[-1].best
        assert best is not None
        return best

    @property
    def codes(self) -> IntArray:
        """(c,) the answer in input order."""
        return in_input_order(self.best.codes, self.order)

    @property
    def squared_distance(self) -> float:
        """``‖B z − y‖²`` of the answer."""
        return self.best.loss + self.outside


@dataclass(frozen=True, eq=False)
class Levels:
    """The lattice and m targets as the levels of the tree see them.

    Attributes
    ----------
    order : (c,) int array
        ``order[0]`` is rounded first.
    triangle : (c, c) array
        L: lower triangular in the order of rounding; its diagonal has the distances between planes.
    heights : (m, c) array
        Targets in the directions of the levels.
    outside : (m,) array
        Squared length of each target's part outside the span.
    """

    order: IntArray
    triangle: FloatArray
    heights: FloatArray
    outside: FloatArray

    @classmethod
    def of(cls, lattice: Lattice, targets: ArrayLike, order: ArrayLike | None = None) -> "Levels":
        """The levels of a lattice for targets (m, n).

        Raises
        ------
        ValueError
            If the targets do not fit the basis or hold NaN, or the order is no permutation.
        """
        points = as_matrix("targets", targets)
        if points.shape[1] != len(lattice.basis):
            raise ValueError(
                f"targets has shape {points.shape}; one target of {len(lattice.basis)} numbers a row "
                "was wanted."
            )
        directions, triangle = lattice.gram_schmidt(order)
        heights = points @ directions
        outside = np.sum((points - heights @ directions.T) ** 2, axis=1)
        if lattice.rank == len(lattice.basis):
            outside = np.zeros(len(points))
        return cls(as_order(order, lattice.rank), triangle[::-1, ::-1], heights[:, ::-1], outside)

    @classmethod
    def of_one(cls, lattice: Lattice, target: ArrayLike, order: ArrayLike | None) -> "Levels":
        """The levels for a single target (n,)."""
        return cls.of(lattice, as_vector("target", target, len(lattice.basis))[None], order)

    @property
    def count(self) -> int:
        """How many levels, c."""
        return len(self.order)

    @property
    def distances(self) -> FloatArray:
        """(c,) between neighbouring planes of each level."""
        return np.diag(self.triangle)

    def centers(self, codes: IntArray) -> FloatArray:
        """The centres (m, b) of the next level, for b partial codes (m, b, l) of each target."""
        level = codes.shape[2]
        carried = codes @ self.triangle[level, :level]
        return (self.heights[:, level, None] - carried) / self.triangle[level, level]

    def path(self, codes: Sequence[int]) -> tuple[PartialCode, ...]:
        """The nodes from the root to these codes (in the order of rounding), for the first target."""
        nodes, loss = [], 0.0
        for level, code in enumerate(codes):
            before = np.array(codes[:level], dtype=np.int64)[None, None]
            center = float(self.centers(before)[0, 0])
            loss += float((self.distances[level] * (center - code)) ** 2)
            nodes.append(PartialCode(tuple(codes[: level + 1]), center, loss))
        return tuple(nodes)

    def losses(self, codes: IntArray) -> FloatArray:
        """``‖B z − y‖²`` (m, b) of whole codes (m, b, c) in the order of rounding, less `outside`."""
        return np.asarray(np.sum((codes @ self.triangle.T - self.heights[:, None]) ** 2, axis=2))


def nearest_integers(centers: FloatArray, count: int, grid: IntegerGrid | None) -> IntArray:
    """The admissible integers nearest to each centre, the nearest first, as a new last axis.

    They are neighbours of one another, on both sides of the centre; a grid moves their row inside, and
    one with fewer codes than `count` offers them all. Ties go as in `nearest_codes`.
    """
    if grid is not None:
        count = min(count, grid.high - grid.low + 1)
    nearest = nearest_codes(centers, grid)
    first = np.ceil(centers - count / 2).astype(np.int64)
    if grid is not None:
        first = np.clip(first, grid.low, grid.high - count + 1)
    if count == 1:
        first = nearest
    offered = first[..., None] + np.arange(count)
    far = np.abs(centers[..., None] - offered)
    place = np.lexsort((offered != nearest[..., None], far))
    return np.take_along_axis(offered, place, axis=-1)


def in_input_order(codes: ArrayLike, order: IntArray) -> IntArray:
    """Codes (…, c) in the order of rounding, put back in input order."""
    given = np.asarray(codes, dtype=np.int64)
    found = np.empty_like(given)
    found[..., order] = given
    return found
