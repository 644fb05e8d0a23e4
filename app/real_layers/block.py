"""Waiting for a block: its Hessians are gathered in the background, with progress and cancel."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import streamlit as st

from app.background_job import Job
from app.progress_box import progress_box
from app.real_layers import work
from app.real_layers.choice import LayerChoice
from app.shared_problem import plain

POLL_SECONDS = 0.5


def with_block(choice: LayerChoice, calibration: work.Calibration) -> work.BlockData | None:
    """The block's data; ``None`` while the page offers to gather it, waits for it or says why not.

    What the page opens with is gathered unasked; anything else waits for a press of the button.
    """
    if choice == st.session_state.opened_with and not work.block_job(choice.block, calibration):
        work.start_block(choice.block, calibration)
    data = with_blocks(choice, {"": calibration})
    return None if data is None else data[""]


def with_blocks(
    choice: LayerChoice, calibrations: Mapping[str, work.Calibration]
) -> dict[str, work.BlockData] | None:
    """The block's data for each calibration, by name; ``None`` unless all are there."""
    jobs = {name: work.block_job(choice.block, each) for name, each in calibrations.items()}
    if any(job is not None and job.active for job in jobs.values()):
        _wait(choice, calibrations)
        return None
    data = {name: job.result for name, job in jobs.items() if job and job.state == "done"}
    if len(data) == len(jobs):
        return data
    for name, job in jobs.items():
        if job and job.state == "failed":
            text = f"**{name}**: {plain(job.error)}" if name else plain(job.error)
            st.error(text, icon=":material/error:")
    _offer(choice, {name: each for name, each in calibrations.items() if name not in data}, jobs)
    return None


def _offer(
    choice: LayerChoice,
    missing: Mapping[str, work.Calibration],
    jobs: Mapping[str, Job | None],
) -> None:
    states = {job.state for job in jobs.values() if job}
    if "failed" in states:
        why = "Everything that was computed before is still there."
    elif "cancelled" in states:
        why = "This was cancelled. Nothing else is lost."
    else:
        why = "The inputs of this block are not gathered yet."
    of = f"each of {_names(missing)}" if len(missing) > 1 else next(iter(missing)) or "text"
    st.markdown(
        f"{why} {choice.tokens:,} tokens of {of} must run through the model, "
        f"{'into' if choice.block == 0 else 'up to'} block {choice.block}. "
        "That takes a second or two for the first blocks and up to a minute for the last"
        f"{', for each of them' if len(missing) > 1 else ''}. It is done once for everybody."
    )
    st.button(
        "Try again" if "failed" in states else "Compute",
        icon=":material/play_arrow:",
        on_click=_start,
        args=(choice.block, missing),
    )


def _start(block: int, calibrations: Mapping[str, work.Calibration]) -> None:
    for calibration in calibrations.values():
        work.start_block(block, calibration)


@st.fragment(run_every=POLL_SECONDS)
def _wait(choice: LayerChoice, calibrations: Mapping[str, work.Calibration]) -> None:
    jobs = {name: work.block_job(choice.block, each) for name, each in calibrations.items()}
    active = {name: job for name, job in jobs.items() if job and job.active}
    if not active:
        st.rerun()
    name, job = next(
        ((name, job) for name, job in active.items() if job.state == "running"),
        next(iter(active.items())),
    )
    seen = job.progress
    finished = len(jobs) - len(active) + (seen.done / seen.total if seen.total else 0.0)
    progress_box(
        replace(seen, message=f"{name}: {seen.message}") if name else seen,
        "tokens",
        partial(_cancel, list(active.values())),
        f"{f'Then {len(active) - 1} more. ' if len(active) > 1 else ''}"
        "You may go to another page meanwhile. Everyone who asks for this block waits for the same "
        "work, and Cancel stops it for all.",
        fraction=finished / len(jobs),
    )


def _cancel(jobs: list[Job]) -> None:
    for job in jobs:
        job.cancel()


def _names(named: Mapping[str, object]) -> str:
    """``A``, ``A and B``, ``A, B and C``."""
    *first, last = named
    return f"{', '.join(first)} and {last}" if first else last
