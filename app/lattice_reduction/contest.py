"""Larger lattices: orders and LLL at once, BKZ in the background."""

import csv
import io
from collections.abc import Sequence

import streamlit as st

from app.background_job import Job
from app.cached import background_jobs, reduction_contest
from app.chart import chart
from app.figures.contest_profile import contest_profile
from app.figures.numbers import percent, short
from app.lattice_reduction.bkz_job import (
    MOST_SECONDS,
    MOST_TOURS,
    BKZAsked,
    bkz_job,
    ending,
    start_bkz,
)
from app.lesson_options import chosen, option_select, option_slider
from app.progress_box import progress_box
from app.shared_problem import plain, shows
from lattice_core.reduction import obstacle_to_fpylll
from lattice_core.reduction_contest import TARGETS, Contender

POLL_SECONDS = 0.5


def contest() -> None:
    """Controls, table, profile, and BKZ."""
    st.subheader("Larger lattices", anchor="larger")
    st.markdown(
        "With more vectors LLL no longer finds the best basis, only a decent one. **BKZ** looks at "
        "blocks of $\\beta$ neighbours: it searches each block for its shortest vector, by enumeration, "
        "and puts it first. LLL is BKZ with $\\beta = 2$. Work grows fast with $\\beta$. Here are bases of "
        "one lattice, with one grid spacing for all weights."
    )
    if shows("controls"):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            option_select("contest")
            option_slider("reduced")
            option_slider("block")
    obstacle = obstacle_to_fpylll()
    if obstacle:
        st.info(
            f"BKZ needs the library fpylll, but {plain(obstacle)} LLL below runs our own steps, those "
            "of the figure above; they find the same bound and take longer.",
            icon=":material/info:",
        )
    delta = float(chosen("delta"))
    asked = BKZAsked(chosen("contest"), int(chosen("reduced")), int(chosen("block")), delta)
    try:
        contenders = reduction_contest(asked.kind, asked.size, delta)
    except ValueError as error:
        st.warning(f"LLL gave up. {plain(str(error))}")
        return
    job = None if obstacle else bkz_job(asked)
    if job and job.parts and job.state != "failed":
        contenders = (*contenders, job.parts[-1].contender)
    st.markdown(contest_table(contenders))
    st.caption(
        f"δ = {delta:g}, as chosen above; LLL by {'our own steps' if obstacle else 'fpylll'}. Mean loss: "
        f"nearest plane on {TARGETS:,} targets spread evenly over the lattice's cells, the same for all "
        "bases. It is a third of the bound in each (law L7), so the bound decides. Seconds on this "
        "machine, with whatever else it had to do."
    )
    if not obstacle:
        _bkz(asked, job)
    chart(
        contest_profile,
        contenders,
        key="contest_profile",
        alt="Gram-Schmidt lengths of each basis, on a logarithmic scale. Their geometric mean is the "
        f"same. {_spread_words(contenders)}",
    )
    if shows("downloads"):
        st.download_button(
            "Bases compared (CSV)",
            data=lambda: contest_csv(contenders),
            file_name=f"bases-{asked.kind}-{asked.size}.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
        )


def contest_table(contenders: Sequence[Contender]) -> str:
    """One row a basis. Markdown."""
    sorted_ = contenders[1]
    lines = [
        "| basis | $\\sum_j d_j^2$ | ÷ min-pivot's | bound | mean loss | ÷ bound | swaps | seconds |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for contender in contenders:
        bound = contender.pivot_sum / 4
        lines.append(
            f"| {contender.name} | {short(contender.pivot_sum)} | "
            f"{contender.pivot_sum / sorted_.pivot_sum:.4f} | {short(bound)} | "
            f"{short(contender.mean_loss)} | {contender.mean_loss / bound:.3f} | "
            f"{contender.swaps:,} | {contender.seconds:.3f} |"
        )
    return "\n".join(lines)


def contest_csv(contenders: Sequence[Contender]) -> str:
    """One row a basis, with all its lengths."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    lengths = [f"d_{j + 1}" for j in range(len(contenders[0].lengths))]
    table.writerow(["basis", "pivot_sum", "mean_loss", "swaps", "seconds", *lengths])
    for c in contenders:
        table.writerow(
            [c.name, c.pivot_sum, c.mean_loss, c.swaps, c.seconds, *map(float, c.lengths)]
        )
    return text.getvalue()


def _bkz(asked: BKZAsked, job: Job | None) -> None:
    if job is not None and job.active:
        _wait(asked)
        return
    if job is not None and job.state == "done":
        st.markdown(_verdict(asked, job))
        return
    if job is not None and job.state == "failed":
        st.error(plain(job.error), icon=":material/error:")
    elif job is not None:
        st.markdown(
            "BKZ was cancelled. The row above shows how far it had come, if a tour was done."
        )
    st.button(
        f"Run BKZ, blocks of {asked.block_size}",
        icon=":material/play_arrow:",
        key="start_bkz",
        on_click=start_bkz,
        args=(asked,),
    )
    st.caption(
        f"At most {MOST_TOURS} tours and {MOST_SECONDS} seconds, after LLL. It can be cancelled "
        "between two blocks."
    )


@st.fragment(run_every=POLL_SECONDS)
def _wait(asked: BKZAsked) -> None:
    job = background_jobs().get(asked.key)
    if job is None or not job.active:
        st.rerun()
    progress_box(
        job.progress,
        "tours",
        job.cancel,
        "You may go on with the page meanwhile. Cancel takes effect at the next block.",
    )


def _verdict(asked: BKZAsked, job: Job) -> str:
    first, last = job.parts[0], job.parts[-1]
    gain = 1 - last.contender.pivot_sum / first.contender.pivot_sum
    said = (
        f"takes **{percent(gain)}** more off $\\sum_j d_j^2$"
        if gain > 1e-9
        else "finds nothing more to do"
    )
    return (
        f"**BKZ with blocks of {asked.block_size}**, after LLL, {said}: {ending(last)}, "
        f"{last.insertions} shorter vectors put in, {last.contender.seconds:.2f} s. Each was checked to "
        "be a basis of the same lattice, reduced as LLL demands."
    )


def _spread_words(contenders: Sequence[Contender]) -> str:
    return " ".join(
        f"{c.name}: from {short(float(c.lengths.max()))} down to {short(float(c.lengths.min()))}."
        for c in contenders
    )
