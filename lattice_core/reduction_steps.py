"""The algorithm of Lenstra, Lenstra and Lovász, move by move.

``B = Q R`` with basis vectors in columns. Vector k = 1, 2, … is taken in hand in turn: multiples of
earlier vectors are subtracted until ``|R_ik| ≤ ½ R_ii``; while Lovász's condition with its neighbour
fails the two are exchanged, and the work goes on behind the place where it comes to rest. For two
vectors and δ = 1 this is Lagrange's (Gauss's) reduction. Source: Lenstra, Lenstra, Lovász,
*Factoring polynomials with rational coefficients*, Mathematische Annalen 261 (1982) 515-534.
"""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.lattice import Lattice

# What counts as equal in float64: a tie must not be exchanged to and fro.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class ReductionMove:
    """One thing that LLL does, with the two sides of Lovász's condition before it.

    Attributes
    ----------
    kind : {"size_reduction", "swap", "kept"}
        `multiple` times vector `partner` is subtracted from vector `index`; the two are exchanged,
        for the condition fails; or both stay, for it holds.
    index : int
        k, the position of the vector in hand.
    partner : int
        An earlier position; the neighbour k − 1 unless a multiple is subtracted.
    multiple : int
        0 unless a multiple is subtracted.
    lovasz_bound, lovasz_length : float
        ``δ R_{k-1,k-1}²`` and ``R_{k-1,k}² + R_kk²``, squared lengths of the vectors k − 1 (times δ)
        and k after projecting out those before both. The condition is bound ≤ length.
    """

    kind: Literal["size_reduction", "swap", "kept"]
    index: int
    partner: int
    multiple: int
    lovasz_bound: float
    lovasz_length: float


@dataclass(frozen=True, eq=False)
class ReductionStep:
    """A move and the basis after it.

    Attributes
    ----------
    move : ReductionMove
    basis : (n, c) array
        ``lattice.basis @ transform``, rounded as float64 rounds.
    transform : (c, c) int array
        T so far, ``|det T| = 1``.
    """

    move: ReductionMove
    basis: FloatArray
    transform: IntArray


def lll_steps(lattice: Lattice, delta: float = 0.99) -> Iterator[ReductionStep]:
    """LLL with the basis after each move; ``delta=1`` with two vectors is Lagrange's reduction.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c), vectors in columns.
    delta : float
        δ of Lovász's condition, ¼ < δ ≤ 1.

    Yields
    ------
    ReductionStep
        None for a single vector. Position k is left behind with a move ``"kept"``, or with a swap
        that makes its vector the first.

    Raises
    ------
    ValueError
        For δ out of range.
    """
    require_delta(delta)
    triangle = lattice.gram_schmidt()[1]
    columns = list(np.eye(lattice.rank))
    for move in reduction_moves(triangle, columns, delta):
        transform = np.column_stack(columns)
        yield ReductionStep(move, lattice.basis @ transform, transform.astype(np.int64))


def size_reduction(lattice: Lattice) -> IntArray:
    """T of size reduction alone: multiples of earlier vectors are subtracted, no two are exchanged.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c), vectors in columns.

    Returns
    -------
    (c, c) int array
        Upper triangular with ones on the diagonal, so nearest plane finds the same points (law L12).
    """
    triangle = lattice.gram_schmidt()[1]
    columns, lengths = list(np.eye(lattice.rank)), np.diag(triangle).copy()
    for k in range(1, lattice.rank):
        for _ in _size_reduce(triangle, lengths, columns, k, 1.0):
            pass
    return np.column_stack(columns).astype(np.int64)


def reduction_moves(
    triangle: FloatArray, columns: list[FloatArray], delta: float
) -> Iterator[ReductionMove]:
    """The moves alone, without a copy of the basis for each; the arguments change **in place**.

    Parameters
    ----------
    triangle : (c, c) array
        R, upper triangular with positive diagonal. Where the generator pauses within a row of swaps
        it still has the vector in hand at its old place.
    columns : list of c float arrays
        Columns of T, at first those of the identity; integers, exact up to 2⁵³.
    delta : float
    """
    c = len(triangle)
    lengths = np.diag(triangle).copy()
    settled = np.zeros(c, dtype=bool)  # found to need nothing
    k = furthest = 1
    while k < c:
        if settled[k]:
            yield ReductionMove("kept", k, k - 1, 0, *_lovasz_sides(triangle, lengths, k, delta))
            k += 1
            continue
        furthest = max(furthest, k)
        yield from _size_reduce(triangle, lengths, columns, k, delta)
        # remains[i]: the squared length of vector k after projecting out those before i
        remains = np.cumsum(triangle[k::-1, k] ** 2)[::-1]
        place = yield from _exchange(lengths, columns, k, remains, delta)
        if place < k:
            _insert(triangle, place, k, remains[place : k + 1])
            lengths[place : k + 1] = np.diagonal(triangle)[place : k + 1]
            settled[place + 1 : k + 1] = True  # each has been in hand; what follows was, or not
            settled[place + 1 : furthest + 1] &= _need_nothing(
                triangle, lengths, place, k, furthest, delta
            )
        k = place + 1


