"""Min-pivot for more inputs than a picture has dimensions: the lengths left over, as bars."""

import numpy as np
import plotly.graph_objects as go

from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, NEUTRAL, PLANE
from app.figures.pivot_sentences import pivot_sentences
from app.figures.plane import SURROUNDINGS
from app.figures.stepped import Trace, stepped_figure
from lattice_core import GramSchmidtStep, Problem, min_pivot_steps
from lattice_core.inputs import FloatArray


def bars_figure(problem: Problem) -> go.Figure:
    """One bar an input: the length left over before each step, the shortest marked."""
    steps = min_pivot_steps(problem.damped_hessian)
    names = [symbol("x", j) for j in range(problem.size)]
    full = steps[0].lengths
    layout = {
        **SURROUNDINGS,
        "margin": {"l": 56, "r": 8, "t": 24, "b": 96, "autoexpand": False},
        "barmode": "overlay",
        "xaxis": {"fixedrange": True, "showgrid": False},
        "yaxis": {
            "fixedrange": True,
            "title": {"text": "length"},
            "range": [0, 1.1 * float(full.max())],
        },
    }
    return stepped_figure(
        [_bars(names, full, "inputs", {"color": NEUTRAL, "opacity": 0.3}, [""] * problem.size)],
        lambda k: _moving_traces(steps, names, k),
        pivot_sentences(problem),
        layout,
        narrow={"height": 380},
    )


def _moving_traces(steps: tuple[GramSchmidtStep, ...], names: list[str], k: int) -> list[Trace]:
    """Frame k: bars of those left over, of the one taken, and of those taken before."""
    c = len(steps)
    edges = np.array([step.lengths[step.index] for step in sorted(steps, key=lambda s: s.index)])
    left, chosen, taken = (np.full(c, np.nan) for _ in range(3))
    done = [step.index for step in steps[: max(k - 1, 0)]]
    taken[done] = edges[done]
    if k <= c:
        step = steps[max(k - 1, 0)]
        left = np.where(np.isin(np.arange(c), done), np.nan, step.lengths)
        if k:
            left[step.index], chosen[step.index] = np.nan, edges[step.index]
    return [
        _bars(names, left, "left over", {"color": PLANE}),
        _bars(names, chosen, "shortest: taken", {"color": ANSWER, "pattern": {"shape": "/"}}),
        _bars(names, taken, "taken before", {"color": ANSWER}),
    ]


def _bars(
    names: list[str], lengths: FloatArray, name: str, marker: dict, texts: list[str] | None = None
) -> Trace:
    known = ["" if np.isnan(length) else short(length) for length in lengths]
    return {
        "type": "bar",
        "x": names,
        "y": [None if np.isnan(length) else float(length) for length in lengths],
        "name": name,
        "marker": marker,
        "text": known if texts is None else texts,
        "textposition": "outside",
        "cliponaxis": False,
        "hoverinfo": "skip",
    }
