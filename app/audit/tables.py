"""The orders that might explain an audited layer, and what could have been done instead, as tables."""

from typing import TYPE_CHECKING

import streamlit as st

from app.audit.sentences import NEAREST, order_name
from app.figures.audit_ratios import ALTERNATIVE_NAMES
from app.figures.numbers import percent, short
from app.real_layers.order_table import NBSP, amount

if TYPE_CHECKING:
    from lattice_core.layers.audit_results import Alternative, LayerAudit, OrderExplanation

NB_HYPHEN = "\u2011"
ORDER_COLUMNS = {
    "explained": "the share of codes that are the nearest to their centre in this order, after the "
    "layer's own codes before them. One code that differs costs one code.",
    "repeated": "the share of codes that come out again when the layer is quantized anew on the same "
    "grid. One code that differs moves all later ones of its row.",
    "beyond ½": "the share of codes more than half a step from their centre: clipped, if this is the "
    "order they were made in.",
    "bound": "$\\frac14\\sum_j D_j s_j^2$ over all rows; for rounding to nearest "
    "$\\frac14\\sum_{ij}\\lvert\\bar H_{ij}\\rvert s_i s_j$. Struck through where codes are beyond ½.",
    "loss anew": "of the layer quantized anew in this order on the same grid.",
    "÷ loss": "that over the loss of the layer as it came.",
}
WHAT = {
    "min_pivot": "The same scales and grid, rounded in the order min-pivot: a greedy order that "
    "makes $\\sum_j D_j$ small (law L11).",
    "act_order": "The same scales and grid, the most active input first: largest $H_{jj}$.",
    "keep_outliers": "The same scales, and no code clipped. The bound holds. Codes are as wide as the "
    "widest needs.",
    "ssqr": "Codes of the same width; a weight that does not fit is kept aside in 16 bits, with 16 for "
    "its place: 1 % of them. So the scales can be finer (law L19).",
    "spacing": "No grid ends, and a scale for each column, $s_j \\propto 1/\\sqrt{D_j}$, so that all "
    "$D_j s_j^2$ are equal (law L20). Codes are entropy-coded: frequent ones take fewer bits. Bits on "
    "both sides are the entropy of the codes, mean over the columns.",
}


def orders_table(audit: "LayerAudit") -> None:
    """One row for each order and for rounding to nearest, best explanation first."""
    lines = [f"| | {' | '.join(ORDER_COLUMNS)} |", "|---|" + "--:|" * len(ORDER_COLUMNS)]
    lines += [_order_row(audit, each) for each in audit.explanations]
    st.markdown("\n".join(lines))


def order_columns() -> None:
    """What the columns mean."""
    st.markdown("\n".join(f"- **{name}**: {meaning}" for name, meaning in ORDER_COLUMNS.items()))


def alternatives_table(audit: "LayerAudit") -> None:
    """One row for each, with words."""
    lines = ["| instead | loss ÷ this loss | its bits | bits of this |", "|---|--:|--:|--:|"]
    lines += [_alternative_row(other) for other in audit.alternatives]
    st.markdown("\n".join(lines))
    st.caption(
        "Bits a weight: stored, with scales and outliers; for spacing the entropy, without scales. The "
        f"entropy of a column is that of {audit.rows:,} codes; with few, it comes out too small, on both "
        "sides."
    )


def alternatives_words(audit: "LayerAudit") -> None:
    """What each is."""
    tried = {other.name for other in audit.alternatives}
    st.markdown(
        "\n".join(
            f"- **{ALTERNATIVE_NAMES[name]}**: {what if name in tried else _not_tried(name)}"
            for name, what in WHAT.items()
        )
    )
    orders = {other.order for other in audit.alternatives if other.name not in ALTERNATIVE_ORDERS}
    if orders:
        stands_in = (
            ", which stands in, for this layer has no order" if audit.order == NEAREST else ""
        )
        st.caption(f"The last three are run in {order_name(orders.pop())}{stands_in}.")


ALTERNATIVE_ORDERS = ("min_pivot", "act_order")


def _order_row(audit: "LayerAudit", each: "OrderExplanation") -> str:
    bound = amount(each.bound)
    cells = [
        f"**{order_name(each.order)}**" if each is audit.best else order_name(each.order),
        percent(each.step_share),
        percent(each.share),
        percent(each.clipped_fraction),
        bound if each.bound_holds else f"~~{bound}~~",
        amount(each.loss),
        f"{each.loss / audit.loss:.3f}" if audit.loss > 0 else "1",
    ]
    return f"| {' | '.join(cell.replace(' ', NBSP) for cell in cells)} |"


def _alternative_row(other: "Alternative") -> str:
    cells = [
        ALTERNATIVE_NAMES[other.name].replace("-", NB_HYPHEN, 1),
        f"**{short(other.ratio)}**",
        f"{other.bits:.2f}",
        f"{other.audited_bits:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _not_tried(name: str) -> str:
    if name == "ssqr":
        return "could not be run here: codes of more than 8 bits, or an outlier beyond float16."
    return "could not be run here: the codes have no entropy, they are all alike."
