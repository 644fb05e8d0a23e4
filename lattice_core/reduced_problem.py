"""The small problem on every basis that LLL passes through, with nearest plane's answer on each.

The basis begins as the problem's, sorted into the pivot order: nearest plane from the last vector to
the first then rounds in the problem's order. Codes z′ of a later basis ``B P T`` are codes of the
weights again by ``z = P T z′`` (law L13), P the sorting.
"""

from dataclasses import dataclass

import numpy as np

from lattice_core.bounds import relative_bound
from lattice_core.inputs import FloatArray, IntArray
from lattice_core.lattice import Lattice
from lattice_core.nearest_plane import nearest_plane
from lattice_core.problem import Problem
from lattice_core.reduction_steps import ReductionMove, lll_steps


@dataclass(frozen=True, eq=False)
class ReductionStage:
    """One basis of the problem's lattice, all integers admissible.

    Attributes
    ----------
    move : ReductionMove or None
        What led to this basis; ``None`` for the one that LLL starts from.
    lattice : Lattice
        Its basis is the start's times `transform`.
    transform : (c, c) int array
        T, ``|det T| = 1``.
    reduced_codes : (c,) int array
        z′, nearest plane's codes in this basis.
    codes : (c,) int array
        z, the same lattice point as codes of the weights, in input order.
    loss : float
        ``‖B z − y‖²``.
    """

    move: ReductionMove | None
    lattice: Lattice
    transform: IntArray
    reduced_codes: IntArray
    codes: IntArray
    loss: float

    @property
    def lengths(self) -> FloatArray:
        """Gram-Schmidt lengths d_j (c,), the first vector's first: edges of the box."""
        return np.asarray(np.diag(self.lattice.gram_schmidt()[1]))

    @property
    def bound(self) -> float:
        """``¼ Σ d_j²``, the most that nearest plane loses in this basis (law L6)."""
        return float(np.sum(self.lengths**2) / 4)

    @property
    def relative_bound(self) -> float:
        """γ² of law L8 in this basis."""
        return relative_bound(self.lattice.gram, 1.0)


def reduction_stages(problem: Problem, delta: float = 0.99) -> tuple[ReductionStage, ...]:
    """LLL on the problem's lattice, each basis with nearest plane's answer; the first is the start.

    Parameters
    ----------
    problem : Problem
        Its grid is not looked at.
    delta : float
        δ of Lovász's condition, ¼ < δ ≤ 1.
    """
    pivot_order = problem.order_indices[::-1]
    start = Lattice(problem.lattice.basis[:, pivot_order])
    first = _stage(problem, None, start, np.eye(problem.size, dtype=np.int64))
    return first, *(
        _stage(problem, step.move, Lattice(step.basis), step.transform)
        for step in lll_steps(start, delta)
    )


def _stage(
    problem: Problem, move: ReductionMove | None, lattice: Lattice, transform: IntArray
) -> ReductionStage:
    trace = nearest_plane(lattice, problem.target)
    codes = np.empty_like(trace.codes)
    codes[problem.order_indices[::-1]] = transform @ trace.codes
    return ReductionStage(move, lattice, transform, trace.codes, codes, trace.squared_distance)


def codes_from_reduced(problem: Problem, stage: ReductionStage) -> IntArray:
    """The matrix ``P T`` (c, c) from codes of a stage's basis to codes of the weights, input order."""
    matrix = np.empty_like(stage.transform)
    matrix[problem.order_indices[::-1]] = stage.transform
    return matrix


@dataclass(frozen=True, eq=False)
class GridOutcome:
    """What a grid makes of codes that were found without it.

    Attributes
    ----------
    inside : bool
        Whether the grid has them.
    clipped_codes : (c,) int array
        Each moved to the nearest end of the grid.
    clipped_loss : float
        Damped loss of these.
    kept_inside_loss : float
        Damped loss of nearest plane on the problem's own basis, which stays on the grid.
    """

    inside: bool
    clipped_codes: IntArray
    clipped_loss: float
    kept_inside_loss: float


def on_the_grid(problem: Problem, codes: IntArray) -> GridOutcome:
    """Clip codes found in a reduced basis, beside nearest plane that minds the grid at each step.

    Raises
    ------
    ValueError
        If the problem has no grid.
    """
    if problem.grid is None:
        raise ValueError("the problem has no grid; give it bits.")
    clipped = np.clip(codes, problem.grid.low, problem.grid.high)
    error = problem.lattice.point(clipped) - problem.target
    return GridOutcome(
        inside=bool((clipped == codes).all()),
        clipped_codes=clipped,
        clipped_loss=float(error @ error),
        kept_inside_loss=problem.babai.squared_distance,
    )
