"""GPTQ and OBQ as published: on the inverse Hessian, pushing each error forward.

Nothing here knows of lattices. That the codes are Babai's all the same is law L4
([C] Chen et al., arXiv:2507.18553v4, Theorem 4; [B] Birnick, arXiv:2508.01077v2, Theorem 2.1).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, as_damped_hessian, as_order, as_scales, as_vector
from lattice_core.integer_grid import IntegerGrid, nearest_codes
from lattice_core.trace import RoundingStep, RoundingTrace


def gptq_steps(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> Iterator[RoundingStep]:
    """Round a weight, divide its error by the pivot, subtract it from the weights that remain.

    The arguments are those of `gptq`. Source: Frantar et al., arXiv:2210.17323v2, Algorithm 1.

    Yields
    ------
    RoundingStep
        One for each weight, ``order[0]`` first.
    """
    hessian = as_damped_hessian(damped_hessian)
    c = len(hessian)
    order = as_order(order, c)
    moved = as_vector("weights", weights, c)
    spacings = as_scales(scales, c)
    inverse = _inverse(hessian[np.ix_(order, order)])
    inverse_cholesky = np.linalg.cholesky(inverse).T  # upper: H⁻¹ = UᵀU in quantization order
    for position, index in enumerate(order):
        remaining = order[position + 1 :]
        center = moved[index] / spacings[index]
        code = int(nearest_codes(center, grid))
        pivot = inverse_cholesky[position, position]
        error = (moved[index] - spacings[index] * code) / pivot
        moved[index] = spacings[index] * code
        moved[remaining] -= error * inverse_cholesky[position, position + 1 :]
        yield RoundingStep(
            index=int(index),
            center=float(center),
            code=code,
            plane_distance=float(abs(error)),
            coordinates=moved / spacings,
        )


def gptq(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> RoundingTrace:
    """GPTQ for one row of a layer, as published.

    Parameters
    ----------
    damped_hessian : (c, c) array
        ``XᵀX + λ̄I``, symmetric positive definite.
    weights : (c,) array
        One row of the layer's weight matrix.
    scales : (c,) array or float
        Positive grid spacings: ``w ≈ s ⊙ z``.
    order : (c,) int array, optional
        ``order[0]`` is quantized first; ``None`` is back to front, Babai's order (the GPTQ code's
        own default is front to back).
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is no clipping.

    Returns
    -------
    RoundingTrace
        ``squared_distance`` is the damped loss ``(q − w)ᵀ H (q − w)``.

    Raises
    ------
    ValueError
        For a Hessian that is not positive definite (the message names the damping that would do),
        scales that are not positive, wrong shapes, or an order that is no permutation.

    Examples
    --------
    >>> trace = gptq([[1.0, 0.6], [0.6, 1.0]], [0.65, 1.25], 1.0)
    >>> trace.codes.tolist(), [round(step.center, 3) for step in trace.steps]
    ([1, 1], [1.25, 0.8])
    """
    hessian = as_damped_hessian(damped_hessian)
    start = as_vector("weights", weights, len(hessian)) / as_scales(scales, len(hessian))
    return RoundingTrace.drain(start, gptq_steps(hessian, weights, scales, order, grid))


def obq_steps(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    grid: IntegerGrid | None = None,
) -> Iterator[RoundingStep]:
    """Optimal brain quantization: GPTQ with the cheapest weight chosen anew at each step.

    Source: Frantar, Singh, Alistarh, arXiv:2208.11580v2. In the lattice the choice is the nearest
    of all admissible hyperplanes (law L3; [C] Corollary 3).

    Parameters
    ----------
    damped_hessian, weights, scales, grid
        As in `gptq`; there is no order to give.

    Yields
    ------
    RoundingStep
        One for each weight, in the order chosen (ties: smallest index).
    """
    hessian = as_damped_hessian(damped_hessian)
    c = len(hessian)
    moved = as_vector("weights", weights, c)
    spacings = as_scales(scales, c)
    remaining = np.arange(c)
    while remaining.size:
        costs = obq_costs(hessian, moved, spacings, remaining, grid)
        choice = int(np.argmin(costs))
        index = int(remaining[choice])
        inverse = _inverse(hessian[np.ix_(remaining, remaining)])
        center = float(moved[index] / spacings[index])
        code = int(nearest_codes(center, grid))
        error = moved[index] - spacings[index] * code
        moved[remaining] -= error * inverse[:, choice] / inverse[choice, choice]
        moved[index] = spacings[index] * code
        yield RoundingStep(
            index=index,
            center=center,
            code=code,
            plane_distance=float(np.sqrt(costs[choice])),
            coordinates=moved / spacings,
        )
        remaining = np.delete(remaining, choice)


def obq(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    grid: IntegerGrid | None = None,
) -> RoundingTrace:
    """OBQ for one row of a layer: the drained `obq_steps`, with its arguments."""
    hessian = as_damped_hessian(damped_hessian)
    start = as_vector("weights", weights, len(hessian)) / as_scales(scales, len(hessian))
    return RoundingTrace.drain(start, obq_steps(hessian, weights, scales, grid))


def obq_costs(
    damped_hessian: FloatArray,
    weights: FloatArray,
    scales: FloatArray,
    remaining: ArrayLike,
    grid: IntegerGrid | None = None,
) -> FloatArray:
    """What rounding each remaining weight would add to the loss, ``(q_j − w_j)² / (H_JJ⁻¹)_jj``.

    Parameters
    ----------
    damped_hessian : (c, c) array
    weights : (c,) array
        The weights as moved so far.
    scales : (c,) array
    remaining : (m,) int array
        J, the indices not yet rounded.

    Returns
    -------
    (m,) array
        Squared distances from the moved target to the nearest admissible hyperplane of each.
    """
    free = np.asarray(remaining)
    inverse = _inverse(damped_hessian[np.ix_(free, free)])
    codes = nearest_codes(weights[free] / scales[free], grid)
    return (scales[free] * codes - weights[free]) ** 2 / np.diag(inverse)


def propagation_shares(damped_hessian: FloatArray, remaining: ArrayLike) -> FloatArray:
    """What part of a weight's error each remaining weight takes, ``(H_JJ⁻¹)_kj / (H_JJ⁻¹)_jj``.

    Parameters
    ----------
    damped_hessian : (c, c) array
    remaining : (m,) int array
        J: ``remaining[0]`` is the weight j being rounded, the others k are still free.

    Returns
    -------
    (m − 1,) array
        Weight k changes by minus its share times ``w_j − q_j`` (law L2).
    """
    free = np.asarray(remaining)
    column = _inverse(damped_hessian[np.ix_(free, free)])[:, 0]
    return column[1:] / column[0]


def _inverse(hessian: FloatArray) -> FloatArray:
    """``H⁻¹ = L⁻ᵀ L⁻¹`` through the Cholesky factor, as in the published code.

    What ``np.linalg.inv`` returns is not quite symmetric, and its factor has lost six digits at a
    condition of 1e8; at 1e10 it often has none.
    """
    inverse_factor = np.linalg.inv(np.linalg.cholesky(hessian))
    return inverse_factor.T @ inverse_factor
