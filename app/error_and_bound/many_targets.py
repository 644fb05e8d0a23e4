"""The histogram of many targets."""

import streamlit as st

from app import shared_problem
from app.chart import chart
from app.error_and_bound.sample import Sample, findings, sample_controls
from app.figures.share_histogram import (
    A_THIRD,
    bound_mark,
    mean_mark,
    share_histogram,
    target_mark,
)
from lattice_core import Problem, absolute_bound


def many_targets(problem: Problem, sample: Sample) -> None:
    """Thousands of targets: their losses over the bound."""
    st.subheader("Thousands of targets", anchor="many")
    if problem.grid is None:
        where = "Targets are drawn at random, evenly over the box around the answer."
    else:
        where = (
            "Weights are drawn at random, evenly over all codes of the grid and a little beyond. "
            "Where a code is clipped, the error leaves the box."
        )
    st.markdown(f"{where} Each is rounded, and its loss divided by the bound.")
    if shared_problem.shows("controls"):
        sample_controls(problem)
    here = problem.babai.squared_distance / _bound(problem)
    chart(
        share_histogram,
        sample.shares,
        sample.rounded.clipped,
        [
            A_THIRD,
            mean_mark(sample.shares, "targets"),
            target_mark(here),
            bound_mark(sample.rounded.clipped),
        ],
        key="many_targets",
        alt=f"Histogram of loss over bound of {len(sample.shares)} targets. "
        f"Mean {sample.shares.mean():.4f}. The target above stands at {here:.4f}.",
    )
    st.markdown(findings(problem, sample))


def _bound(problem: Problem) -> float:
    return absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)
