"""All c! quantization orders of a small row at once: their boxes, bounds, codes and losses."""

from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import (
    FloatArray,
    IntArray,
    as_damped_hessian,
    as_order,
    as_scales,
    as_vector,
)
from lattice_core.integer_grid import IntegerGrid, nearest_codes

MOST_INPUTS = 8


@dataclass(frozen=True, eq=False)
class OrderOutcomes:
    """What each order makes of one row; row i of every array belongs to ``orders[i]``.

    Attributes
    ----------
    orders : (m, c) int array
        Quantization orders, lexicographic; ``orders[i, 0]`` is quantized first.
    squared_edges : (m, c) array
        ``D_j s_j²`` in the order of rounding: ``squared_edges[i, k]`` belongs to the column
        ``orders[i, k]``. Squared units of ‖X w‖.
    codes : (m, c) int array
        Nearest plane's integers, in input order.
    losses : (m,) array
        Damped loss.
    clipped : (m,) int array
        How many codes the grid kept from their nearest integer; where it is not 0 the bound is
        void (law L9).
    """

    orders: IntArray
    squared_edges: FloatArray
    codes: IntArray
    losses: FloatArray
    clipped: IntArray

    @cached_property
    def bounds(self) -> FloatArray:
        """``¼ Σ D_j s_j²`` of each order (law L6), (m,)."""
        return np.asarray(self.squared_edges.sum(axis=1) / 4)

    def row(self, order: ArrayLike) -> int:
        """Which row belongs to this order, a permutation of 0 … c−1."""
        wanted = as_order(order, self.orders.shape[1])
        return int(np.flatnonzero((self.orders == wanted).all(axis=1))[0])

    def rank(self, order: ArrayLike) -> int:
        """The place of an order's bound among all: 1 is the smallest; equal bounds share it."""
        bound = self.bounds[self.row(order)]
        return 1 + int(np.sum(self.bounds < bound * (1 - 1e-9)))


def every_order(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    grid: IntegerGrid | None = None,
) -> OrderOutcomes:
    """Nearest plane in all c! orders, side by side.

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite, 1 ≤ c ≤ 8.
    weights : (c,) array
    scales : (c,) array or float
        Positive grid spacings.
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is no clipping.

    Returns
    -------
    OrderOutcomes
        Of c! orders.

    Raises
    ------
    ValueError
        If there are more than 8 inputs, or an argument does not fit.

    Examples
    --------
    >>> outcomes = every_order([[1.0, 0.6], [0.6, 1.0]], [1.4, 0.9], 1.0)
    >>> outcomes.orders.tolist(), outcomes.codes.tolist(), outcomes.bounds.round(2).tolist()
    ([[0, 1], [1, 0]], [[1, 1], [1, 1]], [0.41, 0.41])
    """
    matrix = as_damped_hessian(damped_hessian)
    c = len(matrix)
    if c > MOST_INPUTS:
        raise ValueError(
            f"{c} inputs have {factorial(c):,} orders; at most {MOST_INPUTS} inputs were wanted. "
            "Compare named orders in their place (lattice_core.ORDERS)."
        )
    row, spacings = as_vector("weights", weights, c), as_scales(scales, c)
    orders = np.array(list(permutations(range(c))), dtype=np.int64)
    # From here on axis 1 is the order of rounding, so the pivot order runs from its end.
    pivot_orders = orders[:, ::-1]
    permuted = matrix[pivot_orders[:, :, None], pivot_orders[:, None, :]]
    lower = np.linalg.cholesky(permuted)[:, ::-1, ::-1]
    lengths = np.diagonal(lower, axis1=1, axis2=2)
    edges = lengths * spacings[orders]
    errors = np.zeros_like(edges)  # w − q of those already rounded
    codes = np.empty_like(orders)
    losses = np.zeros(len(orders))
    clipped = np.zeros(len(orders), dtype=np.int64)
    for k in range(c):
        column = orders[:, k]
        pushed = np.einsum("ij,ij->i", lower[:, :k, k], errors[:, :k]) / lengths[:, k]
        center = (row[column] + pushed) / spacings[column]
        code = nearest_codes(center, grid)
        errors[:, k] = row[column] - spacings[column] * code
        codes[np.arange(len(orders)), column] = code
        losses += (edges[:, k] * (center - code)) ** 2
        clipped += np.abs(center - code) > 0.5 + 1e-9
    return OrderOutcomes(orders, edges**2, codes, losses, clipped)
