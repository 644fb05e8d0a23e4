"""The laws about orders, checked on a whole layer. Sources as in `lattice_core.laws`."""

import numpy as np

from lattice_core.inputs import FloatArray
from lattice_core.laws import TOLERANCE, LawCheck
from lattice_core.layers.order_comparison import OrderComparison


def kept_rows_are_bounded(comparison: OrderComparison) -> LawCheck:
    """L6 on every row in every order: nothing clipped, so loss ≤ ¼ Σ D_j s_j²."""
    worst = max(result.worst_row for result in comparison.with_overflow("keep"))
    rows = comparison.rows * len(comparison.profiles)
    return LawCheck(
        "L6",
        "The loss has a bound: every code kept",
        rf"Each row's loss is at most $\frac14 \sum_j D_j s_j^2$. Checked on {rows:,} rows: "
        f"{comparison.rows:,} rows in each of {len(comparison.profiles)} orders.",
        "[C] Theorem 5; [B]",
        "loss ÷ bound of the worst row",
        worst,
        "≤",
        "all of the bound",
        1.0,
        worst <= 1 + TOLERANCE,
    )


def clipping_voids_the_bound(comparison: OrderComparison) -> LawCheck:
    """L6 with clipping, and L9 where that voids it."""
    clipped = comparison.with_overflow("clip")
    worst = max(result.worst_row for result in clipped)
    most = max(result.clipped_fraction for result in clipped)
    over = sum(result.rows_over_bound for result in clipped)
    rows = comparison.rows * len(clipped)
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
        void=f"up to {100 * most:.2g} % of the codes are clipped, and {over:,} of {rows:,} rows "
        "exceed the bound."
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


def no_order_beats_the_floor(comparison: OrderComparison) -> LawCheck:
    """L10: the arithmetic-geometric floor under tr(D)."""
    least = min(result.pivot_sum for result in comparison.results)
    floor = comparison.pivot_floor
    return LawCheck(
        "L10",
        "No order goes below the floor",
        r"With a given product, a sum is least when all its terms are equal: "
        r"$\mathrm{tr}(D) = \sum_j D_j \ge c\,(\det \bar H)^{1/c}$.",
        "arithmetic and geometric mean",
        r"floor $c\,(\det \bar H)^{1/c}$",
        floor,
        "≤",
        r"least $\mathrm{tr}(D)$ of the orders",
        least,
        floor <= least * (1 + TOLERANCE),
    )


def mean_share_of_the_bound(comparison: OrderComparison) -> tuple[float, float]:
    """The least and greatest loss ÷ bound of the orders, every code kept.

    A third is expected for targets spread evenly over the box (law L7, [C] Appendix D.2). Real
    targets need not be: this is a measurement, not a theorem.
    """
    shares = [result.loss_over_bound for result in comparison.with_overflow("keep")]
    return min(shares), max(shares)
