"""Beneath the cloud: one question about the orders to a tab."""

import numpy as np
import streamlit as st

from app import shared_problem
from app.cached import min_pivot_measured
from app.chart import chart
from app.figures.edge_bars import edges_figure
from app.figures.numbers import short
from app.figures.order_cloud import cloud_figure
from app.order_names import ORDER_NAMES
from app.quantization_order.all_orders import (
    AllOrders,
    clipping_sentence,
    clipping_table,
    named_table,
    study_table,
)
from lattice_core import Problem

SIZES = (2, 3, 4, 5, 6)
DRAWS = 4000


def order_details(problem: Problem, orders: AllOrders) -> None:
    """The named orders, the measured misses of min-pivot, the defect, and clipping; a tab each."""
    boxes, greedy, defect, clipping = st.tabs(
        ["Four boxes", "Is greedy best?", "Defect", "Clipping"]
    )
    with boxes:
        _boxes(problem, orders)
    with greedy:
        _greedy(problem)
    with defect:
        _defect(problem, orders)
    with clipping:
        _clipping(problem, orders)


def _boxes(problem: Problem, orders: AllOrders) -> None:
    chart(
        edges_figure,
        orders.kept,
        orders.named,
        orders.floor,
        key="edges",
        alt="The squared edges of the box of each named order, end to end, beside the floor.",
    )
    st.markdown(named_table(orders, problem.order))
    st.caption(
        "The product of the edges is the same in every row, so their sum is least when all are equal: "
        "the dashed line, the **floor** (law L10). Losses with every code kept. Bold: the order chosen "
        "above."
    )
    with st.expander("What the names mean", icon=":material/sort:"):
        st.markdown("\n".join(f"- **{o.name}**: {o.rule}" for o in ORDER_NAMES.values()))
        if np.ptp(problem.scales):
            st.markdown(
                "The names look at the inputs alone, so that all rows of a layer share one order. The "
                "grid spacings of this row are unequal and enter only the bound."
            )


def _greedy(problem: Problem) -> None:
    st.markdown(
        "Min-pivot looks one step ahead. With two inputs of equal spacing that is enough: to take the "
        "shorter first, and so to round it last, is best. From three on, a short arrow taken now may leave a long "
        "one for later. "
        "How often does another order have a smaller $\\sum_j D_j$?"
    )
    st.markdown(study_table([min_pivot_measured(size, DRAWS) for size in SIZES], problem.size))
    st.caption(
        f"A measurement, not a theorem: {DRAWS:,} random Hessians of each size, computed now (seed 0), "
        "against all orders. $H = X^\\top X$ with Gaussian $X$, as many samples as inputs, no damping. "
        "With more samples, so nearer to independent inputs, it misses less often. Bold: as many inputs "
        "as above."
    )


def _defect(problem: Problem, orders: AllOrders) -> None:
    kept = orders.kept
    st.markdown(
        "The **orthogonality defect** compares the lengths of the basis vectors with the volume "
        "they span. It is 1 for vectors at right angles, and never less. It knows nothing of any order."
    )
    st.latex(
        rf"\frac{{\prod_j \lVert b_j \rVert}}{{\sqrt{{\det B^\top B}}}} = "
        rf"{problem.lattice.orthogonality_defect:.4g}"
    )
    st.markdown(
        "| | limit below | least of all orders | largest of all orders | limit above |\n"
        "|---|--:|--:|--:|--:|\n"
        f"| bound | {short(orders.floor)} | {short(kept.bounds.min())} | {short(kept.bounds.max())} | "
        f"{short(orders.ceiling)} |\n"
        f"| loss | 0 | {short(kept.losses.min())} | {short(kept.losses.max())} | the order's bound |"
    )
    st.caption(
        "Projecting only shortens, so no edge is longer than its $b_j$: the limit above is "
        "$\\frac14\\sum_j\\lVert b_j\\rVert^2$. The limit below is the floor. With vectors of one length "
        "the two limits differ by the factor $\\text{defect}^{2/c}$, so a small defect leaves the order little to "
        "change. A large one only leaves it room: it does not say which order is good, nor how large "
        "the loss of one target is."
    )


def _clipping(problem: Problem, orders: AllOrders) -> None:
    if orders.clipped is None:
        st.markdown("So far every integer is allowed. A real format has $b$ bits.")
        st.button("Clip to 2 bits", on_click=shared_problem.change, kwargs={"bits": 2})
        return
    st.markdown(
        "The bound counts on the code that nearest plane wants. Where the grid has no such code, the "
        "error leaves the box. So the order with the smaller bound may have the larger loss (law L17, a "
        f"measurement). {clipping_sentence(orders, orders.clipped)}"
    )
    st.markdown(clipping_table(orders, orders.clipped, problem.order))
    chart(
        cloud_figure,
        orders.clipped,
        orders.named,
        orders.floor,
        key="clipped_cloud",
        alt="Every order as a point, its bound across and its loss on the grid upwards. "
        "Orders that clip may lie above the line where the loss is the bound.",
    )
    st.caption(
        "Why order and clipping meet: a weight far out on its grid is clipped, and its error is pushed "
        "to those not yet rounded. First in the order it can still be made good; last it cannot."
    )
