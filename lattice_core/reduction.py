"""LLL reduction: a shorter, more orthogonal basis of the same lattice.

Basis vectors are columns, as everywhere here; the reduced basis is ``B T`` with T integer and
``|det T| = 1`` (law L13). With ``B T = Q R`` it is LLL-reduced for δ when, for all i < k,

    |R_ik| ≤ ½ R_ii                                  it is size-reduced
    δ R_{k-1,k-1}² ≤ R_{k-1,k}² + R_kk²              Lovász's condition

(fpylll and this file allow 0.51 for ½.) Our own algorithm is in `reduction_steps`, BKZ in `bkz`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.lattice import Lattice
from lattice_core.reduction_steps import reduction_moves, require_delta

if TYPE_CHECKING:
    from fpylll import IntegerMatrix

Backend = Literal["fpylll", "steps"]

# What fpylll allows |R_ik| / R_ii to be; at ½ itself its floating-point steps need not end.
LARGEST_RATIO = 0.51
# How far float64 may be off in a condition that holds: `reduction_steps` allows 1e-9.
TOLERANCE = 1e-6
# Integers up to here are exact in float64.
LARGEST_INTEGER = 2.0**53
# Between two questions to `cancel`: moves of our own, and vectors that fpylll takes up.
MOVES_BETWEEN_QUESTIONS = 256
VECTORS_BETWEEN_QUESTIONS = 32


class ReductionCancelled(Exception):
    """Raised when `cancel` says so; nothing is returned."""


@dataclass(frozen=True, eq=False)
class Reduction:
    """A reduced basis of the same lattice.

    Attributes
    ----------
    lattice : Lattice
        Its basis is ``B T``.
    transform : (c, c) int array
        T, with ``|det T| = 1``: codes z′ of the reduced basis are the codes ``z = T z′``.
    delta : float
        δ of Lovász's condition.
    swaps : int
        Exchanges of neighbours; fpylll counts a vector moved past several others once.
    backend : {"fpylll", "steps"}
        What did the work.
    """

    lattice: Lattice
    transform: IntArray
    delta: float
    swaps: int
    backend: Backend


def lll_reduce(
    lattice: Lattice,
    delta: float = 0.99,
    *,
    backend: Literal["auto"] | Backend = "auto",
    cancel: Callable[[], bool] | None = None,
) -> Reduction:
    """Reduce a basis by the algorithm of Lenstra, Lenstra and Lovász.

    The result is checked, whoever computed it: T is integer and unimodular, ``B T`` LLL-reduced.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c), vectors in columns.
    delta : float
        δ of Lovász's condition, ¼ < δ ≤ 1: near 1 is better reduced and slower.
    backend : {"auto", "fpylll", "steps"}
        The library fpylll, or our own moves, those of `lll_steps`. ``"auto"`` is fpylll where it
        can be imported. The result says which ran.
    cancel : callable, optional
        Asked now and then.

    Returns
    -------
    Reduction

    Raises
    ------
    ReductionCancelled
        If `cancel` returned true.
    ValueError
        For δ out of range, an unknown backend, fpylll asked for where it cannot be imported (the
        message says why), or a basis so ill conditioned that float64 cannot vouch for the result.

    Examples
    --------
    >>> reduction = lll_reduce(Lattice([[1.0, 2.0], [0.0, 0.5]]), backend="steps")
    >>> reduction.lattice.basis.tolist(), reduction.transform.tolist(), reduction.swaps
    ([[0.0, 1.0], [0.5, 0.0]], [[-2, 1], [1, 0]], 1)
    """
    require_delta(delta)
    if backend not in ("auto", "fpylll", "steps"):
        raise ValueError(f"backend is {backend!r}; 'auto', 'fpylll' or 'steps' was wanted.")
    obstacle = "" if backend == "steps" else obstacle_to_fpylll()
    if backend == "fpylll" and obstacle:
        raise ValueError(f"backend is 'fpylll', but {obstacle} backend='steps' needs no library.")
    chosen: Backend = "steps" if backend == "steps" or obstacle else "fpylll"
    run = _by_steps if chosen == "steps" else _by_fpylll
    transform, swaps = run(lattice, delta, cancel or (lambda: False))
    return Reduction(certified(lattice, transform, delta), transform, delta, swaps, chosen)


def is_lll_reduced(lattice: Lattice, delta: float = 0.99) -> bool:
    """Whether a basis is size-reduced and satisfies Lovász's condition, to a millionth.

    Parameters
    ----------
    lattice : Lattice
    delta : float
        ¼ < δ ≤ 1.
    """
    require_delta(delta)
    return _is_reduced(_triangle(lattice.basis), delta)


def _is_reduced(triangle: FloatArray, delta: float) -> bool:
    lengths = np.diag(triangle)
    ratios = np.abs(np.triu(triangle, 1)) / lengths[:, None]
    after = np.diagonal(triangle, 1) ** 2 + lengths[1:] ** 2
    in_place = after >= delta * lengths[:-1] ** 2 * (1 - TOLERANCE)
    return bool((ratios <= LARGEST_RATIO + TOLERANCE).all() and in_place.all())


def _triangle(basis: FloatArray) -> FloatArray:
    """R of ``B = Q R``, with positive diagonal."""
    triangle = np.linalg.qr(basis, mode="r")
    return triangle * np.sign(np.diag(triangle))[:, None]


def _by_steps(lattice: Lattice, delta: float, cancel: Callable[[], bool]) -> tuple[IntArray, int]:
    columns, swaps = list(np.eye(lattice.rank)), 0
    for count, move in enumerate(reduction_moves(_triangle(lattice.basis), columns, delta)):
        if count % MOVES_BETWEEN_QUESTIONS == 0 and cancel():
            raise ReductionCancelled(f"stopped after {swaps:,} exchanges of neighbours")
        swaps += move.kind == "swap"
    return _as_integers(np.column_stack(columns)), swaps


def _by_fpylll(lattice: Lattice, delta: float, cancel: Callable[[], bool]) -> tuple[IntArray, int]:
    reduction, transform = fpylll_reduction(lattice, delta)
    swaps = run_lll(reduction, lattice, cancel)
    return columns_of(transform), swaps


def fpylll_reduction(lattice: Lattice, delta: float) -> "tuple[Any, IntegerMatrix]":
    """Fpylll's LLL object on a basis, and the matrix that keeps its transform.

    It wants integers and has its vectors in rows. The unit of the integers is at most 2⁻⁵² of the
    shortest Gram-Schmidt vector. An entry as long as that vector was rounded as much when it became
    a float64, and T is checked on the real basis.
    """
    from fpylll import GSO, LLL, IntegerMatrix

    shortest = np.diag(_triangle(lattice.basis)).min()
    unit = 52 - int(np.floor(np.log2(shortest)))
    integers = np.rint(np.ldexp(lattice.basis.T, unit))
    rows = IntegerMatrix.from_matrix([[int(value) for value in row] for row in integers.tolist()])
    transform = IntegerMatrix.identity(lattice.rank)
    basis = GSO.Mat(rows, U=transform, float_type="d")
    below_one = min(delta, 1 - TOLERANCE / 10)  # at 1 it may exchange a tie for ever
    return LLL.Reduction(basis, delta=below_one, eta=LARGEST_RATIO), transform


def run_lll(reduction: Any, lattice: Lattice, cancel: Callable[[], bool]) -> int:
    """Run fpylll's LLL with questions in between; the number of swaps."""
    from fpylll.util import ReductionError

    swaps = done = 0
    while done < lattice.rank:
        if cancel():
            raise ReductionCancelled(f"stopped after {done} of {lattice.rank} vectors")
        taken = min(done + VECTORS_BETWEEN_QUESTIONS, lattice.rank)
        try:
            # The vector it starts at is not compared with its neighbour: start at one already seen.
            reduction(0, max(done - 1, 0), taken)
        except ReductionError as error:
            raise ValueError(too_ill_conditioned(lattice)) from error
        swaps += reduction.nswaps
        done = taken
    return swaps


