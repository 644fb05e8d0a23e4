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
    kept_squares, kept_bounds : (r,) tensor or None
        `squares` and `bounds` of the other codes alone; ``None`` without an order.
    half : float
        Half a step, and what the rounding of Q may have added to it.
    """

    order: str
    losses: Tensor
    squares: Tensor | None
    bounds: Tensor
    clipped: Tensor
    kept_squares: Tensor | None
    kept_bounds: Tensor | None
    half: float

    @property
    def unclipped(self) -> Tensor:
        """(r,) bool: rows of which every code is the nearest to its centre."""
        return self.clipped == 0

    @property
    def over_bound(self) -> int:
        """Rows whose loss exceeds their bound."""
        return int((self.losses > self.bounds * (1 + TOLERANCE)).sum())

    @property
    def clipped_share_of_loss(self) -> float | None:
        """Of the loss, what the clipped codes' steps add; ``None`` without an order."""
        if self.squares is None or self.kept_squares is None:
            return None
        squares = self.squares.sum().item()
        return 1 - self.kept_squares.sum().item() / squares if squares > 0 else 0.0

    @property
    def rounding(self) -> float:
        """How far above its bound the rounding of Q may lift a loss: 1 if Q is exact."""
        return (2 * self.half) ** 2


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
    half = 0.5 + max(HALF_SLACK, 2 * grid.residual, grid.uncertainty)
    squares = kept_squares = kept_bounds = None
    if audit.order == ROUND_TO_NEAREST:
        clipped = (error / grid.scales).abs() > half
        bounds = ((grid.scales @ damped_hessian.abs()) * grid.scales).sum(dim=1) / 4
    else:
        factor = factorize(damped_hessian, resolve_order_name(audit.order, damped_hessian))
        pivot_order = factor.order.flip(0)
        moved = error[:, pivot_order] @ factor.unit_upper.T
        moved = moved[:, pivot_order.argsort()]
        clipped = (moved / grid.scales).abs() > half
        squares, bounds = moved.square() @ factor.pivots, factor.row_bounds(grid.scales)
        kept_squares = (moved.square() * ~clipped) @ factor.pivots
        kept_bounds = factor.row_bounds(grid.scales * ~clipped)
    return AuditedRows(
        order=audit.order,
        losses=torch.linalg.vecdot(error @ damped_hessian, error),
        squares=squares,
        bounds=bounds,
        clipped=clipped.sum(dim=1),
        kept_squares=kept_squares,
        kept_bounds=kept_bounds,
        half=half,
    )


def audit_laws(rows: AuditedRows) -> list[LawCheck]:
    """All that can be checked on these rows."""
    if rows.squares is None:
        return [nearest_rows_are_bounded(rows), clipping_voids_the_bound(rows)]
    return [squares_add_up(rows), kept_codes_are_bounded(rows), clipping_voids_the_bound(rows)]


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


def kept_codes_are_bounded(rows: AuditedRows) -> LawCheck:
    """L6, step by step: the codes that are not clipped add at most their part of the bound.

    Raises
    ------
    ValueError
        If the rows have no order.
    """
    if rows.kept_squares is None or rows.kept_bounds is None:
        raise ValueError("without an order no step has a bound of its own.")
    loss, bound = rows.kept_squares.sum().item(), rows.kept_bounds.sum().item()
    clipped = int(rows.clipped.sum())
    which = f"all but the {clipped:,} that are further" if clipped else "all codes"
    return LawCheck(
        "L6",
        "Codes within half a step have a bound",
        r"A code within half a step of its centre adds at most $\frac14 D_j s_j^2$ to the loss. "
        f"Summed over {which}.{_slack(rows)}",
        "[C] Theorem 5, step by step; [B]",
        "what these codes add to the loss",
        loss,
        "≤",
        r"$\frac14 \sum D_j s_j^2$ over these codes",
        bound,
        loss <= bound * rows.rounding * (1 + TOLERANCE),
    )


def nearest_rows_are_bounded(rows: AuditedRows) -> LawCheck:
    """The bound of rounding to nearest, on every row of which no code is clipped."""
    chosen = rows.unclipped & (rows.bounds > 0)
    count, total = int(chosen.sum()), len(rows.losses)
    worst = (rows.losses[chosen] / rows.bounds[chosen]).max().item() if count else 0.0
    return LawCheck(
        "L6",
        "Rounded to nearest, a row has a bound too",
        r"If every weight is within half a step of its code, a row's loss is at most "
        r"$\frac14 \sum_{ij} \lvert\bar H_{ij}\rvert s_i s_j$: a far wider box than an order's. "
        f"Checked on the {count:,} of {total:,} rows that have none clipped.{_slack(rows)}",
        "triangle inequality",
        "loss ÷ bound of the worst such row",
        worst,
        "≤",
        "all of the bound",
        1.0,
        worst <= rows.rounding * (1 + TOLERANCE),
        void="" if count else "every row has a clipped code (law L9).",
    )


def clipping_voids_the_bound(rows: AuditedRows) -> LawCheck:
    """L6 on the whole layer, and L9 where that voids it."""
    loss, bound = rows.losses.sum().item(), rows.bounds.sum().item()
    clipped, total = int((~rows.unclipped).sum()), len(rows.losses)
    share = rows.clipped_share_of_loss
    added = "" if share is None else f" Such codes add {100 * share:.2g} % of the loss."
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
        loss <= bound * rows.rounding * (1 + TOLERANCE),
        void=f"{clipped:,} of {total:,} rows have a code further than half a step from its centre, and "
        f"{rows.over_bound:,} exceed their bound.{added}"
        if clipped
        else "",
    )


def _slack(rows: AuditedRows) -> str:
    if rows.rounding <= 1.001:
        return ""
    return (
        rf" $Q$ was rounded when it was stored, which may lift the loss to {rows.rounding:.3g} times "
        "the bound."
    )
