"""Quantization orders: which column of the layer is rounded first.

An order is an index array; ``order[0]`` is quantized **first**. The pivot order of the Cholesky
factor is its reverse. Each function here resolves a name on the damped Hessian alone, never on the
scaled basis, so the same columns order serves every row and both algorithms.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, IntArray, as_damped_hessian

PANEL = 128  # indices that min_pivot takes between two matrix products


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
    In panels: inside one, only the diagonal of the Schur complement is kept up to date, and a row
    of the factor is formed when its index is taken. After each panel the indices left get their
    Schur complement from one matrix product. That costs about twice a Cholesky factorization;
    updating the whole matrix for each index costs hundreds of times as much at c = 1536.
    """
    left = np.arange(
        len(damped_hessian)
    )  # indices not yet taken, ascending, so ties go to the first
    schur = damped_hessian
    panels = []
    while len(left):
        taken, factor = _shortest_first(schur, min(PANEL, len(left)))
        panels.append(left[taken])
        kept = np.delete(np.arange(len(left)), taken)
        left = left[kept]
        rest = factor[:, kept]
        schur = schur[kept].take(kept, axis=1) - rest.T @ rest
    return np.concatenate(panels)[::-1].copy()


def _shortest_first(schur: FloatArray, count: int) -> tuple[IntArray, FloatArray]:
    """The first `count` indices of the greedy rule, and their rows (count, m) of the factor."""
    taken = np.empty(count, dtype=np.int64)
    factor = np.empty((count, len(schur)))
    diagonal = schur.diagonal().copy()
    for k in range(count):
        p = taken[k] = np.argmin(diagonal)
        row = schur[p] - factor[:k, p] @ factor[:k]
        # row[p] is the pivot itself, free of the drift that the running diagonal gathers
        factor[k] = row / np.sqrt(row[p])
        diagonal -= factor[k] ** 2
        diagonal[p] = np.inf
    return taken, factor


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
