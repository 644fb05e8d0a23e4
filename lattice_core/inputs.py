"""What the public functions accept: one check per kind of argument.

Every function here returns the argument as a fresh float64 (or int64) array, or raises a
``ValueError`` that says what came, what was wanted and what to do.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


def as_matrix(name: str, values: ArrayLike) -> FloatArray:
    """A finite two-dimensional array."""
    matrix = np.array(values, dtype=np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ValueError(f"{name} has shape {matrix.shape}; a matrix with two axes was wanted.")
    _require_finite(name, matrix)
    return matrix


def as_vector(name: str, values: ArrayLike, length: int) -> FloatArray:
    """A finite vector of the given length."""
    vector = np.array(values, dtype=np.float64)
    if vector.shape != (length,):
        raise ValueError(f"{name} has shape {vector.shape}; ({length},) was wanted.")
    _require_finite(name, vector)
    return vector


def as_symmetric(name: str, values: ArrayLike) -> FloatArray:
    """A finite square matrix equal to its transpose."""
    matrix = as_matrix(name, values)
    if matrix.shape[0] != matrix.shape[1]:
        raise ValueError(f"{name} has shape {matrix.shape}; a square matrix was wanted.")
    if not np.allclose(matrix, matrix.T, rtol=1e-8, atol=1e-12 * np.abs(matrix).max()):
        raise ValueError(f"{name} is not symmetric; pass XᵀX, or (H + Hᵀ) / 2.")
    return matrix


def as_damped_hessian(values: ArrayLike) -> FloatArray:
    """A symmetric positive definite matrix; the error names the damping that would do."""
    matrix = as_symmetric("damped_hessian", values)
    mean_diagonal = float(np.trace(matrix)) / len(matrix)
    # With unit diagonal, so that a weak input is not taken for a dependent one. Cholesky alone is no
    # test: it often passes a singular matrix, with a pivot made of rounding errors.
    lengths = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    if not lengths.all() or (
        np.linalg.eigvalsh(matrix / np.outer(lengths, lengths))[0] <= 1e-14 * len(matrix)
    ):
        raise ValueError(_why_not_positive_definite(matrix, mean_diagonal))
    return matrix


def as_scales(values: ArrayLike, length: int) -> FloatArray:
    """Positive finite scales; a single number serves every coordinate."""
    scales = np.array(values, dtype=np.float64)
    if scales.ndim == 0:
        scales = np.full(length, float(scales))
    scales = as_vector("scales", scales, length)
    if (scales <= 0).any():
        worst = int(np.argmin(scales))
        raise ValueError(
            f"scales[{worst}] is {scales[worst]:g}; scales are grid spacings and must be positive. "
            "Use 1 for an all-zero group."
        )
    return scales


def as_order(order: ArrayLike | None, length: int) -> IntArray:
    """A permutation of 0 … length−1, first quantized first; ``None`` is back to front."""
    if order is None:
        return np.arange(length)[::-1].copy()
    indices = np.array(order)
    if indices.shape != (length,) or not np.array_equal(np.sort(indices), np.arange(length)):
        raise ValueError(
            f"order is {indices.tolist() if indices.size <= 12 else f'an array of shape {indices.shape}'}; "
            f"a permutation of 0 … {length - 1} was wanted (order[0] is quantized first)."
        )
    return indices.astype(np.int64)


def damped(hessian: ArrayLike, damping: float) -> FloatArray:
    """The damped Hessian ``H + λ · mean(diag H) · I`` of a raw one.

    Parameters
    ----------
    hessian : (c, c) array
        ``XᵀX``, symmetric.
    damping : float
        λ ≥ 0, relative to the mean of the diagonal.
    """
    matrix = as_symmetric("hessian", hessian)
    if not (np.isfinite(damping) and damping >= 0):
        raise ValueError(f"damping is {damping}; a finite number ≥ 0 was wanted (0.01 is usual).")
    return matrix + damping * np.trace(matrix) / len(matrix) * np.eye(len(matrix))


def _why_not_positive_definite(matrix: FloatArray, mean_diagonal: float) -> str:
    smallest = float(np.linalg.eigvalsh(matrix)[0])
    dead = np.flatnonzero(np.diag(matrix) <= 0).tolist()
    cause = f"inputs {dead} are dead (zero diagonal)" if dead else "some inputs depend on others"
    if mean_diagonal > 0:
        enough = max(0.01, -2 * smallest / mean_diagonal)
        advice = (
            f"Use damping={enough:.2g}, which adds {enough:.2g} · mean(diag H) to the diagonal."
        )
    else:
        advice = "Damping is relative to the diagonal and cannot help: pass XᵀX of real inputs."
    return (
        "damped_hessian is not positive definite to working precision: its smallest eigenvalue is "
        f"{smallest:.3g}; {cause}. {advice}"
    )


def _require_finite(name: str, array: FloatArray) -> None:
    if not np.isfinite(array).all():
        position = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        cure = "Damping cannot cure this: look" if "hessian" in name else "Look"
        raise ValueError(
            f"{name} holds {array[position]} at {position}; every entry must be finite. "
            f"{cure} for an overflow where it was made."
        )
