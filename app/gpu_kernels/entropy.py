"""What it costs to read entropy-coded weights, recorded or measured here."""

import streamlit as st

from app import cached
from app.figures.numbers import short

LAYERS = {"SmolLM2-135M": 106_168_320, "a model of 7 billion weights": 7_000_000_000}


def entropy_section() -> None:
    """Why HPTQ has no kernel here, with numbers."""
    from kernels.benchmark.entropy_decoding import EntropyDecoding

    st.subheader("Codes without a limit", anchor="entropy")
    st.markdown(
        "HPTQ lets codes be any integer and stores them with an entropy code: frequent numbers get "
        "few bits. Where a number begins depends on all before it, so one long stream must be read from "
        "its start. Cut into many short streams it can be read in parallel, and some projects do so while "
        "the model runs. Here it is **decoded when the model is loaded**, into one byte a weight: smaller "
        "on disk, not faster to run. In the kernels above, a decoder would take the place of the two "
        "functions that make numbers from words "
        "(`float_codes` and `joined_codes` in `kernels/unpacking.py`)."
    )
    here: list[EntropyDecoding] = st.session_state.get("entropy_here", [])
    run = next((r for r in cached.recorded_kernel_runs().values() if r.entropy_decodings), None)
    decodings = here or (list(run.entropy_decodings) if run else [])
    if decodings:
        _table(decodings)
        where = (
            "Measured here just now, on one core."
            if here or run is None
            else f"**Recorded on {run.date[:10]}** on one core of {run.machine.device}, "
            f"by `{run.command}`."
        )
        st.caption(f"{where} Asymmetric numeral systems, one table for all codes of a layer.")
    if st.button("Measure here (about a second)", icon=":material/timer:", key="entropy_measure"):
        _measure()


def _measure() -> None:
    from kernels.benchmark.entropy_decoding import measure_decoding

    try:
        with st.spinner("Writing and reading a weight of 2048 × 2048, three times."):
            st.session_state.entropy_here = list(measure_decoding(side=2048))
    except ValueError as error:
        st.error(str(error), icon=":material/error:")
        return
    st.rerun()


def _table(decodings: list) -> None:
    heads = [f"to load {name}" for name in LAYERS]
    lines = [
        f"| {found.entropy:.2f} bits | {found.stored_bits:.2f} bits | "
        f"{found.weights_per_second / 1e6:,.0f} million/s | "
        + " | ".join(_duration(count / found.weights_per_second) for count in LAYERS.values())
        + " |"
        for found in decodings
    ]
    st.markdown(
        f"| entropy of the codes | stored | decoded | {' | '.join(heads)} |\n"
        f"|--:|--:|--:|--:|--:|\n" + "\n".join(lines)
    )


def _duration(seconds: float) -> str:
    return f"{short(seconds)} s" if seconds < 90 else f"{seconds / 60:.1f} min"
