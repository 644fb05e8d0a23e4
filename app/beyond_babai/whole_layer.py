"""K-best on a whole layer, here and now: a button, its progress, what it found."""

import streamlit as st

from app.background_job import Job
from app.beyond_babai.layer_job import SIZE, layer_job, start_layer
from app.figures.numbers import percent
from app.lesson_options import chosen
from app.machine import torch_is_missing
from app.progress_box import progress_box
from app.shared_problem import plain, shows

POLL_SECONDS = 0.5


def whole_layer() -> None:
    """Run it with the K chosen above."""
    st.markdown(f"**Here and now: a whole layer of {SIZE} × {SIZE} weights**")
    if missing := torch_is_missing():
        st.info(missing, icon=":material/info:")
        return
    k = int(chosen("beam"))
    job = layer_job(k)
    if job is not None and job.active:
        _wait(k)
        return
    if job is not None and job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
    elif job is not None and job.parts:
        st.markdown(_found(job, k))
    if shows("controls") and (job is None or job.state != "done"):
        st.button(
            f"Run K-best, K = {k}",
            icon=":material/play_arrow:",
            key="start_layer",
            on_click=start_layer,
            args=(k,),
        )
    st.caption(
        "Made-up weights and correlated inputs, 4 bits, groups of 64, act-order, codes kept. K is the choice above "
        "the tree; each partial code offers its two nearest integers. It can be cancelled after every few rows."
    )


@st.fragment(run_every=POLL_SECONDS)
def _wait(k: int) -> None:
    job = layer_job(k)
    if job is None or not job.active:
        st.rerun()
    progress_box(
        job.progress,
        "rows",
        job.cancel,
        "You may go on with the page meanwhile. What is done when you cancel is kept.",
    )


def _found(job: Job, k: int) -> str:
    rows, better = (sum(getattr(part, name) for part in job.parts) for name in ("rows", "better"))
    babai, found, seconds = (
        sum(getattr(part, name) for part in job.parts) for name in ("babai", "found", "seconds")
    )
    end = "" if job.state == "done" else f" Cancelled after {rows} of {SIZE} rows."
    return (
        f"With **K = {k}** the loss of {rows} rows is **{percent(1 - found / babai)}** below nearest plane's; "
        f"{better} rows have better codes. It took **{seconds:.1f} s**, beside whatever else ran.{end}"
    )
