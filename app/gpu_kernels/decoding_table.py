"""Tokens per second of whole models, as a run recorded them."""

from typing import TYPE_CHECKING

import streamlit as st

if TYPE_CHECKING:
    from kernels.benchmark.record import Run


def decodings(run: "Run") -> None:
    """A line for each model and kind of layers, a column for each number of texts."""
    if not run.decodings:
        st.markdown("This run has no whole models.")
        return
    batches = sorted({found.batch for found in run.decodings})
    kinds = dict.fromkeys((f.model, f.layers, f.layer_bytes, f.weights) for f in run.decodings)
    lines = []
    for kind in kinds:
        model, layers, size, _ = kind
        speeds = {
            f.batch: f.tokens_per_second
            for f in run.decodings
            if (f.model, f.layers, f.layer_bytes, f.weights) == kind
        }
        cells = " | ".join(f"{speeds[m]:,.1f}" if m in speeds else "" for m in batches)
        lines.append(f"| {model} | {layers} | {size / 1e6:,.0f} MB | {cells} |")
    heads = " | ".join(f"tokens/s, {m} text{'s' if m > 1 else ''}" for m in batches)
    st.markdown(
        f"| model | linear layers | their size | {heads} |\n|---|---|--:|{'--:|' * len(batches)}\n"
        + "\n".join(lines)
    )
    random = sorted({f.model for f in run.decodings if f.weights == "random"})
    st.caption(
        "Tokens of all texts together, generated after a prompt. A model gains less than one large "
        "layer: the fixed cost of a call counts for its small layers, and attention, the embedding and "
        "the last layer stay in 16 or 32 bits. The weights were rounded to the nearest code for this: "
        "that changes what is written, not how fast."
        + (f" {' and '.join(random)}: random weights of that shape." if random else "")
    )
