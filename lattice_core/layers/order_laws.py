"""The laws about orders, checked on whole layers. Sources as in `lattice_core.laws`."""

from collections.abc import Sequence

import numpy as np

from lattice_core.inputs import FloatArray
from lattice_core.laws import TOLERANCE, LawCheck
from lattice_core.layers.layer_problem import Overflow
from lattice_core.layers.order_results import LayerOrders, OrderComparison, OrderResults


def kept_rows_are_bounded(*layers: OrderResults) -> LawCheck:
    """L6 on every row of the layers in every order: nothing clipped, so loss ≤ ¼ Σ D_j s_j²."""
    worst, rows, orders = _worst_row(layers, "keep")
    return LawCheck(
        "L6",
        "The loss has a bound: every code kept",
        rf"Each row's loss is at most $\frac14 \sum_j D_j s_j^2$. Checked on {rows * orders:,} rows: "
        f"{rows:,} rows{_of(layers)} in each of {orders} orders.",
        "[C] Theorem 5; [B]",
        "loss ÷ bound of the worst row",
        worst,
        "≤",
        "all of the bound",
        1.0,
        worst <= 1 + TOLERANCE,
    )


def clipping_voids_the_bound(*layers: OrderResults) -> LawCheck:
    """L6 with clipping, and L9 where that voids it."""
    worst, rows, orders = _worst_row(layers, "clip")
    clipped = [result for layer in layers for result in layer.with_overflow("clip")]
    most = max(result.clipped_fraction for result in clipped)
    whose = "a layer's" if len(layers) > 1 else "the"
    over = sum(result.rows_over_bound for result in clipped)
    return LawCheck(
        "L9",
        "Clipping voids the bound",
        "A code at the end of the grid may be further than ½ from its centre. "
        "Then the error leaves the box, and law L6 promises nothing.",
        "[C] Theorem 5 assumes no clipping",
        "loss ÷ bound of the worst row",
        worst,
        "≤",
        "all of the bound",
        1.0,
        worst <= 1 + TOLERANCE,
        void=f"up to {100 * most:.2g} % of {whose} codes are clipped, and {over:,} of "
        f"{rows * orders:,} rows exceed the bound."
        if most
        else "",
    )


def determinant_is_order_free(comparison: OrderComparison) -> LawCheck:
    """L10: Σ log D_j is log det H in every order."""
    left: FloatArray = np.array([profile.log_determinant for profile in comparison.profiles])
    right = comparison.log_determinant
    return LawCheck(
        "L10",
        "The volume of the box does not depend on the order",
        r"Every order has the same product of pivots, $\prod_j D_j = \det \bar H$. "
        "Its logarithm is compared, since the product itself has too many digits.",
        "determinant of a triangular factor",
        r"$\sum_j \log D_j$, in each order",
        left,
        "=",
        r"$\log\det \bar H$, from its LU factors",
        right,
        bool(np.abs(left - right).max() <= TOLERANCE * max(abs(right), 1.0)),
    )


def determinants_are_order_free(*layers: LayerOrders) -> LawCheck:
    """L10 on many layers: Σ log D_j is log det H in every order."""
    worst = max(layers, key=lambda layer: layer.determinant_gap / _size(layer))
    return LawCheck(
        "L10",
        "The volume of the box does not depend on the order",
        r"Every order has the same product of pivots, $\prod_j D_j = \det \bar H$. "
        f"Checked by its logarithm on {len(layers)} layers; the layer where both sides are furthest "
        f"apart is `{worst.layer}`.",
        "determinant of a triangular factor",
        r"largest $\lvert\sum_j \log D_j - \log\det \bar H\rvert$ of its orders",
        worst.determinant_gap,
        "≤",
        r"a millionth of $\lvert\log\det \bar H\rvert$",
        TOLERANCE * _size(worst),
        worst.determinant_gap <= TOLERANCE * _size(worst),
    )


def no_order_beats_the_floor(*layers: OrderResults) -> LawCheck:
    """L10: the arithmetic-geometric floor under tr(D)."""
    closest = min(layers, key=lambda layer: _least_pivot_sum(layer) / layer.pivot_floor)
    floor, least = closest.pivot_floor, _least_pivot_sum(closest)
    which = f" Of {len(layers)} layers, the one closest to it." if len(layers) > 1 else ""
    return LawCheck(
        "L10",
        "No order goes below the floor",
        r"With a given product, a sum is least when all its terms are equal: "
        rf"$\mathrm{{tr}}(D) = \sum_j D_j \ge c\,(\det \bar H)^{{1/c}}$.{which}",
        "arithmetic and geometric mean",
        r"floor $c\,(\det \bar H)^{1/c}$",
        floor,
        "≤",
        r"least $\mathrm{tr}(D)$ of the orders",
        least,
        floor <= least * (1 + TOLERANCE),
    )


def mean_share_of_the_bound(*layers: OrderResults) -> tuple[float, float]:
    """The least and greatest loss ÷ bound of the layers and orders, every code kept.

    A third is expected for targets spread evenly over the box (law L7, [C] Appendix D.2). Real
    targets need not be: this is a measurement, not a theorem.
    """
    shares = [result.loss_over_bound for layer in layers for result in layer.with_overflow("keep")]
    return min(shares), max(shares)


def _worst_row(layers: Sequence[OrderResults], overflow: Overflow) -> tuple[float, int, int]:
    """Loss ÷ bound of the worst row, the rows of all layers, and the orders."""
    results = [result for layer in layers for result in layer.with_overflow(overflow)]
    worst = max(result.worst_row for result in results)
    return worst, sum(layer.rows for layer in layers), len(results) // len(layers)


def _of(layers: Sequence[OrderResults]) -> str:
    return f" of {len(layers)} layers" if len(layers) > 1 else ""


def _least_pivot_sum(layer: OrderResults) -> float:
    return min(result.pivot_sum for result in layer.results)


def _size(layer: OrderResults) -> float:
    return max(abs(layer.log_determinant), 1.0)
