"""The Gaussian reference: how many bits a weight an ideal code would need for a given loss (law L21).

For independent Gaussian weights of variance σ² and the damped loss, whose Hessian has eigenvalues λ,
the components along the eigenvectors have variances ``a_i = σ² λ_i`` and rate-distortion theory gives
the least rate by *reverse water-filling*. For a water level θ, and with c components::

    loss a coordinate  (1/c) Σ min(θ, a_i)         bits a weight  (1/2c) Σ max(0, log2(a_i / θ))

A component below the level is not coded at all; every other is off by θ. Source: T. Cover, J. Thomas,
*Elements of Information Theory*, 2nd ed., Theorem 10.3.3. Real weights are not independent Gaussians,
so a code may do better than the reference.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, as_damped_hessian, as_matrix

# Bits a weight by which a scalar lattice with ideal entropy coding misses the reference at high rate:
# an interval instead of a ball of high dimension. 0.2546.
SCALAR_LATTICE_GAP = math.log2(2 * math.pi * math.e / 12) / 2


def gaussian_rate(
    damped_hessian: ArrayLike,
    variance: ArrayLike,
    loss: float,
    row_factors: ArrayLike | None = None,
) -> float:
    """The least rate at which Gaussian weights can be coded with at most this loss.

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite.
    variance : float or (c,) array
        σ², the mean square of the weights; or one for each input column, as `variance_factors` gives.
    loss : float
        Damped loss **a coordinate**: of a row, over c; the mean over the rows. Positive.
    row_factors : (r,) array, optional
        The variance of weight (i, j) is ``row_factors[i] · variance[j]``. Bits go to the rows that need
        them: one water level serves all.

    Returns
    -------
    float
        Bits a weight. 0 if the loss is that of coding nothing, or more.

    Raises
    ------
    ValueError
        For a loss that is not positive, variances that are negative or all 0, or shapes that do not
        fit.

    Examples
    --------
    >>> gaussian_rate([[1.0, 0.0], [0.0, 1.0]], 4.0, 0.25)  # ½ log2(4 / 0.25)
    2.0
    """
    return rate_of_components(_components(damped_hessian, variance, row_factors), loss)


def rate_of_components(components: FloatArray, loss: float) -> float:
    """`gaussian_rate` where the variances of the components are known.

    Parameters
    ----------
    components : (c,) array
        Ascending; for one variance σ² the eigenvalues of the damped Hessian times σ².
    loss : float
        Damped loss a coordinate. Positive.
    """
    if not 0 < loss < math.inf:
        raise ValueError(f"loss is {loss}; a positive number was wanted: no finite rate reaches 0.")
    positive = components[components > 0]
    total = loss * len(components)
    if total >= positive.sum():
        return 0.0
    # At the level of component k, those below it lose themselves and the others as much as it does.
    below = np.concatenate([[0.0], np.cumsum(positive)[:-1]])
    coded = np.arange(len(positive), 0, -1)
    k = int(np.searchsorted(below + coded * positive, total))
    level = (total - below[k]) / coded[k]
    return float(np.log2(positive[k:] / level).sum() / (2 * len(components)))


def gaussian_loss(
    damped_hessian: ArrayLike,
    variance: ArrayLike,
    rate: float,
    row_factors: ArrayLike | None = None,
) -> float:
    """The least loss of Gaussian weights at a rate; the inverse of `gaussian_rate`.

    Parameters
    ----------
    damped_hessian, variance, row_factors
        As in `gaussian_rate`.
    rate : float
        Bits a weight, ≥ 0.

    Returns
    -------
    float
        Damped loss a coordinate.
    """
    return loss_of_components(_components(damped_hessian, variance, row_factors), rate)


def loss_of_components(components: FloatArray, rate: float) -> float:
    """`gaussian_loss` where the variances of the components are known, as in `rate_of_components`."""
    if not 0 <= rate < math.inf:
        raise ValueError(f"rate is {rate}; a number of bits ≥ 0 was wanted.")
    positive = components[components > 0]
    logs = np.log2(positive)
    total = 2 * rate * len(components)
    # Bits twice over, with the level at component k: the less, the higher.
    coded = np.arange(len(positive), 0, -1)
    above = np.cumsum(logs[::-1])[::-1]
    k = int(np.searchsorted(-(above - coded * logs), -total))
    level = 2 ** ((above[k] - total) / coded[k])
    return float((positive[:k].sum() + coded[k] * level) / len(components))


def variance_factors(weights: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Column variances and row factors of a layer, for the fairer of the two references.

    Parameters
    ----------
    weights : (r, c) array

    Returns
    -------
    variance : (c,) array
        Mean square of each column.
    row_factors : (r,) array
        Mean square of each row over that of all weights; their mean is 1.
    """
    squares = as_matrix("weights", weights) ** 2
    mean = squares.mean()
    if mean == 0:
        raise ValueError("weights are all zero: there is nothing to code.")
    return squares.mean(axis=0), squares.mean(axis=1) / mean


def _components(
    damped_hessian: ArrayLike, variance: ArrayLike, row_factors: ArrayLike | None
) -> FloatArray:
    """Variances of all components, ascending; those of weights that are 0 for certain are 0."""
    hessian = as_damped_hessian(damped_hessian)
    c = len(hessian)
    by_column = _as_variances("variance", variance, c)
    live = by_column > 0
    deviations = np.sqrt(by_column[live])
    spectrum = np.zeros(c)
    # The matrix is positive definite; eigvalsh may leave a small eigenvalue a little below 0.
    eigenvalues = np.linalg.eigvalsh(deviations[:, None] * hessian[np.ix_(live, live)] * deviations)
    spectrum[live] = np.maximum(eigenvalues, np.finfo(np.float64).tiny)
    if row_factors is None:
        return np.sort(spectrum)
    factors = _as_variances("row_factors", row_factors, np.size(row_factors))
    return np.sort(np.outer(factors, spectrum), axis=None)


def _as_variances(name: str, values: ArrayLike, length: int) -> FloatArray:
    """Numbers ≥ 0, not all 0; a single one serves all."""
    variances = np.asarray(values, dtype=np.float64)
    if variances.shape not in ((), (length,)):
        raise ValueError(f"{name} has shape {variances.shape}; a number or ({length},) was wanted.")
    if not (np.isfinite(variances).all() and (variances >= 0).all() and variances.any()):
        raise ValueError(
            f"{name} must be finite, ≥ 0 and not all 0: they are mean squares of weights."
        )
    return np.broadcast_to(variances, (length,))