def columns_of(transform: "IntegerMatrix") -> IntArray:
    """Fpylll's transform of rows as our T, (c, c)."""
    return _as_integers(np.array(list(map(list, transform)), dtype=np.float64).T)


def certified(lattice: Lattice, transform: IntArray, delta: float) -> Lattice:
    """The lattice with basis ``B T``, if T and the basis are what they should be."""
    before = np.diag(_triangle(lattice.basis))
    reduced = Lattice(_product(lattice.basis, transform, before.min()))
    triangle = _triangle(reduced.basis)
    # det T is an integer, so a ratio of volumes that is about 1 is 1.
    unimodular = abs(np.log(np.diag(triangle)).sum() - np.log(before).sum()) < 0.1
    if not (unimodular and _is_reduced(triangle, delta)):
        raise ValueError(too_ill_conditioned(lattice))
    return reduced


def _product(basis: FloatArray, transform: IntArray, shortest: float) -> FloatArray:
    """``B T`` in float64 if that is accurate beside the shortest Gram-Schmidt vector, else exactly.

    Where T is large its columns cancel the digits of B. A float64 is an integer times a power of two,
    so the exact product is one of integers, which Python has in any size; it is rounded once.
    """
    product = basis @ transform
    magnitudes = np.abs(basis) @ np.abs(transform.astype(np.float64))
    if basis.shape[1] * np.finfo(np.float64).eps * magnitudes.max() < 1e-9 * shortest:
        return product
    mantissas, exponents = np.frexp(basis)
    unit = int(exponents[basis != 0].min()) - 53
    shifts = np.where(basis != 0, exponents - 53 - unit, 0).astype(object)
    integers = np.ldexp(mantissas, 53).astype(np.int64).astype(object) << shifts
    return np.ldexp((integers @ transform.astype(object)).astype(np.float64), unit)


def _as_integers(transform: FloatArray) -> IntArray:
    if not np.abs(transform).max() <= LARGEST_INTEGER:  # also where it is NaN
        raise ValueError(
            "the coefficients of the reduced basis exceed 2⁵³, more than float64 holds exactly. "
            "Scale the basis vectors to similar lengths, or damp the Hessian."
        )
    return transform.astype(np.int64)


def too_ill_conditioned(lattice: Lattice) -> str:
    """What to say of a basis that float64 cannot vouch for."""
    lengths = np.diag(lattice.gram_schmidt()[1])
    return (
        "no LLL-reduced basis was found that float64 can vouch for: the Gram-Schmidt lengths go from "
        f"{lengths.min():.1e} to {lengths.max():.1e}. Damp the Hessian, or try the other backend."
    )


def obstacle_to_fpylll() -> str:
    """Why fpylll cannot be used, as the middle of a sentence; empty if it can."""
    try:
        import fpylll  # noqa: F401
    except ImportError as error:
        return f"it is not installed here ({error}): pip install 'nearest-plane[lattice]'."
    except ValueError:
        return (
            "it sets signal handlers when it is first imported, which only the main thread may do: "
            "import fpylll at the start of the program."
        )
    return ""
