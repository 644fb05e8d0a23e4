"""What the error can be at most, on average, and at best over all orders.

Everything is a sum over ``D_j s_j²``, the squared Gram-Schmidt lengths of the basis
``B = 𝒳 diag(s)`` in pivot order: the nearest-plane box has exactly these edges.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, as_damped_hessian, as_order, as_scales


def pivots(damped_hessian: ArrayLike, order: ArrayLike | None = None) -> FloatArray:
    """The pivots D_j of the LDL decomposition of the permuted damped Hessian.

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite.
    order : (c,) int array, optional
        Quantization order; ``None`` is back to front.

    Returns
    -------
    (c,) array
        ``D[j]`` belongs to input column j (not to a position in the order); in squared units of
        the inputs X. ``tr(D)`` is its sum, ``det H`` its product (law L10).
    """
    matrix = as_damped_hessian(damped_hessian)
    pivot_order = as_order(order, len(matrix))[::-1]
    lower = np.linalg.cholesky(matrix[np.ix_(pivot_order, pivot_order)])
    by_column = np.empty(len(matrix))
    by_column[pivot_order] = np.diag(lower) ** 2
    return by_column


def gram_schmidt_lengths(
    damped_hessian: ArrayLike, scales: ArrayLike, order: ArrayLike | None = None
) -> FloatArray:
    """Edges ``s_j R_jj`` of the nearest-plane box, by input column; (c,), units of ‖X w‖."""
    lengths = np.sqrt(pivots(damped_hessian, order))
    return lengths * as_scales(scales, len(lengths))


def absolute_bound(
    damped_hessian: ArrayLike, scales: ArrayLike, order: ArrayLike | None = None
) -> float:
    """``¼ Σ D_j s_j²``: no row's damped loss exceeds it when no code is clipped (law L6).

    The half diagonal of the nearest-plane box, squared. It is reached at the corner of the box,
    and it says nothing once a code is clipped (law L9).

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite. With the undamped Hessian in its place the bound fails.
    scales : (c,) array or float
        Positive grid spacings.
    order : (c,) int array, optional
        Quantization order; ``None`` is back to front.

    References
    ----------
    [C] Chen et al., arXiv:2507.18553v4, Theorem 5; [B] Birnick, arXiv:2508.01077v2.
    """
    return float(np.sum(gram_schmidt_lengths(damped_hessian, scales, order) ** 2) / 4)


def expected_loss(
    damped_hessian: ArrayLike, scales: ArrayLike, order: ArrayLike | None = None
) -> float:
    """A third of the bound: the mean loss of targets spread evenly over the box (law L7).

    References
    ----------
    [C] Chen et al., arXiv:2507.18553v4, Appendix D.2.
    """
    return absolute_bound(damped_hessian, scales, order) / 3


def relative_bound(
    damped_hessian: ArrayLike, scales: ArrayLike, order: ArrayLike | None = None
) -> float:
    """γ²: nearest plane's damped loss is at most γ² times the least possible (law L8).

    ``γ² = max_j Σ_{i≤j} d_i² / d_j²`` with ``d_j = s_j R_jj`` in **pivot** order, so that i ≤ j are
    the positions quantized not before j. At the highest position where the closest lattice vector
    and Babai's differ, the closest one is at least d_j / 2 off, and Babai loses at most
    ``¼ Σ_{i≤j} d_i²`` from there on. It needs no reduced basis, and no clipping.

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite.
    scales : (c,) array or float
        Positive grid spacings.
    order : (c,) int array, optional
        Quantization order; ``None`` is back to front.

    References
    ----------
    [C] Chen et al., arXiv:2507.18553v4, gives the looser ``c · max_{i≤j} d_i² / d_j²``.
    """
    squares = gram_schmidt_lengths(damped_hessian, scales, order) ** 2
    in_pivot_order = squares[as_order(order, len(squares))[::-1]]
    return float(np.max(np.cumsum(in_pivot_order) / in_pivot_order))


def bound_floor(damped_hessian: ArrayLike, scales: ArrayLike) -> float:
    """``¼ c (Π D_j s_j²)^(1/c)``: below this no order can bring the bound (law L10).

    The product of the pivots is ``det H`` whatever the order, and a sum of positive numbers with a
    given product is smallest when all are equal.
    """
    matrix = as_damped_hessian(damped_hessian)
    spacings = as_scales(scales, len(matrix))
    log_determinant = float(np.linalg.slogdet(matrix)[1] + 2 * np.sum(np.log(spacings)))
    return len(matrix) * math.exp(log_determinant / len(matrix)) / 4
