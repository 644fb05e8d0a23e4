"""The four orders on one layer, with codes clipped to the grid and with codes kept."""

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.hessian import damp
from lattice_core.layers.layer_problem import Overflow, checked_layer, factorize_in_order
from lattice_core.layers.quantized_layer import code_width
from lattice_core.layers.scales import ScaleRule, full_scales
from lattice_core.layers.solver import PivotFactor, dead_inputs, round_columns
from lattice_core.orders import ORDERS

OVERFLOWS: tuple[Overflow, ...] = ("keep", "clip")


@dataclass(frozen=True)
class OrderResult:
    """One order, with overflowing codes clipped or kept. Losses are damped, summed over the rows.

    Attributes
    ----------
    order, overflow : str
    pivot_sum : float
        ``tr(D)``, in squared units of the inputs.
    bound : float
        ``¼ Σ D_j s_j²`` over all rows. Void where `clipped_fraction` is not 0 (law L9).
    loss : float
    relative_loss, relative_bound : float
        Over ``Σ wᵀHw`` with the raw Hessian; 0 for an all-zero layer.
    clipped_fraction : float
        Of all codes, those with ``|center − code| > ½``.
    code_bits : int
        Width of the widest code; more than asked for where codes are kept beyond the grid.
    seconds : float
        To find the order, factorize and round. The scales are the same for all, and not counted.
    worst_row : float
        The largest loss of a row over the row's bound.
    rows_over_bound : int
    """

    order: str
    overflow: Overflow
    pivot_sum: float
    bound: float
    loss: float
    relative_loss: float
    relative_bound: float
    clipped_fraction: float
    code_bits: int
    seconds: float
    worst_row: float
    rows_over_bound: int

    @property
    def loss_over_bound(self) -> float:
        """About ⅓ where nothing is clipped (law L7, measured)."""
        return self.loss / self.bound


@dataclass(frozen=True, eq=False)
class OrderProfile:
    """The Gram-Schmidt lengths ``R_jj`` in one order, first quantized first.

    Attributes
    ----------
    order : str
    columns : (c,) int array
        The input column at each position.
    lengths : (c,) array
        In units of the inputs; 0 for a dead input.
    """

    order: str
    columns: IntArray
    lengths: FloatArray

    @property
    def log_determinant(self) -> float:
        """``Σ log D_j`` over the inputs that are not dead."""
        return float(2 * np.log(self.lengths[self.lengths > 0]).sum())


@dataclass(frozen=True, eq=False)
class OrderComparison:
    """All orders side by side.

    Attributes
    ----------
    rows, columns : int
        r and c of the weight.
    bits : int
        Of the grid.
    results : tuple of OrderResult
        Every order with ``"keep"``, then every order with ``"clip"``.
    profiles : tuple of OrderProfile
    log_determinant : float
        ``log det`` of the damped Hessian, from its LU factors, so independent of every order.
    pivot_floor : float
        ``c · det^(1/c)``: no order has a smaller ``tr(D)`` (law L10).
    """

    rows: int
    columns: int
    bits: int
    results: tuple[OrderResult, ...]
    profiles: tuple[OrderProfile, ...]
    log_determinant: float
    pivot_floor: float

    @property
    def mean_length(self) -> float:
        """Geometric mean of the Gram-Schmidt lengths, ``det^(1/2c)``; the same in every order."""
        live = int((self.profiles[0].lengths > 0).sum())
        return math.exp(self.log_determinant / (2 * live))

    def with_overflow(self, overflow: Overflow) -> tuple[OrderResult, ...]:
        """The results that clip, or those that keep."""
        return tuple(result for result in self.results if result.overflow == overflow)

    def result(self, order: str, overflow: Overflow) -> OrderResult:
        """One of the results."""
        return next(r for r in self.with_overflow(overflow) if r.order == order)

    def best(self, overflow: Overflow) -> OrderResult:
        """The result with the smallest loss."""
        return min(self.with_overflow(overflow), key=lambda result: result.loss)

    def as_records(self) -> list[dict[str, object]]:
        """One flat record a result, for a table or a CSV file."""
        shared = {"pivot_floor": self.pivot_floor, "bits": self.bits}
        return [
            asdict(result) | {"bound_holds": result.clipped_fraction == 0} | shared
            for result in self.results
        ]


def compare_orders(
    weight: Tensor,
    hessian: Tensor,
    *,
    bits: int = 4,
    group_size: int | None = 64,
    scale_rule: ScaleRule = "mse",
    damping: float = 0.01,
    orders: Sequence[str] = tuple(ORDERS),
) -> OrderComparison:
    """Quantize one layer in each order, clipping and keeping, with the same scales throughout.

    The codes are those of `quantize_layer`; what the runs have in common is computed once.

    Parameters
    ----------
    weight : (r, c) tensor
        Any floating dtype; not changed.
    hessian : (c, c) tensor
        Raw ``XᵀX`` of the layer's inputs; damped here.
    bits, group_size, scale_rule, damping
        As in `quantize_layer`.
    orders : sequence of str
        Keys of `ORDERS`.

    Raises
    ------
    ValueError
        As `quantize_layer` does.
    """
    weight, raw = checked_layer(weight, hessian)
    rows, columns = weight.shape
    damped_hessian = damp(raw, damping)
    scales = full_scales(weight, bits=bits, rule=scale_rule, group_size=group_size)
    energy = torch.linalg.vecdot(weight @ raw, weight).sum().item()

    by_overflow: dict[Overflow, list[OrderResult]] = {overflow: [] for overflow in OVERFLOWS}
    profiles = []
    for order in orders:
        began = time.perf_counter()
        factor = factorize_in_order(order, damped_hessian)
        to_factorize = time.perf_counter() - began
        profiles.append(_profile(order, factor))
        for overflow in OVERFLOWS:
            grid = IntegerGrid(bits) if overflow == "clip" else None
            began = time.perf_counter()
            rounding = round_columns(weight, factor, scales, grid)
            seconds = to_factorize + time.perf_counter() - began
            error = scales * rounding.codes - weight
            losses = torch.linalg.vecdot(error @ damped_hessian, error)
            bounds = factor.row_bounds(scales)
            loss, bound = losses.sum().item(), bounds.sum().item()
            by_overflow[overflow].append(
                OrderResult(
                    order=order,
                    overflow=overflow,
                    pivot_sum=factor.pivots.sum().item(),
                    bound=bound,
                    loss=loss,
                    relative_loss=loss / energy if energy > 0 else 0.0,
                    relative_bound=bound / energy if energy > 0 else 0.0,
                    clipped_fraction=rounding.clipped.double().mean().item(),
                    code_bits=code_width(rounding.codes, bits),
                    seconds=seconds,
                    worst_row=(losses / bounds).max().item(),
                    rows_over_bound=int((losses > bounds * (1 + 1e-9)).sum()),
                )
            )
    live = torch.nonzero(~dead_inputs(damped_hessian))[:, 0]
    log_determinant = torch.linalg.slogdet(damped_hessian[live[:, None], live])[1].item()
    return OrderComparison(
        rows=rows,
        columns=columns,
        bits=bits,
        results=tuple(result for overflow in OVERFLOWS for result in by_overflow[overflow]),
        profiles=tuple(profiles),
        log_determinant=log_determinant,
        pivot_floor=len(live) * math.exp(log_determinant / len(live)),
    )


def _profile(order: str, factor: PivotFactor) -> OrderProfile:
    lengths = factor.pivots[factor.order].sqrt()
    return OrderProfile(order, factor.order.cpu().numpy(), lengths.cpu().numpy())
