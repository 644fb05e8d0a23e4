"""Algorithms with one line wrong, to see which law catches it.

Each is the right algorithm with a single change, and yields the same record, so that the same tables
and checks show it. Nothing else in the project calls them.
"""

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.bounds import pivots
from lattice_core.inputs import (
    FloatArray,
    IntArray,
    as_damped_hessian,
    as_order,
    as_scales,
    as_vector,
)
from lattice_core.integer_grid import IntegerGrid, nearest_codes
from lattice_core.outlier_row import OutlierTrace, ssqr_row
from lattice_core.problem import Problem
from lattice_core.trace import RoundingStep, RoundingTrace


def no_propagation_steps(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> Iterator[RoundingStep]:
    """GPTQ that pushes no error on: round-to-nearest, one weight after the other.

    Arguments and steps are those of `lattice_core.gptq.gptq_steps`. The legs in `plane_distance` are
    those that the run believes it made; their squares no longer add up to the loss.
    """
    hessian = as_damped_hessian(damped_hessian)
    return _steps(hessian, weights, scales, order, grid, lambda free: np.zeros(len(free) - 1))


def whole_inverse_steps(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> Iterator[RoundingStep]:
    """GPTQ that shares out errors by the inverse of the whole Hessian, not of the remaining block.

    Arguments and steps are those of `lattice_core.gptq.gptq_steps`. The first step is right, for
    then all weights remain; with two inputs nothing is pushed after it, and nothing is wrong.
    """
    hessian = as_damped_hessian(damped_hessian)
    inverse = np.linalg.inv(hessian)

    def shares(free: IntArray) -> FloatArray:
        return np.asarray(inverse[free[1:], free[0]] / inverse[free[0], free[0]])

    return _steps(hessian, weights, scales, order, grid, shares)


RIGHT = "right"
GPTQ_WORLDS: dict[str, Callable[..., Iterator[RoundingStep]]] = {
    "no_propagation": no_propagation_steps,
    "whole_inverse": whole_inverse_steps,
}


def gptq_in_world(problem: Problem, world: str) -> RoundingTrace:
    """GPTQ's trace on a problem in a world.

    Parameters
    ----------
    problem : Problem
    world : str
        ``"right"`` or a key of `GPTQ_WORLDS`.
    """
    if world == RIGHT:
        return problem.gptq
    if world not in GPTQ_WORLDS:
        wanted = ", ".join((RIGHT, *GPTQ_WORLDS))
        raise ValueError(f"world is {world!r}; one of {wanted} was wanted.")
    start = np.divide(problem.weights, problem.scales)
    steps = GPTQ_WORLDS[world](
        problem.damped_hessian, problem.weights, problem.scales, problem.order_indices, problem.grid
    )
    return RoundingTrace.drain(start, steps)


def first_wrong_step(problem: Problem, trace: RoundingTrace) -> int | None:
    """The first step, from 1, after which GPTQ's weights are not where they should be.

    ``None`` if the run is right on this problem in all its steps.
    """
    for k in range(1, problem.size + 1):
        right, here = problem.gptq.coordinates_after(k), trace.coordinates_after(k)
        if np.abs(here - right).max() > 1e-6 * max(1.0, float(np.abs(right).max())):
            return k
    return None


def legs_of_codes(problem: Problem, codes: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """How far these codes (c,) are off along each edge of the box, whoever chose them.

    Returns
    -------
    off_by : (c,) array
        In the order of rounding, in distances between planes; nearest plane's own are at most ½.
    squares : (c,) array
        In the units of the loss. The edges are at right angles, so they add up to it.
    """
    directions, triangle = problem.lattice.gram_schmidt(problem.order_indices)
    error = directions.T @ (problem.lattice.point(codes) - problem.target)
    off_by = np.abs(error) / np.diag(triangle)
    return np.asarray(off_by[::-1]), np.asarray(error[::-1] ** 2)


def forgetful_ssqr_row(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    order: ArrayLike | None = None,
    *,
    grid: IntegerGrid,
) -> OutlierTrace:
    """SSQR that forgets the outliers' error: as if an outlier were stored as it was at first.

    It pushes ``e_j = 0`` on from an outlier. But the stored value carries the errors that arrived
    before it, so that ``w_j − v_j`` is not 0. Arguments are those of `ssqr_row`.
    """

    def pushed(weight: float, value: float, outlier: bool) -> float:
        return 0.0 if outlier else weight - value

    return ssqr_row(damped_hessian, weights, scales, order, grid=grid, pushed=pushed)


def _steps(
    hessian: FloatArray,
    weights: ArrayLike,
    scales: ArrayLike,
    order: ArrayLike | None,
    grid: IntegerGrid | None,
    shares: Callable[[IntArray], FloatArray],
) -> Iterator[RoundingStep]:
    """GPTQ's loop. ``shares(free)``: the part of ``free[0]``'s error that each of the others takes."""
    sequence = as_order(order, len(hessian))
    moved = as_vector("weights", weights, len(hessian))
    spacings = as_scales(scales, len(hessian))
    lengths = np.sqrt(pivots(hessian, sequence))
    for position, index in enumerate(sequence):
        free = sequence[position:]
        center = float(moved[index] / spacings[index])
        code = int(nearest_codes(center, grid))
        error = moved[index] - spacings[index] * code
        moved[free[1:]] -= error * shares(free)
        moved[index] = spacings[index] * code
        yield RoundingStep(
            index=int(index),
            center=center,
            code=code,
            plane_distance=float(abs(error) * lengths[index]),
            coordinates=moved / spacings,
        )
