"""Quantization orders: which column of the layer is rounded first.

An order is an index array; ``order[0]`` is quantized **first**. The pivot order of the Cholesky
factor is its reverse. Each function here resolves a name on the damped Hessian alone, never on the
scaled basis, so the same columns order serves every row and both algorithms.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray, as_damped_hessian


def front_to_back(damped_hessian: FloatArray) -> IntArray:
    """Columns 0, 1, …: the default of the GPTQ code (Frantar et al., arXiv:2210.17323)."""
    return np.arange(len(damped_hessian))


def back_to_front(damped_hessian: FloatArray) -> IntArray:
    """Columns c−1, …, 0: Babai's own order on the basis as it stands."""
    return np.arange(len(damped_hessian))[::-1].copy()


def act_order(damped_hessian: FloatArray) -> IntArray:
    """Largest diagonal first (ties: smallest index), as in GPTQ's ``act_order`` option."""
    return np.argsort(-np.diag(damped_hessian), kind="stable")


def min_pivot(damped_hessian: FloatArray) -> IntArray:
    """The greedy order with the smallest pivots ([C] arXiv:2507.18553v4, Algorithm 3; law L11).

    The pivot order is built from its front: each time the index whose Schur complement is smallest
    (ties: smallest index), that is, the basis vector shortest after projecting out those already
    taken. The quantization order is the reverse: the last taken is quantized first.

    Notes
    -----
    Left-looking: only the diagonal of the Schur complement is kept up to date, and one column of
    the factor is formed when its index is taken. Updating the whole matrix is thirty times slower
    at c = 1536.
    """
    c = len(damped_hessian)
    factor = np.zeros((c, c))  # row k: column k of L, in input order, so each product reads rows
    schur_diagonal = np.diag(damped_hessian).copy()
    pivot_order = np.empty(c, dtype=np.int64)
    for k in range(c):
        p = int(np.argmin(schur_diagonal))
        pivot_order[k] = p
        column = damped_hessian[p] - factor[:k, p] @ factor[:k]
        # column[p] is the pivot itself, free of the drift that the running diagonal gathers
        factor[k] = column / np.sqrt(column[p])
        schur_diagonal -= factor[k] ** 2
        schur_diagonal[p] = np.inf
    return pivot_order[::-1].copy()


ORDERS: dict[str, Callable[[FloatArray], IntArray]] = {
    "front_to_back": front_to_back,
    "back_to_front": back_to_front,
    "act_order": act_order,
    "min_pivot": min_pivot,
}


def resolve_order(name: str, damped_hessian: ArrayLike) -> IntArray:
    """The index array that an order's name stands for.

    Parameters
    ----------
    name : str
        A key of `ORDERS`.
    damped_hessian : (c, c) array
        Symmetric positive definite.
    """
    if name not in ORDERS:
        raise ValueError(f"order is {name!r}; one of {', '.join(ORDERS)} was wanted.")
    return ORDERS[name](as_damped_hessian(damped_hessian))
