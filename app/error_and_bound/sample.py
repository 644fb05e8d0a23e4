"""Many targets: the choices, what they show in words, their CSV."""

import csv
import io
from dataclasses import dataclass

import numpy as np
import streamlit as st

from app.cached import rounded_targets
from app.figures.bound_bars import percent
from app.figures.numbers import short
from lattice_core import ManyRoundings, Problem
from lattice_core.bound_laws import share_error, shares_of_the_bound
from lattice_core.inputs import FloatArray

COUNTS = (200, 1000, 5000, 20000)
BEYOND = (0.0, 0.5, 1.0, 2.0)


@dataclass(frozen=True, eq=False)
class Sample:
    """Targets drawn, rounded, and their losses over the bound."""

    targets: FloatArray
    rounded: ManyRoundings
    shares: FloatArray
    seed: int


def draw_sample(problem: Problem) -> Sample:
    """The targets that the controls ask for."""
    chosen = st.session_state
    seed = chosen.get("bound_seed", 0)
    targets, rounded = rounded_targets(
        problem, chosen.get("bound_count", 5000), seed, chosen.get("bound_beyond", 0.5)
    )
    return Sample(targets, rounded, shares_of_the_bound(problem, rounded), seed)


def sample_controls(problem: Problem) -> None:
    """How many targets, from where; draw others."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="sample_controls"):
        st.select_slider(
            "Targets", COUNTS, value=5000, key="bound_count", format_func=lambda n: f"{n:,}"
        )
        if problem.grid is not None:
            st.select_slider(
                "Beyond the grid's last codes",
                BEYOND,
                value=0.5,
                key="bound_beyond",
                format_func=lambda spacings: f"{spacings:g} spacings",
                help="Weights are drawn evenly from the smallest code to the largest, and so many "
                "grid spacings past both.",
            )
        st.button("Draw others", icon=":material/casino:", on_click=_draw_others)


def _draw_others() -> None:
    st.session_state.bound_seed = st.session_state.get("bound_seed", 0) + 1


def findings(problem: Problem, sample: Sample) -> str:
    """What the histogram shows, in sentences with numbers."""
    shares, void = sample.shares, sample.rounded.clipped
    count, clipped = len(shares), int(np.count_nonzero(void))
    mean = float(shares.mean())
    if not clipped:
        return (
            f"Mean of {count:,} targets: **{mean:.4f}** of the bound, "
            f"± {share_error(problem, count):.4f} by chance (standard error). Law L7 says 0.3333. "
            f"Least {short(float(shares.min()))}, most {short(float(shares.max()))}: none beyond 1."
        )
    beyond = int(np.count_nonzero(shares > 1))
    kept = (
        f" Of the {count - clipped:,} others none loses more than the bound; "
        f"the most is {short(float(shares[~void].max()))} of it."
        if clipped < count
        else ""
    )
    return (
        f"**{clipped:,}** of {count:,} targets ({percent(clipped / count)}) have a clipped code, so "
        f"their bound is void: {beyond:,} of them lose more than it, up to "
        f"{short(float(shares.max()))} times as much.{kept}"
    )


def sample_csv(problem: Problem, sample: Sample) -> str:
    """One row a target: coordinates in grid spacings, codes, loss, share of the bound, clipped."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    names = [f"{kind}_{j}" for kind in ("coordinate", "code") for j in range(problem.size)]
    table.writerow([*names, "loss", "share_of_bound", "clipped"])
    coordinates = np.linalg.solve(problem.lattice.basis, sample.targets.T).T
    rounded = sample.rounded
    columns = (coordinates, rounded.codes, rounded.squared_distances, sample.shares)
    for place, codes, loss, share, clipped in zip(*columns, rounded.clipped, strict=True):
        table.writerow([*place.tolist(), *codes.tolist(), float(loss), float(share), int(clipped)])
    return text.getvalue()
