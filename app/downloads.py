"""What a visitor can take away: the figure, the steps, the problem."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import asdict

import plotly.graph_objects as go
import streamlit as st

from app.figures.stepped import standalone_html
from lattice_core import Problem, RoundingTrace


def downloads(
    draw: Callable[[Problem], go.Figure],
    problem: Problem,
    title: str,
    **tables: Callable[[Problem], str],
) -> None:
    """Buttons for figure (HTML), problem (JSON), steps (CSV) and the page's own tables (CSV).

    A table's keyword names its button and file: ``all_orders=…`` is “All orders (CSV)”.
    """
    st.subheader("Take it away", anchor="downloads")
    name = f"{title.lower().replace(' ', '-')}-{problem.name}"
    with st.container(horizontal=True):
        _button(
            "Figure (HTML)",
            f"{name}.html",
            "text/html",
            lambda: standalone_html(draw(problem), title),
        )
        _button("Steps (CSV)", f"{name}.csv", "text/csv", lambda: steps_csv(problem))
        for table, make in tables.items():
            label, file = table.replace("_", " ").capitalize(), table.replace("_", "-")
            _button(
                f"{label} (CSV)", f"{name}-{file}.csv", "text/csv", lambda make=make: make(problem)
            )
        _button("Problem (JSON)", f"{name}.json", "application/json", lambda: problem_json(problem))
    st.caption("The picture itself: “Save image” under the figure (SVG).")


def steps_csv(problem: Problem) -> str:
    """The steps of both algorithms, one row a step of each."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    coordinates = [f"coordinate_{j}" for j in range(problem.size)]
    table.writerow(["algorithm", "step", "index", "center", "code", "plane_distance", *coordinates])
    traces: dict[str, RoundingTrace] = {"babai": problem.babai, "gptq": problem.gptq}
    for algorithm, trace in traces.items():
        for k, step in enumerate(trace.steps, start=1):
            row = [algorithm, k, step.index, step.center, step.code, step.plane_distance]
            table.writerow([*row, *map(float, step.coordinates)])
    return text.getvalue()


def problem_json(problem: Problem) -> str:
    """The problem's fields and its answer."""
    answer = {
        "codes": problem.gptq.codes.tolist(),
        "damped_loss": problem.gptq.squared_distance,
        "order_indices": problem.order_indices.tolist(),
    }
    return json.dumps(asdict(problem) | answer, indent=2)


def _button(label: str, file: str, mime: str, make: object) -> None:
    st.download_button(
        label,
        data=make,  # type: ignore[arg-type]
        file_name=file,
        mime=mime,
        on_click="ignore",
        icon=":material/download:",
    )
