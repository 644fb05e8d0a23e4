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
from lattice_core.layers.scales import (
    SCALE_RULES,
    ScaleRule,
    full_scales,
    require_finite_weight,
    require_group_size,
)
from lattice_core.layers.solver import PivotFactor, dead_inputs, factorize
from lattice_core.orders import ORDERS

Overflow = Literal["clip", "keep"]


@dataclass(frozen=True)
class Settings:
    """How to quantize a layer, but for the order and the damping, which belong to its Hessian.

    Attributes
    ----------
    method : str
        A key of ``lattice_core.layers.methods.METHODS``.
    bits : int
        1 … 8.
    group_size : int or None
        Consecutive input columns that share a scale; ``None`` is one scale a row.
    overflow : {"clip", "keep"}
        Codes beyond the grid. Not for ssqr, which keeps such weights aside.
    scale_rule : {"absmax", "mse"}
    outlier_rate : float or None
        For ssqr only: the most weights kept aside, as a fraction; ``None`` is its default.

    Raises
    ------
    ValueError
        If one of them is out of range, or is no option of this method.
    """

    method: str
    bits: int = 4
    group_size: int | None = 64
    overflow: Overflow = "clip"
    scale_rule: ScaleRule = "mse"
    outlier_rate: float | None = None

    def __post_init__(self) -> None:
        IntegerGrid(self.bits)
        if self.group_size is not None:
            require_group_size(self.group_size)
        if self.overflow not in ("clip", "keep"):
            raise ValueError(f"overflow is {self.overflow!r}; clip or keep was wanted.")
        if self.scale_rule not in SCALE_RULES:
            raise ValueError(
                f"scale_rule is {self.scale_rule!r}; one of {', '.join(SCALE_RULES)} was wanted."
            )
        if self.method == "ssqr":
            self._require_ssqr_options()
        elif self.outlier_rate is not None:
            raise ValueError(
                f"outlier_rate is an option of ssqr; {self.method} keeps no weights aside. "
                "Leave it out, or use method='ssqr'."
            )

    def _require_ssqr_options(self) -> None:
        if self.overflow != "clip":
            raise ValueError(
                f"overflow={self.overflow!r} has no meaning for ssqr, which keeps weights beyond "
                "the grid aside; outlier_rate says how many."
            )
        if self.outlier_rate is not None and not 0 <= self.outlier_rate < 1:
            raise ValueError(
                f"outlier_rate is {self.outlier_rate}; a fraction of the weights, 0 ≤ rate < 1, "
                "was wanted (0.01 is 1 %)."
            )


@dataclass(frozen=True, eq=False)
class FactoredHessian:
    """A layer's Hessian with its order found: all that does not depend on the weights.

    Layers with the same inputs share one.

    Attributes
    ----------
    raw : (c, c) float64 tensor
        ``XᵀX``.
    damping : float
    factor : PivotFactor
        Of the damped Hessian, in the resolved order.
    """

    raw: Tensor
    damping: float
    factor: PivotFactor

    @property
    def ridge(self) -> Tensor:
        """``λ̄ = λ · mean(diag H)``, a number."""
        return self.damping * self.raw.diagonal().mean()

    @property
    def damped(self) -> Tensor:
        """``H + λ̄I``, (c, c), made anew."""
        return damp(self.raw, self.damping)


@dataclass(frozen=True, eq=False)
class LayerProblem:
    """A checked request to quantize one layer, in float64.

    Attributes
    ----------
    weight : (r, c) tensor
    hessian : FactoredHessian
    settings : Settings
    """

    weight: Tensor
    hessian: FactoredHessian
    settings: Settings

    @property
    def grid(self) -> IntegerGrid:
        """The admissible codes, −2^(b−1) … 2^(b−1)−1."""
        return IntegerGrid(self.settings.bits)

    @property
    def clipping_grid(self) -> IntegerGrid | None:
        """Where codes are clipped, or ``None`` when those that overflow are kept."""
        return self.grid if self.settings.overflow == "clip" else None

    @cached_property
    def scales(self) -> Tensor:
        """(r, c), from the unmodified weights and the grid of `bits` bits, kept or clipped."""
        settings = self.settings
        return full_scales(
            self.weight,
            bits=settings.bits,
            rule=settings.scale_rule,
            group_size=settings.group_size,
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


def factor_hessian(
    hessian: Tensor, *, order: str | ArrayLike | Tensor, damping: float
) -> FactoredHessian:
    """Damp, resolve the order, and factorize.

    Parameters
    ----------
    hessian : (c, c) float64 tensor
        Raw, as `checked_layer` gives it.
    order : str or (c,) int array
        A key of `ORDERS`, resolved on the damped Hessian, or a permutation.
    damping : float
    """
    return FactoredHessian(hessian, damping, factorize_in_order(order, damp(hessian, damping)))


def factorize_in_order(order: str | ArrayLike | Tensor, damped_hessian: Tensor) -> PivotFactor:
    """The factor in the order that a name, or an index array, stands for."""
    if not isinstance(order, str):
        return factorize(damped_hessian, order)
    require_order_name(order)
    if order == "min_pivot":
        factorize(damped_hessian)  # the greedy rule divides by pivots, so they must be positive
    return factorize(damped_hessian, resolve_order_name(order, damped_hessian))


def require_order_name(order: str) -> None:
    """Raise a ``ValueError`` unless the name is a key of `ORDERS`."""
    if order not in ORDERS:
        raise ValueError(
            f"order is {order!r}; one of {', '.join(ORDERS)}, or an index array, was wanted."
        )


def resolve_order_name(order: str, damped_hessian: Tensor) -> IntArray:
    """The name's order; unlike `resolve_order`, one that allows dead inputs.

    A dead input may stand anywhere, for no error passes from or to it. To the rules that compare
    pivots it is shown as the least input that is not dead.
    """
    matrix = damped_hessian.cpu().numpy().copy()
    dead = dead_inputs(damped_hessian).cpu().numpy()
    if dead.any() and not dead.all():
        np.fill_diagonal(matrix, np.where(dead, np.diag(matrix)[~dead].min(), np.diag(matrix)))
    return ORDERS[order](matrix)
