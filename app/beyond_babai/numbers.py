"""The numbers beside the tree: the answers compared, and what goes on in the step on show."""

import csv
import io

import numpy as np
import streamlit as st

from app.figures.numbers import short, symbol, vector
from app.figures.search_sentences import shown_steps
from lattice_core import Problem
from lattice_core.search_tree import Search

MOST_ROWS = 8


def answers_table(problem: Problem, search: Search, name: str, exact: Search) -> None:
    """Nearest plane, the search on show and the closest point, as codes and as weights."""
    rows = ["| | codes $z$ | loss | centres |", "|:--|:--|--:|--:|"]
    found = [
        ("Nearest plane", problem.babai.codes, problem.babai.squared_distance, problem.size),
        (name, search.codes, search.squared_distance, search.work),
    ]
    closest = "Best found in time" if exact.stopped else "Closest point"
    found.append((closest, exact.codes, exact.squared_distance, exact.work))
    for label, codes, loss, work in found:
        rows.append(f"| {label} | {vector(codes)} | {short(loss)} | {work:,} |")
    st.markdown("\n".join(rows))
    before, after = (
        vector(np.array(problem.scales) * codes) for codes in (problem.babai.codes, search.codes)
    )
    given = vector(problem.weights)
    st.markdown(
        f"In weights: $w$ = {given} becomes $q = s z$ = {after}"
        + (", as by nearest plane." if before == after else f"; by nearest plane {before}.")
    )
    if exact.stopped:
        st.caption(
            f"The exact enumeration was stopped after {len(exact.steps):,} nodes: this basis is too skewed."
        )


def step_table(search: Search, step: int) -> None:
    """The partial codes that go on in this step, the best first."""
    steps = shown_steps(search)
    if not 1 <= step <= len(steps):
        return
    taken = steps[step - 1]
    losses = {node.codes: node for node in taken.looked_at}
    level = max(node.level for node in taken.looked_at)
    kept = [codes for codes in taken.kept if len(codes) == level]
    names = ", ".join(symbol("z", int(j)) for j in search.order[:level])
    rows = [f"| goes on: {names} | centre | loss so far |", "|:--|--:|--:|"]
    for codes in kept[:MOST_ROWS]:
        node = losses[codes]
        rows.append(f"| {vector(codes)} | {short(node.center)} | {short(node.loss)} |")
    if kept:
        st.markdown("\n".join(rows))
    if len(kept) > MOST_ROWS:
        st.caption(f"And {len(kept) - MOST_ROWS} more.")


def nodes_csv(search: Search) -> str:
    """Every node that was looked at, one row each, in the order of the steps."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["step", "level", "codes_in_order_of_rounding", "center", "loss", "kept"])
    for number, step in enumerate(search.steps, start=1):
        for node in step.looked_at:
            codes = " ".join(map(str, node.codes))
            table.writerow(
                [number, node.level, codes, node.center, node.loss, node.codes in step.kept]
            )
    return text.getvalue()
