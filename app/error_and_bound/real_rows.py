"""Histograms of the rows of real layers, as recorded."""

import numpy as np
import streamlit as st

from app.chart import chart
from app.figures.bound_bars import percent
from app.figures.share_histogram import row_histogram
from app.order_names import ORDER_NAMES
from lattice_core.recorded_row_shares import LayerRowShares, recorded_row_shares


def real_rows() -> None:
    """Loss over bound of the rows of two layers, every code kept and clipped."""
    recorded = recorded_row_shares()
    st.subheader("The rows of a real layer", anchor="real")
    st.markdown(
        "Each row of a weight matrix is a target in a lattice with hundreds of dimensions. "
        f":blue-badge[:material/history: real, recorded {recorded.date}]"
    )
    for layer in recorded.layers:
        st.markdown(
            f"**`{layer.layer}`**, {len(layer.kept)} rows of {layer.columns:,} weights",
        )
        kept, clipped = st.columns(2, gap="large")
        with kept:
            st.markdown("Every code kept: the bound holds")
            _rows_figure(layer, layer.kept, np.zeros(len(layer.kept), dtype=bool), "kept")
        with clipped:
            st.markdown(f"Codes clipped to {recorded.bits} bits: the bound is void")
            _rows_figure(layer, layer.clipped, layer.clipped_fraction > 0, "clipped")
    st.markdown(
        "Kept, the rows crowd near a third: a sum of hundreds of steps strays little from its mean. "
        "No theorem says that real weights are spread evenly over the box. **For them L7 is a "
        "measurement.** Clipped, a few codes in a hundred are enough to void most rows' bounds; what "
        "is said below each histogram is counted."
    )
    st.caption(
        f"Model: {recorded.model}. Text: the first {recorded.tokens:,} tokens of {recorded.text}. "
        f"GPTQ, {recorded.bits} bits, groups of {recorded.group_size}, {recorded.scale_rule} scales, "
        f"{ORDER_NAMES[recorded.order].name}, damping {recorded.damping:g}. Recorded with `{recorded.command}`. "
        "The page *Real layers* measures any layer here and now."
    )


def _rows_figure(layer: LayerRowShares, shares: np.ndarray, void: np.ndarray, kind: str) -> None:
    chart(
        row_histogram,
        shares,
        void,
        key=f"rows_{layer.layer}_{kind}",
        alt=f"Histogram of loss over bound of the rows of {layer.layer}, codes {kind}. "
        f"Mean {shares.mean():.3f}.",
    )
    beyond = int(np.count_nonzero(shares > 1)) or "none"
    text = f"Mean {shares.mean():.3f}, from {shares.min():.3f} to {shares.max():.3f}."
    if void.any():
        text += (
            f" Of all codes {percent(float(layer.clipped_fraction.mean()))} are clipped, some in "
            f"{percent(float(void.mean()))} of the rows: their bound is void, and {beyond} of them exceed it."
        )
    st.caption(text)
