"""LLL reduction of a whole layer's lattice, to see what mixing columns adds to ordering them."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.lattice import Lattice
from lattice_core.layers.layer_problem import factorize_in_order
from lattice_core.reduction import lll_reduce


@dataclass(frozen=True)
class LayerReduction:
    """What LLL made of a layer's lattice.

    Attributes
    ----------
    pivot_sum : float
        ``tr(D)`` of the reduced basis, in squared units of the inputs; times ``s² / 4`` it is the
        bound for one scale s.
    swaps : int
        Exchanges of neighbours.
    seconds : float
        To reduce, the order found and the Hessian factorized.
    """

    pivot_sum: float
    swaps: int
    seconds: float


def reduced_pivot_sum(
    damped_hessian: Tensor,
    order: str | ArrayLike | Tensor = "back_to_front",
    *,
    delta: float = 0.99,
    cancel: Callable[[], bool] | None = None,
) -> LayerReduction:
    """LLL on the lattice of a layer with one scale for all weights, started from an order.

    The basis is R of ``H[p][:, p] = RᵀR``, p the pivot order. The moves are our own, so that what
    counts as an exchange does not depend on whether fpylll is there.

    Parameters
    ----------
    damped_hessian : (c, c) tensor
        As in `nearest_plane_codes`; dead inputs are left out.
    order : str or (c,) int array
        A key of `ORDERS`, or an index array whose first entry is quantized first.
    delta : float
        δ of Lovász's condition, ¼ < δ ≤ 1.
    cancel : callable, optional
        Asked now and then. 576 inputs take a second or two, 1536 half a minute.

    Returns
    -------
    LayerReduction

    Raises
    ------
    ReductionCancelled
        If `cancel` returned true.
    ValueError
        As `nearest_plane_codes` and `lll_reduce` do.
    """
    factor = factorize_in_order(order, damped_hessian)
    began = time.perf_counter()
    lengths = factor.pivots[factor.order.flip(0)].sqrt().cpu().numpy()
    basis = lengths[:, None] * factor.unit_upper.cpu().numpy()
    live = lengths > 0
    reduction = lll_reduce(
        Lattice(basis[np.ix_(live, live)]), delta, backend="steps", cancel=cancel
    )
    return LayerReduction(
        pivot_sum=float(np.sum(np.diag(reduction.lattice.gram_schmidt()[1]) ** 2)),
        swaps=reduction.swaps,
        seconds=time.perf_counter() - began,
    )