def require_delta(delta: float) -> None:
    """Raise a ``ValueError`` unless ¼ < δ ≤ 1."""
    if not 0.25 < delta <= 1:
        raise ValueError(
            f"delta is {delta}; ¼ < delta ≤ 1 was wanted (0.99 is usual). At ¼ and below, Lovász's "
            "condition says nothing about later vectors."
        )


def _size_reduce(
    triangle: FloatArray, lengths: FloatArray, columns: list[FloatArray], k: int, delta: float
) -> Iterator[ReductionMove]:
    """Subtract earlier vectors from vector k, the nearest first: each disturbs only those before."""
    column = triangle[: k + 1, k]
    limits = (0.5 + TOLERANCE) * lengths[:k]
    while len(too_long := np.flatnonzero(np.abs(column[:k]) > limits)):
        i = int(too_long[-1])
        multiple = round(column[i] / lengths[i])
        move = ReductionMove(
            "size_reduction", k, i, multiple, *_lovasz_sides(triangle, lengths, k, delta)
        )
        column[: i + 1] -= multiple * triangle[: i + 1, i]
        columns[k] = columns[k] - multiple * columns[i]
        yield move


def _lovasz_sides(
    triangle: FloatArray, lengths: FloatArray, k: int, delta: float
) -> tuple[float, float]:
    length = triangle[k - 1, k] ** 2 + lengths[k] ** 2
    return float(delta * lengths[k - 1] ** 2), float(length)


def _exchange(
    lengths: FloatArray, columns: list[FloatArray], k: int, remains: FloatArray, delta: float
) -> Generator[ReductionMove, None, int]:
    """Move the size-reduced vector k back past every neighbour that is too long; its new place."""
    place = k
    while place > 0:
        bound, length = float(delta * lengths[place - 1] ** 2), float(remains[place - 1])
        if length >= bound * (1 - TOLERANCE):
            yield ReductionMove("kept", place, place - 1, 0, bound, length)
            return place
        columns[place - 1], columns[place] = columns[place], columns[place - 1]
        yield ReductionMove("swap", place, place - 1, 0, bound, length)
        place -= 1
    return place


def _insert(triangle: FloatArray, place: int, k: int, remains: FloatArray) -> None:
    """Move column k in front of column `place`, and make the matrix triangular again, in place.

    The row of exchanges at once. With v the moved column from `place` on and S_j its squared length
    from row j on (`remains`), the new frame is v / √S_0 and, for each old axis j, what is left of it
    orthogonal to v and to the new axes before: ``(S_{j+1} e_j − v_j v_{>j}) / √(S_j S_{j+1})``.
    """
    moved = triangle[place : k + 1, k].copy()[:, None]
    squares = remains[:, None]
    triangle[: k + 1, place : k + 1] = np.roll(triangle[: k + 1, place : k + 1], 1, axis=1)
    rows = triangle[place : k + 1, place:]
    products = np.cumsum((moved * rows)[::-1], axis=0)[::-1]  # with v, from row j on
    turned = squares[1:] * rows[:-1] - moved[:-1] * products[1:]
    rows[1:] = turned / np.sqrt(squares[:-1] * squares[1:])
    rows[0] = products[0] / np.sqrt(squares[0])
    rows[1:, 0] = 0


def _need_nothing(
    triangle: FloatArray, lengths: FloatArray, place: int, k: int, furthest: int, delta: float
) -> NDArray[np.bool_]:
    """Whether vectors place + 1 … furthest need nothing, as far as rows place … k can tell.

    Those rows alone have changed. Looking at all vectors at once spares the visit of each.
    """
    block = np.abs(triangle[place : k + 1, place + 1 : furthest + 1])
    too_long = np.count_nonzero(block > (0.5 + TOLERANCE) * lengths[place : k + 1, None], axis=0)
    too_long[: k - place] -= 1  # the diagonal, which is the vector itself
    before, after = lengths[place:furthest], lengths[place + 1 : furthest + 1]
    beside = np.diagonal(triangle, 1)[place:furthest]
    in_place = beside**2 + after**2 >= delta * before**2 * (1 - TOLERANCE)
    return (too_long == 0) & in_place
