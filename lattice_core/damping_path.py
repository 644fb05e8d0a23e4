"""From the data's lattice to round-to-nearest: one problem, damped more and more (law L14).

With ``λ̄ = λ · mean(diag H) = μ²`` the damped Hessian ``H + μ²I`` is that of X with ``μI`` appended
below it. Divided by ``1 + λ`` it is a mean of two Hessians of the same trace,

    ``(1 − t) H + t · mean(diag H) · I``   with   ``t = λ / (1 + λ)``,

so that ``λ = ∞`` has its picture too: the lattice of the scales alone, where nearest plane rounds
each weight by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf, isinf

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray, as_symmetric
from lattice_core.integer_grid import nearest_codes
from lattice_core.lattice import Lattice
from lattice_core.problem import Problem

# Each is a picture of its own; λ = 0.01 is what most implementations use.
DAMPINGS = (0.0, 0.01, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, inf)
CURVE = tuple(float(damping) for damping in np.geomspace(1e-3, 1e3, 61))
TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class DampedRounding:
    """Nearest plane on a problem's lattice with another damping than its own.

    Attributes
    ----------
    source : Problem
        Its own damping plays no part.
    damping : float
        λ, 0 … ∞.
    """

    source: Problem
    damping: float

    @property
    def identity_share(self) -> float:
        """``t = λ / (1 + λ)``: how much of the averaged Hessian is identity, 0 … 1."""
        return 1.0 if isinf(self.damping) else self.damping / (1 + self.damping)

    @cached_property
    def averaged(self) -> Problem:
        """The problem with the Hessian ``(H + λ̄I) / (1 + λ)``, undamped: what a picture shows.

        Its codes and its order are those of the damped problem, its losses ``1 + λ`` times smaller.
        """
        raw = np.array(self.source.hessian)
        share = self.identity_share
        mixed = (1 - share) * raw + share * _mean_diagonal(self.source) * np.eye(len(raw))
        return replace(
            self.source,
            hessian=tuple(map(tuple, mixed)),
            damping=0.0,
            name="custom",
            seed=None,
        )

    @property
    def codes(self) -> IntArray:
        """Found by nearest plane, (c,), in input order."""
        return self.averaged.babai.codes

    @property
    def clipped(self) -> bool:
        """Whether the grid kept a code from the nearest integer; then no bound holds (law L9)."""
        return any(step.clipped for step in self.averaged.babai.steps)

    @property
    def error(self) -> FloatArray:
        """``q − w``, (c,)."""
        return np.asarray(self.codes * np.array(self.source.scales) - np.array(self.source.weights))

    @cached_property
    def undamped_loss(self) -> float:
        """``(q − w)ᵀH(q − w)``: what the data say."""
        return float(max(self.error @ np.array(self.source.hessian) @ self.error, 0.0))

    @property
    def damped_loss(self) -> float:
        """``(q − w)ᵀ(H + λ̄I)(q − w)``; infinite for λ = ∞ unless the error is 0."""
        return self._of_damped(self.averaged.babai.squared_distance)

    @cached_property
    def bound(self) -> float:
        """``¼ Σ D_j s_j²`` with the pivots of the damped Hessian (law L6)."""
        lengths = np.diag(self.averaged.lattice.gram_schmidt(self.averaged.order_indices)[1])
        return self._of_damped(float(np.sum(lengths**2) / 4))

    @cached_property
    def undamped_bound(self) -> float:
        """The same with the pivots of H alone, in the same order. **No bound** of these codes.

        The pivots of a singular H are 0 where an input depends on those before it in pivot order.
        """
        pivot_order = self.averaged.order_indices[::-1]
        factor = hessian_factor(self.source.hessian)[:, pivot_order]
        pivots = np.diag(np.linalg.qr(factor, mode="r")) ** 2
        return float(pivots @ np.array(self.source.scales)[pivot_order] ** 2 / 4)

    @property
    def exceeds(self) -> tuple[str, ...]:
        """Which losses, ``"undamped"`` and ``"damped"``, are above the bound of H alone."""
        limit = self.undamped_bound * (1 + TOLERANCE)
        losses = {"undamped": self.undamped_loss, "damped": self.damped_loss}
        return tuple(name for name, loss in losses.items() if loss > limit)

    def _of_damped(self, averaged: float) -> float:
        """A loss in the averaged Hessian as one in the damped."""
        if isinf(self.damping):
            return inf if averaged > 0 else 0.0
        return averaged * (1 + self.damping)


def damping_path(
    problem: Problem, dampings: Sequence[float] = DAMPINGS
) -> tuple[DampedRounding, ...]:
    """The problem with each of these dampings.

    Parameters
    ----------
    problem : Problem
        Its own damping plays no part.
    dampings : sequence of float
        λ, each 0 … ∞. ``λ = 0`` is left out where H is singular: it has no lattice then.

    Raises
    ------
    ValueError
        If H has a negative eigenvalue: it is ``XᵀX`` of no inputs then. If an averaged Hessian has
        numbers that a `Problem` cannot have.
    """
    hessian_factor(problem.hessian)
    path = [DampedRounding(problem, damping) for damping in dampings]
    kept = tuple(step for step in path if step.damping > 0 or _is_definite(step))
    for step in kept:
        # A number out of range is said here, not later in the middle of a picture.
        _ = step.averaged
    return kept


@dataclass(frozen=True, eq=False)
class DampingCurve:
    """Losses and bounds of one problem along many dampings, each (m,); see `DampedRounding`."""

    dampings: FloatArray
    undamped_losses: FloatArray
    damped_losses: FloatArray
    bounds: FloatArray
    undamped_bounds: FloatArray


def damping_curve(problem: Problem, dampings: Sequence[float] = CURVE) -> DampingCurve:
    """What `damping_path` finds, as arrays.

    Parameters
    ----------
    problem : Problem
        Its own damping plays no part.
    dampings : sequence of m float
        λ > 0.
    """
    path = damping_path(problem, dampings)
    return DampingCurve(
        np.array([step.damping for step in path]),
        np.array([step.undamped_loss for step in path]),
        np.array([step.damped_loss for step in path]),
        np.array([step.bound for step in path]),
        np.array([step.undamped_bound for step in path]),
    )


def rounded_to_nearest(problem: Problem) -> IntArray:
    """Each weight by itself, (c,): the codes of ``λ = ∞``, ties apart."""
    return nearest_codes(np.divide(problem.weights, problem.scales), problem.grid)


def nearest_loss(problem: Problem) -> float:
    """The loss of round-to-nearest on the data, ``(q − w)ᵀH(q − w)``."""
    error = rounded_to_nearest(problem) * np.array(problem.scales) - np.array(problem.weights)
    return float(max(error @ np.array(problem.hessian) @ error, 0.0))


def becomes_nearest(problem: Problem, path: Sequence[DampedRounding]) -> float:
    """The first λ of a path from which on all codes are those of round-to-nearest.

    ``inf`` if the last one's are others.
    """
    nearest = rounded_to_nearest(problem)
    first = inf
    for step in reversed(path):
        if not np.array_equal(step.codes, nearest):
            break
        first = step.damping
    return first


def hessian_factor(hessian: ArrayLike) -> FloatArray:
    """An upper triangular X (c, c) with ``XᵀX = H``, also of a singular H.

    Raises
    ------
    ValueError
        If H has a negative eigenvalue.
    """
    matrix = as_symmetric("hessian", hessian)
    eigenvalues, vectors = np.linalg.eigh(matrix)
    if eigenvalues[0] < -TOLERANCE * abs(eigenvalues[-1]):
        raise ValueError(
            f"hessian has the eigenvalue {eigenvalues[0]:.3g}; XᵀX of real inputs has none below 0. "
            "Pass the Hessian before damping."
        )
    root = np.sqrt(np.maximum(eigenvalues, 0.0))[:, None] * vectors.T
    triangle = np.linalg.qr(root, mode="r")
    return np.asarray(triangle * np.where(np.diag(triangle) < 0, -1.0, 1.0)[:, None])


def appended(problem: Problem, damping: float) -> tuple[FloatArray, FloatArray]:
    """The inputs with ``μI`` below them, and their outputs: what damping stands for (law L14).

    Parameters
    ----------
    problem : Problem
        Its own damping plays no part.
    damping : float
        λ, finite; ``μ² = λ · mean(diag H)``.

    Returns
    -------
    inputs : (2c, c) array
        A factor X of H over ``μI``.
    outputs : (2c,) array
        ``Xw`` over ``μw``.

    References
    ----------
    [B] Birnick, arXiv:2508.01077v2.
    """
    mu = np.sqrt(damping * _mean_diagonal(problem))
    inputs = np.vstack([hessian_factor(problem.hessian), mu * np.eye(problem.size)])
    return inputs, inputs @ np.array(problem.weights)


def appended_lattice(problem: Problem, damping: float) -> tuple[Lattice, FloatArray]:
    """The lattice of the appended inputs in 2c dimensions, and the target (2c,) in it."""
    inputs, outputs = appended(problem, damping)
    return Lattice(inputs * np.array(problem.scales)), outputs


def _mean_diagonal(problem: Problem) -> float:
    return float(np.trace(np.array(problem.hessian))) / problem.size


def _is_definite(step: DampedRounding) -> bool:
    try:
        return bool(step.averaged.lattice.rank)
    except ValueError:
        return False
