"""The four orders on one layer, with codes clipped to the grid and with codes kept.

What depends on the Hessian alone is computed once for all layers that read the same inputs.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.hessian import damp, require_finite_hessian
from lattice_core.layers.layer_problem import (
    Overflow,
    checked_layer,
    require_order_name,
    resolve_order_name,
)
from lattice_core.layers.order_results import OrderComparison, OrderProfile, OrderResult
from lattice_core.layers.quantized_layer import code_width
from lattice_core.layers.scale_form import ScaleForm
from lattice_core.layers.scales import ScaleRule, group_scales
from lattice_core.layers.solver import PivotFactor, dead_inputs, factorize, round_columns
from lattice_core.orders import ORDERS

OVERFLOWS: tuple[Overflow, ...] = ("keep", "clip")


@dataclass(frozen=True, eq=False)
class OrderFactors:
    """A Hessian factorized in several orders: what layers with the same inputs share.

    Attributes
    ----------
    raw, damped : (c, c) float64 tensor
        ``XᵀX`` and ``H + λ̄I``.
    factors : dict of PivotFactor
        Of the damped Hessian, by the order's name.
    seconds : dict of float
        To find each order and factorize.
    log_determinant : float
        ``log det`` of the damped Hessian over the inputs that are not dead, from its LU factors,
        so independent of every order.
    pivot_floor : float
        ``c · det^(1/c)``: no order has a smaller ``tr(D)`` (law L10).
    """

    raw: Tensor
    damped: Tensor
    factors: dict[str, PivotFactor]
    seconds: dict[str, float]
    log_determinant: float
    pivot_floor: float


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
    wide_weight, raw = checked_layer(weight, hessian)
    factors = factor_orders(raw, damping=damping, orders=orders)
    return compare_factored(
        wide_weight, factors, bits=bits, group_size=group_size, scale_rule=scale_rule
    )


def factor_orders(
    hessian: Tensor, *, damping: float = 0.01, orders: Sequence[str] = tuple(ORDERS)
) -> OrderFactors:
    """Damp a Hessian and factorize it in each order.

    Parameters
    ----------
    hessian : (c, c) tensor
        Raw ``XᵀX``.
    damping : float
    orders : sequence of str
        Keys of `ORDERS`.

    Raises
    ------
    ValueError
        As `quantize_layer` does.
    """
    for order in orders:
        require_order_name(order)
    require_finite_hessian(hessian)
    raw = hessian.detach().double()
    damped_hessian = damp(raw, damping)
    began = time.perf_counter()
    # Wanted or not: the greedy rule divides by pivots, so they must be positive.
    factors = {"back_to_front": factorize(damped_hessian)}
    seconds = {"back_to_front": time.perf_counter() - began}
    for order in orders:
        if order not in factors:
            began = time.perf_counter()
            factors[order] = factorize(damped_hessian, resolve_order_name(order, damped_hessian))
            seconds[order] = time.perf_counter() - began
    live = torch.nonzero(~dead_inputs(damped_hessian))[:, 0]
    log_determinant = torch.linalg.slogdet(damped_hessian[live[:, None], live])[1].item()
    return OrderFactors(
        raw=raw,
        damped=damped_hessian,
        factors={order: factors[order] for order in orders},
        seconds=seconds,
        log_determinant=log_determinant,
        pivot_floor=len(live) * math.exp(log_determinant / len(live)),
    )


def compare_factored(
    weight: Tensor,
    factors: OrderFactors,
    *,
    bits: int = 4,
    group_size: int | None = 64,
    scale_rule: ScaleRule = "mse",
) -> OrderComparison:
    """`compare_orders` where the Hessian is factorized already.

    Parameters
    ----------
    weight : (r, c) tensor
        Any floating dtype, on the Hessian's device; not changed.
    factors : OrderFactors
    bits, group_size, scale_rule
        As in `quantize_layer`.

    Raises
    ------
    ValueError
        As `quantize_layer` does.
    """
    weight, raw = checked_layer(weight, factors.raw)
    compact = group_scales(weight, bits=bits, rule=scale_rule, group_size=group_size)
    scales = ScaleForm(compact, group_size).expand(*weight.shape)
    energy = torch.linalg.vecdot(weight @ raw, weight).sum().item()
    results = [
        _run(weight, scales, factors, order, overflow, bits, energy)
        for overflow in OVERFLOWS
        for order in factors.factors
    ]
    rows, columns = weight.shape
    return OrderComparison(
        rows=rows,
        columns=columns,
        bits=bits,
        results=tuple(results),
        log_determinant=factors.log_determinant,
        pivot_floor=factors.pivot_floor,
        profiles=tuple(_profile(order, factor) for order, factor in factors.factors.items()),
    )


def _run(
    weight: Tensor,
    scales: Tensor,
    factors: OrderFactors,
    order: str,
    overflow: Overflow,
    bits: int,
    energy: float,
) -> OrderResult:
    factor = factors.factors[order]
    grid = IntegerGrid(bits) if overflow == "clip" else None
    began = time.perf_counter()
    rounding = round_columns(weight, factor, scales, grid)
    seconds = factors.seconds[order] + time.perf_counter() - began
    # Anew from the weights: what the steps add up to could never exceed the bound (law L6).
    error = scales * rounding.codes - weight
    losses = torch.linalg.vecdot(error @ factors.damped, error)
    bounds = factor.row_bounds(scales)
    return OrderResult(
        order=order,
        overflow=overflow,
        pivot_sum=factor.pivots.sum().item(),
        bound=bounds.sum().item(),
        loss=losses.sum().item(),
        energy=energy,
        clipped_fraction=rounding.clipped.double().mean().item(),
        code_bits=code_width(rounding.codes, bits),
        seconds=seconds,
        worst_row=(losses / bounds).max().item(),
        rows_over_bound=int((losses > bounds * (1 + 1e-9)).sum()),
    )


def _profile(order: str, factor: PivotFactor) -> OrderProfile:
    lengths = factor.pivots[factor.order].sqrt()
    return OrderProfile(order, factor.order.cpu().numpy(), lengths.cpu().numpy())
