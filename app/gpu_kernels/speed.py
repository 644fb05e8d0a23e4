"""The view *How fast*: what this machine has, products timed here, and recorded runs."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import streamlit as st

from app import cached, lesson
from app.background_job import Job
from app.figures.batch_ratio import batch_ratio
from app.figures.roofline import Point, roofline
from app.gpu_kernels.choice import KernelChoice
from app.gpu_kernels.controls import shape_title
from app.gpu_kernels.decoding_table import decodings
from app.gpu_kernels.machine_card import machine_card
from app.gpu_kernels.speed_job import (
    device,
    forget_speed,
    group_size,
    results,
    skipped,
    speed_job,
    start_speed,
    too_large,
)
from app.gpu_kernels.speed_table import sentences, speed_downloads, speed_table
from app.laboratory_snippets import kernel_benchmark_snippet
from app.progress_box import progress_box
from app.shared_problem import plain, shows

if TYPE_CHECKING:
    from kernels.benchmark.compare import Results
    from kernels.benchmark.record import Run

POLL_SECONDS = 0.7
HERE = "here"
RECORD = "python -m kernels.benchmark --record"


@dataclass(frozen=True, eq=False)
class Shown:
    """What is on show: results of one machine, and where they are from."""

    results: "Results"
    run: "Run | None" = None


def speed(choice: KernelChoice) -> None:
    """The machine, the products, the models."""
    machine_card()
    st.subheader(f"One layer: {shape_title(choice.shape)}", anchor="products")
    job = speed_job(choice)
    runs = cached.recorded_kernel_runs()
    source = _source(runs, job)
    if source == HERE:
        _measure_here(choice, job)
    shown = _shown(choice, source, job, runs)
    if shown is not None:
        _results(choice, shown)
    _models(runs.get(source))
    lesson.code(kernel_benchmark_snippet(choice))
    lesson.sources(
        {"C": "SSQR's kernel, about twice as fast as 16 bits end to end on an RTX A6000."}
    )


def _source(runs: "dict[str, Run]", job: Job | None) -> str:
    """This machine, or a recorded run."""
    options = [HERE, *runs]
    return st.radio(
        "Numbers of",
        options,
        index=0 if job is not None or not runs else 1,
        format_func=lambda name: "this machine, now" if name == HERE else _run_title(runs[name]),
        horizontal=True,
        key="speed_source",
    )


def _run_title(run: "Run") -> str:
    kind = "" if run.machine.kind == "cuda" else f", {run.machine.cores} cores, no GPU"
    return f"recorded {run.date[:10]}: {run.machine.device}{kind}"


def _measure_here(choice: KernelChoice, job: Job | None) -> None:
    if job is not None and job.active:
        _progress(choice)
        return
    if too_large(choice):
        st.info(
            "This layer is timed on GPUs only: on a processor it takes gigabytes and minutes. "
            "Choose a smaller one, or a recorded run.",
            icon=":material/memory:",
        )
        return
    if job is not None and job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
    if job is not None and job.state == "cancelled":
        st.markdown(f"This was cancelled{'; what was measured is kept' if job.parts else ''}.")
    again = "Measure again" if job is not None and job.state == "done" else "Measure here"
    st.button(
        again,
        icon=":material/timer:",
        on_click=_start,
        args=(choice,),
    )
    if job is None:
        st.markdown(
            "Products of this layer with 1 to 64 rows of x are timed against 16-bit weights, in the "
            "background. That takes "
            f"{'some seconds' if device().type == 'cpu' else 'some seconds, more the first time'}."
        )


def _start(choice: KernelChoice) -> None:
    forget_speed(choice)
    start_speed(choice)


@st.fragment(run_every=POLL_SECONDS)
def _progress(choice: KernelChoice) -> None:
    job = speed_job(choice)
    if job is None or not job.active:
        st.rerun()
    progress_box(
        job.progress,
        "products",
        job.cancel,
        "You may go to another page meanwhile; but what others compute on this machine slows these "
        "products down.",
    )


def _shown(
    choice: KernelChoice, source: str, job: Job | None, runs: "dict[str, Run]"
) -> Shown | None:
    case = (*choice.columns_and_rows, choice.bits, choice.outliers, group_size(choice))
    if source == HERE:
        if job is None or job.active or not job.parts:
            return None
        found = results(job).of_case(*case)
        for name, reason in {(s.contender, s.reason) for s in skipped(job)}:
            st.caption(f"{name} did not run: {plain(reason)}.")
        return Shown(found) if found.measurements else None
    run = runs[source]
    found = run.results.of_case(*case)
    if not list(found.ours):
        st.info(_not_recorded(choice, run), icon=":material/search_off:")
        return None
    st.info(
        f"**Recorded on {run.date[:16].replace('T', ' ')} UTC**, not measured here, with `{run.command}` on "
        f"{run.machine.device}, {run.machine.cores} "
        f"{'multiprocessors' if run.machine.kind == 'cuda' else 'cores, no GPU'}, torch "
        f"{run.machine.versions.get('torch', '?')}. Commit {run.commit}.",
        icon=":material/history:",
    )
    return Shown(found, run)


def _not_recorded(choice: KernelChoice, run: "Run") -> str:
    """What the run lacks, and what to do."""
    shapes = {(m.columns, m.rows) for m in run.results.measurements}
    groups = sorted({m.group_size for m in run.results.ours})
    if choice.columns_and_rows not in shapes:
        lacks = f"the layer {shape_title(choice.shape)}"
    elif group_size(choice) not in groups:
        has = ", ".join(map(str, groups))
        lacks = f"groups of {choice.group or 'a whole row'}, only of {has}"
    else:
        lacks = f"{choice.bits} bits with {100 * choice.outliers:g} % outliers"
    here = "." if too_large(choice) else ", or measure it here."
    return f"The recorded run does not have {lacks}. Choose another case{here}"


def _results(choice: KernelChoice, shown: Shown) -> None:
    found = shown.results
    st.markdown("\n".join(f"- {sentence}" for sentence in sentences(found)))
    ratios, bytes_and_time = st.columns(2, gap="large")
    with ratios:
        st.markdown("**The gain, and what it loses with more rows**")
        st.plotly_chart(
            batch_ratio(found.ratios(), found.limits()),
            key="ratios",
            alt="How many times as fast as 16-bit weights, by rows of x.",
        )
    with bytes_and_time:
        st.markdown("**Bytes against time**")
        points = [
            Point(m.contender, m.rows_of_x, m.bytes, m.microseconds.median)
            for m in found.measurements
        ]
        st.plotly_chart(
            roofline(points, found.bandwidth, found.launch_microseconds),
            key="roofline",
            alt="Time of each product by the bytes it moves, with the limit of memory as a line.",
        )
    st.caption(
        f"Memory is copied at {found.bandwidth / 1e9:,.0f} GB/s on that machine, read and written "
        f"bytes together; a call that does nothing takes {found.launch_microseconds:.1f} µs. A "
        "product on the line waits for memory and nothing else. Above it, it waits for something "
        "else too."
    )
    if shows("numbers"):
        with st.expander("All numbers", icon=":material/table:"):
            speed_table(found)
    if shows("downloads"):
        speed_downloads(choice, found, shown.run)


def _models(run: "Run | None") -> None:
    st.subheader("Whole models", anchor="models")
    if run is None:
        st.markdown(
            "Text is generated here, with each backend, in the view *What a model writes*. "
            "Recorded runs have tokens per second too."
        )
    else:
        decodings(run)
    if not any(r.machine.kind == "cuda" for r in cached.recorded_kernel_runs().values()):
        st.info(
            f"No run on a GPU is recorded yet. On a machine with an NVIDIA GPU, `{RECORD}` makes "
            "one in less than eight minutes, and it appears here. Until then no number on this page "
            "is a GPU's.",
            icon=":material/developer_board:",
        )
