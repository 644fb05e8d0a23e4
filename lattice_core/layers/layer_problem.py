"""What every method starts from: one layer, its Hessians, the order, and how to quantize it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.inputs import IntArray
from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.coding import require_coder
from lattice_core.layers.hessian import damp, require_finite_hessian
from lattice_core.layers.scale_form import ScaleForm
from lattice_core.layers.scales import (
    SCALE_RULES,
    ScaleRule,
    group_scales,
    require_finite_weight,
    require_group_size,
)
from lattice_core.layers.solver import PivotFactor, dead_inputs, factorize
from lattice_core.orders import ORDERS

Overflow = Literal["clip", "keep"]
Decoder = Literal["nearest_plane", "k_best"]
Refinement = Literal["coordinate_descent"]

ENTROPY_CODED = ("hrtn", "hptq", "watersic")
NEAREST_PLANE = ("gptq", "hptq", "watersic")
METHOD_NAMES = ("gptq", "hptq", "hrtn", "rtn", "ssqr", "watersic")
MOST_RATE = 16
MOST_BEAMS = 256


@dataclass(frozen=True)
class Settings:
    """How to quantize a layer, but for the order and the damping, which belong to its Hessian.

    Attributes
    ----------
    method : str
        Of `METHOD_NAMES`, the keys of ``lattice_core.layers.methods.METHODS``.
    bits : float
        1 … 8, a whole number; for hrtn, hptq and watersic any number of stored bits a weight, 0 < bits ≤ 16.
    group_size : int or None
        Consecutive input columns that share a scale; ``None`` is one scale a row. For rtn, gptq, ssqr.
    overflow : {"clip", "keep"}
        Codes beyond the grid, for rtn and gptq. ssqr keeps such weights aside; hrtn, hptq and watersic
        have no grid.
    scale_rule : {"absmax", "mse"}
        For rtn, gptq, ssqr.
    outlier_rate : float or None
        For ssqr only: the most weights kept aside, as a fraction; ``None`` is its default.
    decoder : {"nearest_plane", "k_best"}
        How gptq, hptq and watersic find their codes.
    k : int
        For k_best: partial codes kept a row, 1 … 256.
    refine : {None, "coordinate_descent"}
        What is done to the codes afterwards.
    refit_scales : bool
        Whether columns and rows get factors once the codes are there. Not for ssqr.
    rate_aware : bool
        For hptq and watersic: whether codes are chosen for their loss and their bits together.
    coder : {None, "fixed", "huffman", "ans"}
        How the codes are stored; ``None`` is ans for hrtn, hptq and watersic, fixed for the others.

    Raises
    ------
    ValueError
        If one of them is out of range, or is no option of this method.
    """

    method: str
    bits: float = 4
    group_size: int | None = 64
    overflow: Overflow = "clip"
    scale_rule: ScaleRule = "mse"
    outlier_rate: float | None = None
    decoder: Decoder = "nearest_plane"
    k: int = 16
    refine: Refinement | None = None
    refit_scales: bool = False
    rate_aware: bool = False
    coder: str | None = None

    def __post_init__(self) -> None:
        if self.method not in METHOD_NAMES:
            raise ValueError(
                f"method is {self.method!r}; one of {', '.join(METHOD_NAMES)} was wanted."
            )
        if self.entropy_coded:
            self._require_rate()
        else:
            IntegerGrid(self.bits)  # type: ignore[arg-type]
            if self.group_size is not None:
                require_group_size(self.group_size)
        _require_option("overflow", self.overflow, ("clip", "keep"))
        _require_option("scale_rule", self.scale_rule, SCALE_RULES)
        _require_option("decoder", self.decoder, ("nearest_plane", "k_best"))
        _require_option("refine", self.refine, (None, "coordinate_descent"))
        if self.method == "ssqr":
            self._require_ssqr_options()
        elif self.outlier_rate is not None:
            raise ValueError(
                f"outlier_rate is an option of ssqr; {self.method} keeps no weights aside. "
                "Leave it out, or use method='ssqr'."
            )
        if self.decoder == "k_best":
            self._require_k_best()
        if self.rate_aware and self.method not in ("hptq", "watersic"):
            raise ValueError(
                f"rate_aware has no meaning for {self.method}: it is for hptq and watersic, whose "
                "codes take more bits the larger they are."
            )
        if self.coder is not None:
            require_coder(self.coder)

    @property
    def entropy_coded(self) -> bool:
        """Whether `bits` is a size to be met, and codes have no limit."""
        return self.method in ENTROPY_CODED

    @property
    def stored_with(self) -> str:
        """The coder, chosen or by default."""
        return self.coder or ("ans" if self.entropy_coded else "fixed")

    def _require_rate(self) -> None:
        if self.overflow != "clip":
            raise ValueError(
                f"overflow={self.overflow!r} has no meaning for {self.method}, which has no grid to overflow: all "
                "its codes are kept."
            )
        if not 0 < self.bits <= MOST_RATE:
            raise ValueError(
                f"bits is {self.bits}; a stored size of 0 < bits ≤ {MOST_RATE} a weight was wanted."
            )
        if self.coder == "fixed":
            raise ValueError(
                f"coder='fixed' would give every code of {self.method} the width of the largest; "
                "use 'ans' or 'huffman'."
            )

    def _require_k_best(self) -> None:
        if self.method not in NEAREST_PLANE:
            raise ValueError(
                f"decoder='k_best' has no meaning for {self.method}: it replaces the nearest plane "
                f"of {', '.join(NEAREST_PLANE)}."
            )
        if not isinstance(self.k, int) or not 1 <= self.k <= MOST_BEAMS:
            raise ValueError(f"k is {self.k!r}; a whole number 1 … {MOST_BEAMS} was wanted.")

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
        if self.refit_scales:
            raise ValueError(
                "refit_scales is no option of ssqr: its kernels read one scale a group."
            )


def _require_option(name: str, value: object, options: tuple[object, ...]) -> None:
    if value not in options:
        wanted = ", ".join(str(option) for option in options[:-1])
        raise ValueError(f"{name} is {value!r}; {wanted} or {options[-1]} was wanted.")


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
        return IntegerGrid(int(self.settings.bits))

    @property
    def clipping_grid(self) -> IntegerGrid | None:
        """Where codes are clipped, or ``None`` when those that overflow are kept."""
        return self.grid if self.settings.overflow == "clip" else None

    @cached_property
    def scale_form(self) -> ScaleForm:
        """From the unmodified weights and the grid of `bits` bits, kept or clipped."""
        settings = self.settings
        return ScaleForm(
            group_scales(
                self.weight,
                bits=int(settings.bits),
                rule=settings.scale_rule,
                group_size=settings.group_size,
            ),
            settings.group_size,
        )

    @cached_property
    def scales(self) -> Tensor:
        """`scale_form` as one spacing for each weight, (r, c)."""
        return self.scale_form.expand(*self.weight.shape)


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
