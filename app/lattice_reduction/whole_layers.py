"""LLL and BKZ on whole real layers, as recorded."""

import streamlit as st

from app.cached import recorded_real_reduction
from lattice_core.recorded_reduction import RecordedReduction


def whole_layers() -> None:
    """One row a layer, and why this does not run here."""
    record = recorded_real_reduction()
    with st.expander("BKZ on whole layers, recorded", icon=":material/science:"):
        st.markdown(
            f"All {record.layers[0].columns} inputs of nine layers, sorted by min-pivot, then LLL with "
            f"δ = {record.delta:g}, then BKZ with blocks of {record.block_size}, at most "
            f"{record.max_tours} tours. $\\sum_j D_j$ as a share of min-pivot's:"
        )
        st.markdown(whole_layers_table(record))
        st.caption(
            f"{record.model}, {record.tokens:,} tokens, {100 * record.damping:g} % damping. Recorded "
            f"{record.date} with `{record.command}`. It is not run live: a tour takes seconds on so many "
            "inputs, in which fpylll lets nothing else run on this server."
        )


def whole_layers_table(record: RecordedReduction) -> str:
    """Markdown."""
    lines = [
        "| layer | after LLL | after BKZ | swaps of LLL | vectors put in by BKZ | seconds |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for layer in record.layers:
        lines.append(
            f"| {layer.layer.removeprefix('model.layers.')} | {layer.lll / layer.min_pivot:.5f} | "
            f"{layer.bkz / layer.min_pivot:.5f} | {layer.lll_swaps} | {layer.bkz_insertions} | "
            f"{layer.seconds:.1f} |"
        )
    return "\n".join(lines)
