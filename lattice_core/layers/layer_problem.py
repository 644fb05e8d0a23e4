"""What every method starts from: one layer, its Hessians, the order, and how to quantize it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.inputs import IntArray
from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.hessian import damp, require_finite_hessian
from lattice_core.layers.scales import ScaleRule, full_scales, require_finite_weight
from lattice_core.layers.solver import PivotFactor, dead_inputs, factorize
from lattice_core.orders import ORDERS

Overflow = Literal["clip", "keep"]


@dataclass(frozen=True, eq=False)
class LayerProblem:
    """A checked request to quantize one layer, in float64.

    Attributes
    ----------
    weight : (r, c) tensor
    hessian : (c, c) tensor
        Raw ``XᵀX``.
    factor : PivotFactor
        Of the damped Hessian, in the resolved order.
    damping : float
    bits : int
    group_size : int or None
        ``None`` is one scale a row.
    scale_rule : {"absmax", "mse"}
    overflow : {"clip", "keep"}
    """

    weight: Tensor
    hessian: Tensor
    factor: PivotFactor
    damping: float
    bits: int
    group_size: int | None
    scale_rule: ScaleRule
    overflow: Overflow

    @cached_property
    def damped_hessian(self) -> Tensor:
        """``H + λ̄I``, (c, c)."""
        return damp(self.hessian, self.damping)

    @property
    def grid(self) -> IntegerGrid | None:
        """Where codes are clipped, or ``None`` when those that overflow are kept."""
        return IntegerGrid(self.bits) if self.overflow == "clip" else None

    @cached_property
    def scales(self) -> Tensor:
        """(r, c), from the unmodified weights and the grid of `bits` bits, kept or clipped."""
        return full_scales(
            self.weight, bits=self.bits, rule=self.scale_rule, group_size=self.group_size
        )


def checked_layer(weight: Tensor, hessian: Tensor) -> tuple[Tensor, Tensor]:
    """A layer's weights and raw Hessian in float64 on the weight's device.

    Raises
    ------
    ValueError
        If the weight is no matrix, the Hessian's shape does not fit it, or a number is NaN or
        infinite.
    """
    wide_weight = weight.detach().double()
    require_finite_weight(wide_weight)
    columns = weight.shape[1]
    if hessian.shape != (columns, columns):
        raise ValueError(
            f"hessian has shape {tuple(hessian.shape)} and weight {tuple(weight.shape)}; "
            f"XᵀX of the layer's inputs, ({columns}, {columns}), was wanted."
        )
    require_finite_hessian(hessian)
    return wide_weight, hessian.detach().to(device=weight.device).double()


def factorize_in_order(order: str | ArrayLike | Tensor, damped_hessian: Tensor) -> PivotFactor:
    """The factor in the order that a name, or an index array, stands for."""
    if not isinstance(order, str):
        return factorize(damped_hessian, order)
    factorize(damped_hessian)  # the greedy rule divides by pivots, so they must be positive
    return factorize(damped_hessian, _resolve_name(order, damped_hessian))


def _resolve_name(order: str, damped_hessian: Tensor) -> IntArray:
    """The name's order; unlike `resolve_order`, one that allows dead inputs.

    A dead input may stand anywhere, for no error passes from or to it. To the rules that compare
    pivots it is shown as the least input that is not dead.
    """
    if order not in ORDERS:
        raise ValueError(
            f"order is {order!r}; one of {', '.join(ORDERS)}, or an index array, was wanted."
        )
    matrix = damped_hessian.cpu().numpy().copy()
    dead = dead_inputs(damped_hessian).cpu().numpy()
    if dead.any():
        np.fill_diagonal(matrix, np.where(dead, np.diag(matrix)[~dead].min(), np.diag(matrix)))
    return ORDERS[order](matrix)
