"""Nearest plane against the closest lattice point."""

from dataclasses import replace

import numpy as np
import streamlit as st

from app.cached import closest_codes, sampled_loss_ratios
from app.chart import chart
from app.figures.bound_bars import percent
from app.figures.numbers import short, vector
from app.figures.ratio_dots import ratio_dots
from lattice_core import Problem, relative_bound
from lattice_core.bound_laws import loss_is_near_the_least

COMPARED = 300  # targets whose closest lattice point is looked for


def how_far_from_the_best(problem: Problem) -> None:
    """Law L8, and how often nearest plane finds the closest point."""
    st.subheader("How far from the best?", anchor="relative")
    limit = relative_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    st.markdown(
        "The bound says how far the answer is. It does not say whether another lattice point is closer. "
        "Law L8 does: without clipping, nearest plane loses at most "
        f"$\\gamma^2$ = **{short(limit)}** times the least possible."
    )
    # The box looks the same from every target, so that dragging one need not compare anew.
    lattice_alone = replace(problem, weights=(0.0,) * problem.size, bits=None)
    ratios = sampled_loss_ratios(lattice_alone, COMPARED, st.session_state.get("bound_seed", 0))
    if ratios is None:
        st.info(
            "This basis is so skewed that comparing with all lattice points would take too long.",
            icon=":material/info:",
        )
        return
    closest = closest_codes(problem)
    law = None if closest is None else loss_is_near_the_least(problem, closest)
    here = None if law is None or law.void else float(law.left)
    chart(
        ratio_dots,
        ratios,
        limit,
        here,
        key="loss_ratios",
        alt=f"Loss over least possible loss of {COMPARED} targets, sorted: "
        f"1 for {percent(float(np.mean(ratios <= 1 + 1e-9)))}, at most {ratios.max():.4g}. "
        f"The law allows {limit:.4g}.",
    )
    clipping = "" if problem.grid is None else " Here all integers are allowed, whatever the grid."
    st.markdown(
        f"Of {COMPARED} targets drawn in the box, nearest plane finds the closest lattice point for "
        f"**{percent(float(np.mean(ratios <= 1 + 1e-9)))}**. At worst it loses "
        f"**{short(float(ratios.max()))}** times the least.{clipping}{_the_target(problem, here)}\n\n"
        "**Why it can go wrong.** An early step may be a close call between two planes, and a short "
        "distance makes the nearer one hardly better. But the other plane may have a lattice point "
        "right there, while the nearer one has its points half a long edge away. "
        "So $\\gamma^2$ is large when a short distance is rounded before long ones."
    )


def _the_target(problem: Problem, ratio: float | None) -> str:
    closest = closest_codes(problem)
    if ratio is None or closest is None:
        return ""
    if ratio == 1:
        return " For the target above no lattice point is closer."
    return (
        f" For the target above the closest point is $z$ = {vector(closest)}, not "
        f"{vector(problem.babai.codes)}: nearest plane loses **{short(ratio)}** times as much."
    )
