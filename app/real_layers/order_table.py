"""The comparison of orders in a table and in sentences."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from app.figures.numbers import short
from app.order_names import ORDER_NAMES

if TYPE_CHECKING:
    from lattice_core.layers.order_results import OrderComparison, OrderResult

NBSP = "\u00a0"
COLUMNS = {
    "tr(D)": "the sum of the pivots $D_j = R_{jj}^2$, the squared lengths of the edges of the "
    "box that holds the error (before scaling). Smaller is better.",
    "÷ floor": "tr(D) over the least value any order could have (law L10). 1 would be perfect.",
    "bound": "the loss can be no larger, if no code is clipped (law L6). "
    "Struck through where codes are clipped.",
    "loss": "the squared change of the layer's output on the text, damping included, "
    "summed over all tokens and rows.",
    "÷ bound": "how much of the bound is used up: the loss of all rows over the bound of all rows.",
    "relative": "the loss over the squared size of the output, $\\lVert XW^\\top\\rVert^2$. "
    "The one to compare between layers.",
    "clipped": "the share of codes that wanted to lie beyond the grid.",
    "widest": "bits that the widest code needs. Kept codes may need more than the grid has.",
    "time": "seconds to find the order, factorize, and round all rows, here and now. "
    "Other work on this machine slows it.",
}
CAPTIONS = {
    "keep": "**Keep**: a code beyond the grid is kept. The bound holds.",
    "clip": "**Clip**: a code beyond the grid is moved to its end, as real formats must. "
    "The bound is void.",
}


def comparison_table(comparison: "OrderComparison") -> None:
    """One row for each order and each treatment of overflow; ★ marks the best of the four."""
    lines = [f"| order | {' | '.join(COLUMNS)} |", "|---|" + "--:|" * len(COLUMNS)]
    for overflow, caption in CAPTIONS.items():
        results = comparison.with_overflow(overflow)  # type: ignore[arg-type]
        lines.append(f"| {caption.partition(':')[0]} |" + " |" * len(COLUMNS))
        lines += [_row(comparison, result, results) for result in results]
    st.markdown("\n".join(lines))
    st.caption("★ smallest of the four orders. " + " ".join(CAPTIONS.values()))


def explanations() -> None:
    """What the orders are and what the columns mean."""
    orders, columns = st.columns(2, gap="large")
    with orders:
        st.markdown("**The orders**")
        st.markdown("\n".join(f"- **{o.name}**: {o.rule}" for o in ORDER_NAMES.values()))
    with columns:
        st.markdown("**The columns**")
        st.markdown("\n".join(f"- **{name}**: {meaning}" for name, meaning in COLUMNS.items()))


def conclusions(comparison: "OrderComparison") -> list[str]:
    """What the numbers say about this layer, in sentences."""
    keep, clip = comparison.best("keep"), comparison.best("clip")
    act, back = comparison.result("act_order", "keep"), comparison.result("back_to_front", "keep")
    said = [
        f"Every code kept, **{ORDER_NAMES[keep.order].name}** has the smallest loss: "
        f"{short(100 * keep.relative_loss)} % of the output. "
        f"The worst order, {_worst(comparison, 'keep')}.",
        f"Act-order changes tr(D) to **{act.pivot_sum / back.pivot_sum:.2f}** of back to front's. "
        f"No order could bring it below {comparison.pivot_floor / back.pivot_sum:.2f}.",
    ]
    fractions = [result.clipped_fraction for result in comparison.with_overflow("clip")]
    if not max(fractions):
        return [*said, "No code is clipped, so clipping changes nothing and the bound holds."]
    cost = clip.loss / comparison.result(clip.order, "keep").loss
    said.append(
        f"With {comparison.bits} bits, up to {100 * max(fractions):.2g} % of the codes are "
        f"clipped. The best loss, with {ORDER_NAMES[clip.order].name}, is then {cost:.2f} times as "
        "large as the same order's with its codes kept."
    )
    if clip.order != keep.order:
        said.append(
            f"Clipping changes the ranking: {ORDER_NAMES[clip.order].name} now beats "
            f"{ORDER_NAMES[keep.order].name}, though its tr(D) is "
            f"{'larger' if clip.pivot_sum > keep.pivot_sum else 'smaller'} (law L17, measured)."
        )
    return said


def _worst(comparison: "OrderComparison", overflow: str) -> str:
    results = comparison.with_overflow(overflow)  # type: ignore[arg-type]
    worst = max(results, key=lambda result: result.loss)
    least = min(result.loss for result in results)
    return f"{ORDER_NAMES[worst.order].name}, has {worst.loss / least:.2f} times that"


def _row(
    comparison: "OrderComparison", result: "OrderResult", rivals: "tuple[OrderResult, ...]"
) -> str:
    def marked(value: Callable[["OrderResult"], float], text: str) -> str:
        values = [value(rival) for rival in rivals]
        best = value(result) == min(values) < max(values)
        return f"★ **{text}**" if best else text

    bound = amount(result.bound)
    over_floor = result.pivot_sum / comparison.pivot_floor
    cells = [
        ORDER_NAMES[result.order].name,
        marked(lambda r: r.pivot_sum, amount(result.pivot_sum)),
        marked(lambda r: r.pivot_sum, f"{over_floor:.3f}"),
        f"~~{bound}~~" if result.clipped_fraction else marked(lambda r: r.bound, bound),
        marked(lambda r: r.loss, amount(result.loss)),
        f"{result.loss_over_bound:.3f}",
        marked(lambda r: r.loss, f"{short(100 * result.relative_loss)} %"),
        marked(lambda r: r.clipped_fraction, f"{100 * result.clipped_fraction:.2f} %"),
        f"{result.code_bits} bits",
        f"{result.seconds:.2f} s",
    ]
    return f"| {' | '.join(cell.replace(' ', NBSP) for cell in cells)} |"


def amount(value: float) -> str:
    """Four significant digits, written out: ``11,670`` where `short` has ``1.167e+04``."""
    if 1e4 <= abs(value) < 1e9:
        return f"{float(f'{value:.4g}'):,.0f}"
    return short(value)
