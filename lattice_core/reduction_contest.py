"""Bases of one lattice side by side: two orders, LLL, and BKZ, by their boxes and their losses."""

import time
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, as_damped_hessian
from lattice_core.lattice import Lattice
from lattice_core.many_targets import nearest_plane_of_many, targets_in_box
from lattice_core.orders import resolve_order
from lattice_core.reduction import Reduction, lll_reduce

MadeUp = Literal["random", "decaying"]
TARGETS = 2000
SEED = 0  # of the targets
# Of the decaying spectrum: the smallest eigenvalue, as a share of the largest.
SMALLEST_EIGENVALUE = 1e-6


@dataclass(frozen=True, eq=False)
class Contender:
    """One basis of the lattice.

    Attributes
    ----------
    name : str
    lengths : (c,) array
        Its Gram-Schmidt lengths d_j, the first vector's first.
    mean_loss : float
        Nearest plane's, over targets that all bases share.
    seconds : float
        To find it.
    swaps : int
        Of LLL; 0 for an order.
    """

    name: str
    lengths: FloatArray
    mean_loss: float
    seconds: float
    swaps: int = 0

    @property
    def pivot_sum(self) -> float:
        """``Σ d_j²``, four times the bound."""
        return float(np.sum(self.lengths**2))


def made_up_hessian(kind: MadeUp, size: int, seed: int) -> FloatArray:
    """A Hessian (c, c) to reduce, seeded.

    Parameters
    ----------
    kind : {"random", "decaying"}
        ``XᵀX`` of a square Gaussian X; or eigenvalues that fall evenly (in logarithm) from 1 to a
        millionth, turned at random.
    size : int
        c, at least 2.
    seed : int
    """
    rng = np.random.default_rng(seed)
    normal = rng.standard_normal((size, size))
    if kind == "random":
        return np.asarray(normal.T @ normal / size)
    turned = np.linalg.qr(normal)[0]
    hessian = turned * np.geomspace(1, SMALLEST_EIGENVALUE, size) @ turned.T
    return np.asarray((hessian + hessian.T) / 2)


def min_pivot_basis(damped_hessian: ArrayLike) -> Lattice:
    """The columns of 𝒳 in min-pivot's pivot order; where BKZ starts."""
    matrix = as_damped_hessian(damped_hessian)
    order = resolve_order("min_pivot", matrix)
    return Lattice(Lattice.from_hessian(matrix, 1.0).basis[:, order[::-1]])


def contest(damped_hessian: ArrayLike, delta: float = 0.99) -> tuple[Contender, ...]:
    """Back to front, min-pivot, LLL from each of these; one grid spacing for all weights.

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite.
    delta : float
        δ of Lovász's condition, ¼ < δ ≤ 1.

    Raises
    ------
    ValueError
        As `lll_reduce` does.
    """
    given = Lattice.from_hessian(damped_hessian, 1.0)
    began = time.perf_counter()
    sorted_ = min_pivot_basis(damped_hessian)
    sorting = time.perf_counter() - began
    return (
        judged("back to front", given, given, 0.0),
        judged("min-pivot", sorted_, given, sorting),
        timed_lll("LLL from back to front", given, given, delta),
        timed_lll("LLL after min-pivot", sorted_, given, delta),
    )


def timed_lll(name: str, start: Lattice, given: Lattice, delta: float) -> Contender:
    """LLL from a basis, with the library that is there."""
    began = time.perf_counter()
    reduction = lll_reduce(start, delta)
    return judged_reduction(name, reduction, given, time.perf_counter() - began)


def judged_reduction(name: str, reduction: Reduction, given: Lattice, seconds: float) -> Contender:
    """A reduced basis as a contender."""
    return judged(name, reduction.lattice, given, seconds, reduction.swaps)


def judged(
    name: str, lattice: Lattice, given: Lattice, seconds: float, swaps: int = 0
) -> Contender:
    """A basis with its lengths and its mean loss.

    Parameters
    ----------
    name : str
    lattice : Lattice
        The basis to judge.
    given : Lattice
        A basis of the same lattice, the same for all contenders: the targets are spread over its
        box, so that they are spread evenly over the cells of every basis.
    seconds : float
    swaps : int
    """
    rng = np.random.default_rng(SEED)
    origin = np.zeros(given.rank, dtype=np.int64)
    targets = targets_in_box(given, origin, count=TARGETS, rng=rng)
    losses = nearest_plane_of_many(lattice, targets).squared_distances
    lengths = np.asarray(np.diag(lattice.gram_schmidt()[1]))
    return Contender(name, lengths, float(losses.mean()), seconds, swaps)
