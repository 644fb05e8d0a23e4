"""The laws about a layer's bound, checked on a layer that was audited. Sources as in `lattice_core.laws`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from lattice_core.laws import TOLERANCE, LawCheck
from lattice_core.layers.audit import HALF_SLACK
from lattice_core.layers.audit_results import ROUND_TO_NEAREST, LayerAudit
from lattice_core.layers.hessian import damp
from lattice_core.layers.layer_problem import checked_layer, resolve_order_name
from lattice_core.layers.solver import factorize


@dataclass(frozen=True, eq=False)
class AuditedRows:
    """The rows of an audited layer in the order that explains its codes best.

    Attributes
    ----------
    order : str
        A key of `ORDERS`, or ``"round_to_nearest"``.
    losses : (r,) tensor
        ``(q − w)ᵀ (H + λ̄I) (q − w)``.
    squares : (r,) tensor or None
        ``Σ_j D_j s_j² (center_j − z_j)²``, from the factor; ``None`` without an order.
    bounds : (r,) tensor
        ``¼ Σ_j D_j s_j²``; without an order ``¼ Σ_ij |H_ij| s_i s_j``, both of the damped Hessian.
    clipped : (r,) tensor
        How many codes are more than half a step from their centre (law L9).
    half : float
        Half a step, and what the rounding of Q may have added to it.
    """

    order: str
    losses: Tensor
    squares: Tensor | None
    bounds: Tensor
    clipped: Tensor
    half: float

    @property
    def unclipped(self) -> Tensor:
        """(r,) bool: rows of which every code is the nearest to its centre."""
        return self.clipped == 0

    @property
    def over_bound(self) -> int:
        """Rows whose loss exceeds their bound."""
        return int((self.losses > self.bounds * (1 + TOLERANCE)).sum())


def audited_rows(
    weight: Tensor, quantized: Tensor, hessian: Tensor, audit: LayerAudit
) -> AuditedRows:
    """Losses, bounds and clipped codes row by row, with the damping and order of the audit.

    Parameters
    ----------
    weight, quantized, hessian : tensors
        As `audit_layer` had them.
    audit : LayerAudit
        With its grid.

    Raises
    ------
    ValueError
        If the audit was kept without its grid.
    """
    grid = audit.grid
    if grid is None:
        raise ValueError("the audit has no grid; pass it as audit_layer returned it.")
    wide_weight, raw = checked_layer(weight, hessian)
    damped_hessian = damp((raw + raw.T) / 2, audit.damping)
    error = wide_weight - quantized.detach().double().to(wide_weight.device)
    squares = None
    if audit.order == ROUND_TO_NEAREST:
        offsets = error / grid.scales
        bounds = ((grid.scales @ damped_hessian.abs()) * grid.scales).sum(dim=1) / 4
    else:
        factor = factorize(damped_hessian, resolve_order_name(audit.order, damped_hessian))
        pivot_order = factor.order.flip(0)
        moved = error[:, pivot_order] @ factor.unit_upper.T
        squares = moved.square() @ factor.pivots[pivot_order]
        offsets = moved[:, pivot_order.argsort()] / grid.scales
        bounds = factor.row_bounds(grid.scales)
    half = 0.5 + max(HALF_SLACK, 2 * grid.residual, grid.uncertainty)
    return AuditedRows(
        order=audit.order,
        losses=torch.linalg.vecdot(error @ damped_hessian, error),
        squares=squares,
        bounds=bounds,
        clipped=(offsets.abs() > half).sum(dim=1),
        half=half,
    )


def audit_laws(rows: AuditedRows) -> list[LawCheck]:
    """All that can be checked on these rows."""
    checks = [unclipped_rows_are_bounded(rows), clipping_voids_the_bound(rows)]
    return [squares_add_up(rows), *checks] if rows.squares is not None else checks


def squares_add_up(rows: AuditedRows) -> LawCheck:
    """The squared steps in the order found sum to the loss, whoever made the codes.

    Raises
    ------
    ValueError
        If the rows have no order.
    """
    if rows.squares is None:
        raise ValueError("without an order there are no steps to add up.")
    squares, loss = rows.squares.sum().item(), rows.losses.sum().item()
    return LawCheck(
        "L2",
        "The squared steps add up to the loss",
        r"In any order, a code that lies $\lvert\mathrm{centre}-z_j\rvert$ from its centre adds "
        r"$D_j s_j^2 (\mathrm{centre}-z_j)^2$. The steps are at right angles, so these squares sum "
        r"to $(q-w)^\top \bar H (q-w)$. That is how the audit sees every step without repeating it.",
        "[C] Theorem 2",
        "squared steps, from the factor",
        squares,
        "=",
        "loss, from $W$, $Q$ and $H$",
        loss,
        abs(squares - loss) <= TOLERANCE * max(squares, loss),
    )


def unclipped_rows_are_bounded(rows: AuditedRows) -> LawCheck:
    """L6 on every row of which no code is clipped."""
    chosen = rows.unclipped & (rows.bounds > 0)
    count, total = int(chosen.sum()), len(rows.losses)
    worst = (rows.losses[chosen] / rows.bounds[chosen]).max().item() if count else 0.0
    if rows.order == ROUND_TO_NEAREST:
        title = "Rounded to nearest, a row has a bound too"
        formula = (
            r"If every weight is within half a step of its code, a row's loss is at most "
            r"$\frac14 \sum_{ij} \lvert\bar H_{ij}\rvert s_i s_j$: a far wider box than an order's."
        )
        source = "triangle inequality"
    else:
        title = "A row without a clipped code has a bound"
        formula = (
            r"If every code of a row is within half a step of its centre, the row's loss is at most "
            r"$\frac14 \sum_j D_j s_j^2$."
        )
        source = "[C] Theorem 5; [B]"
    rounding = (2 * rows.half) ** 2
    slack = (
        f" $Q$ was rounded when it was stored, so up to {rounding:.3g} is allowed."
        if rounding > 1.001
        else ""
    )
    return LawCheck(
        "L6",
        title,
        f"{formula} Checked on the {count:,} of {total:,} rows that have none clipped.{slack}",
        source,
        "loss ÷ bound of the worst such row",
        worst,
        "≤",
        "all of the bound",
        1.0,
        worst <= rounding * (1 + TOLERANCE),
        void="" if count else "every row has a clipped code (law L9).",
    )


def clipping_voids_the_bound(rows: AuditedRows) -> LawCheck:
    """L6 on the whole layer, and L9 where that voids it."""
    loss, bound = rows.losses.sum().item(), rows.bounds.sum().item()
    clipped, total = int((~rows.unclipped).sum()), len(rows.losses)
    return LawCheck(
        "L9",
        "Clipping voids the bound",
        "A code further than half a step from its centre leaves the box. One such code, and the "
        "bound of the layer, the sum over its rows, promises nothing.",
        "[C] Theorem 5 assumes no clipping",
        "loss of the layer",
        loss,
        "≤",
        "bound of the layer",
        bound,
        loss <= bound * (2 * rows.half) ** 2 * (1 + TOLERANCE),
        void=f"{clipped:,} of {total:,} rows have a code further than half a step from its centre, and "
        f"{rows.over_bound:,} exceed their bound."
        if clipped
        else "",
    )
