"""The third way, a spacing for each column (law L20), and what all ways cost (law L21)."""

import numpy as np
import streamlit as st

from app.chart import chart
from app.figures.numbers import percent, short, symbol
from app.figures.plane import NBSP
from app.figures.spacing import edge_bars, edge_profile, rate_loss_figure
from app.figures.study_marks import NAMES
from app.lesson_options import chosen
from app.shared_problem import shows
from app.without_clipping.recorded import layer_on_show, layer_title
from lattice_core import SCALAR_LATTICE_GAP, Problem, gram_schmidt_lengths, pivots
from lattice_core.clipping_laws import spacings_by_pivots
from lattice_core.recorded_clipping_study import LayerClipping, excess_rate
from lattice_core.rotation import common_scale


def spaced_columns(problem: Problem) -> None:
    """Edges before and after, on the problem and on the layer."""
    st.subheader("Third way: space the columns", anchor="spacing")
    st.markdown(
        "Once codes have no limit, nothing forces one scale on all columns. The planes of column $j$ are an edge "
        "$s_j R_{jj}$ of the box apart, $R_{jj} = \\sqrt{D_j}$. **WaterSIC** chooses $s_j \\propto 1/R_{jj}$. **To "
        "the lattice:** the "
        "box becomes a cube, and its bound is the floor that no order could reach (law L10). "
        "**To quantization:** columns that matter are rounded finely, others coarsely. With HPTQ's one scale "
        "the same loss costs $\\frac12 \\log_2(\\text{mean } D / \\text{geometric mean } D)$ bits a weight more, as "
        "long as bits are many."
    )
    layer = layer_on_show()
    small, real = st.columns(2, gap="large")
    with small:
        _small(problem)
    with real:
        st.markdown(f"**A real layer** ({layer_title(layer)}): {layer.columns:,} columns")
        chart(
            edge_profile,
            layer.edges,
            layer.spaced_edges,
            key=f"edges_{layer.layer}",
            alt=f"Squared edges of {layer.columns} columns. With one scale from {short(float(layer.edges.max()))} "
            f"down to {short(float(layer.edges.min()))} of their geometric mean; spaced, all near 1.",
        )
        st.caption(
            f"One scale wastes **{layer.excess_rate:.3f} bits a weight**. Spacings are stored in eighths of an "
            f"octave, a few bits a column, so the edges stay within {percent(_spread(layer))} of equal."
        )


def _spread(layer: LayerClipping) -> float:
    return float(np.abs(layer.spaced_edges - 1).max())


def _small(problem: Problem) -> None:
    order = problem.order_indices
    before, after = (
        gram_schmidt_lengths(problem.damped_hessian, spacings, order)[order] ** 2
        for spacings in (common_scale(problem), spacings_by_pivots(problem))
    )
    wasted = excess_rate(pivots(problem.damped_hessian, order))
    st.markdown("**The small problem above**: squared edges $D_j s_j^2$ in the order of rounding")
    chart(
        edge_bars,
        before,
        after,
        [symbol("w", int(j)) for j in order],
        "squared edge, same product",
        key="small_edges",
        alt=f"Squared edges with one scale {', '.join(map(short, before))}; spaced {', '.join(map(short, after))}.",
    )
    st.caption(
        f"Sum with one scale {short(float(before.sum()))}, spaced {short(float(after.sum()))}: the product is the "
        f"same, and a sum is least when all are equal. One scale wastes **{wasted:.3f} bits a weight**."
    )


def rate_and_loss() -> None:
    """Every method's loss against its stored bits, over the Gaussian reference."""
    layer, bits = layer_on_show(), int(chosen("kept_bits"))
    st.subheader("How far from the limit?", anchor="limit")
    st.markdown(
        "How few bits could any method need for a given loss? For weights drawn from a Gaussian, rate–distortion "
        "theory answers by **reverse water-filling** (L21): directions in which a weight hardly matters get no bits, "
        "all others are off by the same. Real weights are no Gaussian draws. So this is **a reference, not a law of "
        "this layer**, and a method may lie below it. Rounding to integers with an ideal coder stands "
        f"{SCALAR_LATTICE_GAP:.3f} bits above it when bits are many, for its box is at best a cube, and a ball "
        "would be best."
    )
    picture, numbers = st.columns([3, 2], gap="large")
    with picture:
        chart(
            rate_loss_figure,
            layer,
            bits,
            key=f"rate_loss_{layer.layer}_{bits}",
            alt=f"Relative loss against stored bits for six methods on {layer_title(layer)}, over the Gaussian "
            "reference. Nearest first: "
            + ", ".join(NAMES[r.method] for r in _ranked(layer, bits))
            + ".",
        )
        st.caption(f"{layer_title(layer).capitalize()}. Filled: the size on show.")
    with numbers:
        if shows("numbers"):
            _distances(layer, bits)


def _ranked(layer: LayerClipping, bits: int):  # type: ignore[no-untyped-def]
    return sorted((run for run in layer.runs if run.bits == bits), key=layer.distance)


def _share(share: float) -> str:
    return percent(share).replace(" ", NBSP)


def _distances(layer: LayerClipping, bits: int) -> None:
    rows = ["| method | bits | loss | above L21 | clipped |", "|:--|--:|--:|--:|--:|"]
    for run in _ranked(layer, bits):
        rows.append(
            f"| {NAMES[run.method]} | {run.bits_per_weight:.2f} | {_share(run.relative_loss)} | "
            f"{short(round(layer.distance(run), 3))} | {_share(run.clipped_fraction)} |"
        )
    st.markdown("\n".join(rows))
    st.caption(
        "*Loss*: relative to the layer's output. *Above L21*: stored bits less those of the reference at the same "
        "loss; negative is below it. *Clipped*: where it is not 0 the method's bound is void. All are measurements."
    )
