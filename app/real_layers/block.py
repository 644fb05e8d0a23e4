"""Waiting for a block: its Hessians are gathered in the background, with progress and cancel."""

import streamlit as st

from app.real_layers import work
from app.real_layers.choice import LayerChoice

POLL_SECONDS = 0.5


def with_block(choice: LayerChoice, calibration: work.Calibration) -> work.BlockData | None:
    """The block's data; ``None`` while the page offers to gather it, waits for it or says why not.

    What the page opens with is gathered unasked; anything else waits for a press of the button.
    """
    job = work.block_job(choice.block, calibration)
    if job is None and "real_layers_opened" not in st.session_state:
        job = work.start_block(choice.block, calibration)
    st.session_state.real_layers_opened = True
    if job is None:
        _offer(choice, calibration, "Compute", "The inputs of this block are not gathered yet.")
    elif job.active:
        _wait(choice, calibration)
    elif job.state == "cancelled":
        _offer(choice, calibration, "Compute", "This was cancelled. Nothing else is lost.")
    elif job.state == "failed":
        st.error(job.error, icon=":material/error:")
        why = "Other blocks that were computed are still there."
        _offer(choice, calibration, "Try again", why)
    return job.result if job is not None and job.state == "done" else None


def _offer(choice: LayerChoice, calibration: work.Calibration, label: str, why: str) -> None:
    st.markdown(
        f"{why} {choice.tokens:,} tokens of text must run through the model, "
        f"{'into' if choice.block == 0 else 'up to'} block {choice.block}. "
        "That takes a second or two for the first blocks and up to a minute for the last. "
        "It is done once for everybody."
    )
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        on_click=work.start_block,
        args=(choice.block, calibration),
    )


@st.fragment(run_every=POLL_SECONDS)
def _wait(choice: LayerChoice, calibration: work.Calibration) -> None:
    job = work.block_job(choice.block, calibration)
    if job is None or not job.active:
        st.rerun()
    seen = job.progress
    text = seen.message
    if seen.total:
        text += f" {seen.done:,} of {seen.total:,} tokens."
    if seen.seconds_left is not None:
        text += f" About {seen.seconds_left:.0f} s left."
    with st.container(border=True, key="job"):
        st.progress(seen.done / seen.total if seen.total else 0.0, text=text)
        st.button("Cancel", icon=":material/close:", on_click=job.cancel)
        st.caption(
            "You may go to another page meanwhile. Everyone who asks for this block waits for the "
            "same work, and Cancel stops it for all."
        )
