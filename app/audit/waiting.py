"""Waiting for an audit and what it needs: started unasked, with progress and cancel."""

from collections.abc import Sequence

import streamlit as st

from app.audit.work import Found, Stage
from app.background_job import Job
from app.progress_box import progress_box
from app.shared_problem import plain

POLL_SECONDS = 0.5


def when_done(stages: Sequence[Stage]) -> Found | None:
    """The result of the last stage; ``None`` while the page waits for one or says why not."""
    found = None
    for stage in stages:
        job = stage.job or stage.start()
        if job.active:
            _wait(stages)
            return None
        if job.state != "done":
            _offer(stage, job)
            return None
        found = job.result
    return found


def _offer(stage: Stage, job: Job) -> None:
    if job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
    else:
        st.markdown("This was cancelled. Nothing else is lost.")
    st.button(
        "Try again" if job.state == "failed" else "Audit",
        type="secondary" if job.state == "failed" else "primary",
        icon=":material/play_arrow:",
        key=f"audit_start_{hash(stage.key)}",
        on_click=stage.start,
    )


@st.fragment(run_every=POLL_SECONDS)
def _wait(stages: Sequence[Stage]) -> None:
    jobs = [stage.job for stage in stages]
    active = [job for job in jobs if job is not None and job.active]
    if not active:
        st.rerun()
    progress_box(
        active[0].progress,
        "tokens",
        active[0].cancel,
        "You may go to another page meanwhile. Cancel does not wait; what is being computed is "
        "finished in the background, and then dropped.",
    )
