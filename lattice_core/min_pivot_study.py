"""How often the greedy min-pivot order misses the best of all orders: a measurement (law L11)."""

from dataclasses import dataclass

import numpy as np

from lattice_core.inputs import FloatArray

MOST_INPUTS = 8


@dataclass(frozen=True, eq=False)
class MinPivotStudy:
    """min_pivot against the best of all c! orders on random Hessians.

    Attributes
    ----------
    size : int
        c, the number of inputs.
    seed : int
        Of ``numpy.random.default_rng``.
    ratios : (m,) array
        One for each Hessian drawn: min_pivot's ``Σ D_j`` over the least of all orders, ≥ 1.
    """

    size: int
    seed: int
    ratios: FloatArray

    @property
    def missed(self) -> float:
        """The share of Hessians on which some order has a smaller sum."""
        return float(np.mean(self.ratios > 1 + 1e-9))

    @property
    def worst(self) -> float:
        """The largest ratio met."""
        return float(self.ratios.max())


def min_pivot_study(size: int, draws: int = 4000, seed: int = 0) -> MinPivotStudy:
    """Draw Hessians ``XᵀX`` of square Gaussian X, and compare min_pivot with every order.

    As many tokens as inputs and no damping: ill-conditioned, so that the order matters.

    Parameters
    ----------
    size : int
        1 … 8 inputs.
    draws : int
        How many Hessians.
    seed : int
        Of ``numpy.random.default_rng``.

    Notes
    -----
    A pivot depends only on the **set** S of columns before it in the pivot order:
    ``D = det H[S ∪ j] / det H[S]``. So the least sum over c! orders needs 2^c determinants.
    """
    if not 1 <= size <= MOST_INPUTS or draws < 1:
        raise ValueError(
            f"size is {size}, draws is {draws}; 1 … {MOST_INPUTS} inputs and at least one draw "
            "were wanted."
        )
    inputs = np.random.default_rng(seed).standard_normal((draws, size, size))
    ratios = min_pivot_over_best(inputs.transpose(0, 2, 1) @ inputs)
    return MinPivotStudy(size, seed, ratios)


def min_pivot_over_best(hessians: FloatArray) -> FloatArray:
    """``Σ D_j`` of min_pivot over the least of all orders, (m,), for Hessians (m, c, c)."""
    pivot = _pivots_after_each_set(hessians)
    draws, sets, c = pivot.shape
    least = np.full((draws, sets), np.inf)
    least[:, 0] = 0.0
    for s in range(sets):
        for j in _outside(s, c):
            larger = s | 1 << j
            least[:, larger] = np.minimum(least[:, larger], least[:, s] + pivot[:, s, j])
    each, taken, greedy = np.arange(draws), np.zeros(draws, dtype=np.int64), np.zeros(draws)
    for _ in range(c):
        shortest = np.argmin(pivot[each, taken], axis=1)
        greedy += pivot[each, taken, shortest]
        taken |= 1 << shortest
    return np.asarray(greedy / least[:, -1])


def _pivots_after_each_set(hessians: FloatArray) -> FloatArray:
    """``[:, S, j]``: the pivot of j after the columns in the bit set S; inf for j in S."""
    draws, c, _ = hessians.shape
    determinant = np.ones((draws, 2**c))
    for s in range(1, 2**c):
        columns = [j for j in range(c) if s >> j & 1]
        determinant[:, s] = np.linalg.det(hessians[:, columns][:, :, columns])
    pivot = np.full((draws, 2**c, c), np.inf)
    for s in range(2**c):
        for j in _outside(s, c):
            pivot[:, s, j] = determinant[:, s | 1 << j] / determinant[:, s]
    return pivot


def _outside(s: int, c: int) -> list[int]:
    return [j for j in range(c) if not s >> j & 1]
