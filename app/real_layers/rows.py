"""The rows of a layer, one by one: how much of its bound each uses."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app.figures.share_histogram import row_histogram
from app.order_names import ORDER_NAMES
from app.real_layers import work
from app.real_layers.choice import LayerChoice
from app.real_layers.controls import select
from app.shared_problem import shows
from lattice_core.inputs import FloatArray

if TYPE_CHECKING:
    from lattice_core.layers.order_results import OrderComparison


def rows_of(choice: LayerChoice, data: work.BlockData, compared: "OrderComparison") -> None:
    """Two histograms in one order: every code kept, and codes clipped."""
    st.subheader("Row by row", anchor="rows")
    st.markdown(
        "Each row of the weight matrix is a target of its own, with a bound of its own. "
        ":blue-badge[:material/bolt: real rows, computed now]"
    )
    if shows("controls"):
        select("order")
    order = compared.best("keep").order if choice.order == "best" else choice.order
    shares = work.row_shares(choice, data, order)
    name = ORDER_NAMES[order].name
    kept, clipped = st.columns(2, gap="large")
    with kept:
        st.markdown(f"**Every code kept**, {name}")
        _histogram(shares.kept, np.zeros(len(shares.kept), dtype=bool), "kept")
        st.caption(
            f"{_range(shares.kept)} No row can pass 1 (law L6). That they crowd near a third is "
            "measured, not proved."
        )
    with clipped:
        st.markdown(f"**Clipped to {compared.bits} bits**, {name}")
        void = shares.clipped_fraction > 0
        _histogram(shares.clipped, void, "clipped")
        told = "No code is clipped, so the bound holds."
        if void.any():
            told = (
                f"In {np.count_nonzero(void):,} of {len(void):,} rows a code is clipped: their "
                f"bound is **void** (law L9), and {np.count_nonzero(shares.clipped > 1):,} pass it."
            )
        st.caption(f"{_range(shares.clipped)} {told}")


def _histogram(shares: FloatArray, void: np.ndarray, kind: str) -> None:
    st.plotly_chart(
        row_histogram(shares, void),
        key=f"rows_{kind}",
        alt=f"Histogram of loss over bound of the layer's rows, codes {kind}. {_range(shares)}",
    )


def _range(shares: FloatArray) -> str:
    return f"Mean over rows {shares.mean():.3f}, from {shares.min():.3f} to {shares.max():.3f}."
