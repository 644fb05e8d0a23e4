"""Loss against work, on many targets of the lattice on show."""

from dataclasses import replace

import streamlit as st

from app.cached import searches_compared
from app.chart import chart
from app.figures.loss_against_work import loss_against_work_plot
from app.figures.numbers import percent, short
from app.lesson_options import chosen
from app.shared_problem import plain
from lattice_core import Problem
from lattice_core.loss_against_work import WorkPoint

TARGETS = 150


def loss_and_work(problem: Problem) -> None:
    """What each search costs and what it finds."""
    st.subheader("Loss against work", anchor="work")
    st.markdown(
        f"The same lattice, order and grid with {TARGETS} targets drawn at random. Work is the number of centres "
        "$\\zeta$ that are computed: each is a product with the codes chosen before, for every search "
        "alike. Nearest plane needs one for each weight. A point further left is cheaper, one further "
        "down is better; 1 is the closest point always."
    )
    # The box looks the same from every target, so that dragging one need not compare anew.
    compared = searches_compared(
        replace(problem, weights=(0.0,) * problem.size), TARGETS, float(chosen("temperature"))
    )
    if isinstance(compared, str):
        st.info(f"There is nothing to compare with here: {plain(compared)}", icon=":material/info:")
        return
    picture, words = st.columns([3, 2], gap="large")
    findings = _findings(compared)
    with picture:
        chart(
            loss_against_work_plot,
            compared,
            key="loss_against_work",
            alt=" ".join(findings).replace("**", ""),
        )
    with words:
        st.markdown("\n".join(f"- {finding}" for finding in findings))
        st.markdown(
            "**Why a little width helps so much here.** With a few weights a wrong turn is a close call at "
            "one or two levels. Keeping both sides of it is enough. With hundreds of weights there are "
            "hundreds of close calls, and K partial codes can keep only a handful of them open at a time."
        )


def _findings(points: tuple[WorkPoint, ...]) -> list[str]:
    by_name = {(point.search, point.setting): point for point in points}
    babai, exact = by_name["k_best", 1], by_name["enumeration", 1]
    descent = by_name["coordinate_descent", 1]
    enough = [p for p in points if p.search == "k_best" and p.exact == 1]
    found = [
        f"**Nearest plane** finds the closest point for {percent(babai.exact)} of the targets and loses "
        f"**{short(babai.ratio)}** times the least on average.",
        f"**K = 2**: {short(by_name['k_best', 2].ratio)} times; **K = 4**: {short(by_name['k_best', 4].ratio)} times"
        + (f"; from **K = {enough[0].setting}** on all are exact." if enough else "."),
        f"**Klein's dice** once: {short(by_name['klein', 1].ratio)} times; the best of 16: "
        f"{short(by_name['klein', 16].ratio)} times.",
        f"**Coordinate descent**: {short(descent.ratio)} times, for {short(descent.work)} centres.",
        f"**Exact enumeration** needs {short(exact.work)} centres on average. With a handful of weights "
        "that is the best buy of all; its work grows exponentially with their number.",
    ]
    return found
