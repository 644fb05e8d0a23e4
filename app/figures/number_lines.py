"""GPTQ's view: one number line a weight, integers are the codes, errors are pushed to the others."""

import numpy as np
import plotly.graph_objects as go

from app.figures import plane, space
from app.figures.narration import sentences
from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, LEG, NEUTRAL, TARGET
from app.figures.stepped import Trace, scatter, stepped_figure
from app.figures.symbol_marks import babai_marks, line_marks, push_marks, together
from app.figures.window import window_around
from app.figures.wrong_world import broken_sentences, broken_target
from lattice_core import Problem, RoundingTrace


def lockstep_figure(problem: Problem, broken: RoundingTrace | None = None) -> go.Figure:
    """The lattice on the left, the weights on their number lines on the right, in lock-step.

    With other than two or three inputs there is no picture of the lattice: the lines alone.
    `broken` is GPTQ's run in a wrong world: the lines show it, and where it stands in the lattice.
    """
    lines = still_traces(problem)
    said = sentences(problem) if broken is None else broken_sentences(problem, broken)
    if problem.size == 2:
        window = window_around(problem)
        picture = plane.still_traces(problem, window)
        layout = plane.axes(window, domain=(0, 0.48))
        patch = {"xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.46, 1]}}
        moving_picture = plane.moving_traces
    elif problem.size == 3:
        window = window_around(problem)
        picture = space.still_traces(problem, window)
        layout = {"scene": {**space.scene(window), "domain": {"x": [0, 0.5], "y": [0, 1]}}}
        patch = {"scene": {"domain": {"x": [0, 1], "y": [0.46, 1]}}}
        moving_picture = space.moving_traces
    else:
        return stepped_figure(
            lines,
            lambda step: moving_traces(problem, step, broken),
            said,
            axes(problem, 0, broken),
            symbols=None if broken else lambda step: line_marks(problem, step),
        )
    return stepped_figure(
        picture + lines,
        lambda step: (
            moving_picture(problem, window, step)
            + ([broken_target(problem, broken, step)] if broken else [])
            + moving_traces(problem, step, broken)
        ),
        said,
        {**layout, **axes(problem, 0.58, broken), **plane.SURROUNDINGS},
        handles={"target": len(picture) - 1} if problem.size == 2 else None,
        symbols=lambda step: together(
            babai_marks(problem, window, step),
            *(() if broken else (push_marks(problem, step), line_marks(problem, step))),
        ),
        narrow={
            **patch,
            "xaxis2": {"domain": [0.08, 1]},
            "yaxis2": {"domain": [0.04, 0.36]},
            "margin": {"b": 140},
            "height": 800,
        },
    )


def axes(problem: Problem, left: float, broken: RoundingTrace | None = None) -> dict:
    """Axes x2, y2: integers across, one row a weight, the first to be rounded on top."""
    trace = broken or problem.gptq
    seen = np.concatenate([trace.start, trace.codes, *(s.coordinates for s in trace.steps)])
    low, high = np.floor(seen.min()) - 0.6, np.ceil(seen.max()) + 0.6
    if high - low < 4:
        low, high = low - 0.5, high + 0.5
    rows = [-k for k in range(problem.size)]
    return {
        "xaxis2": {
            "anchor": "y2",
            "automargin": False,
            "domain": [left, 1],
            "range": [low, high],
            "dtick": max(1, round((high - low) / 8)),
            "zeroline": False,
            "fixedrange": True,
            "title": {"text": "weight ÷ scale; integers are the codes"},
        },
        "yaxis2": {
            "anchor": "x2",
            "automargin": False,
            "domain": [0.06, 0.94],
            "range": [-problem.size + 0.35, 0.65],
            "tickvals": rows,
            "ticktext": [f"{symbol('w', int(j))} " for j in problem.order_indices],
            "tickfont": {"size": 17},
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "shapes": _grid_ends(problem),
    }


def _grid_ends(problem: Problem) -> list[dict]:
    """Shades what lies beyond the last admissible code."""
    if problem.grid is None:
        return []
    beyond = {"type": "rect", "xref": "x2", "yref": "y2 domain", "y0": 0, "y1": 1}
    look = {"fillcolor": NEUTRAL, "opacity": 0.18, "line": {"width": 0}, "layer": "below"}
    return [
        {**beyond, **look, "x0": problem.grid.low - 1000, "x1": problem.grid.low - 0.5},
        {**beyond, **look, "x0": problem.grid.high + 0.5, "x1": problem.grid.high + 1000},
    ]


def still_traces(problem: Problem) -> list[Trace]:
    """Where each weight began."""
    return [
        _on_lines(
            problem,
            problem.gptq.start,
            "original weight",
            {"symbol": "line-ns-open", "size": 22, "color": NEUTRAL, "line": {"width": 2}},
        )
    ]


def moving_traces(problem: Problem, step: int, broken: RoundingTrace | None = None) -> list[Trace]:
    """Frame `step`: weights as moved so far, what the step moved, codes, errors."""
    trace = broken or problem.gptq
    now = trace.coordinates_after(min(step, problem.size))
    before = trace.coordinates_after(min(max(step - 1, 0), problem.size))
    rounded = [s.index for s in trace.steps[:step]]
    free = [j for j in range(problem.size) if j not in rounded]
    stepping = 1 <= step <= problem.size
    pushed = [(j, before[j], now[j]) for j in free] if stepping else []
    errors = [(s.index, s.center, float(s.code)) for s in trace.steps[:step]]
    return [
        _segments(problem, pushed, "pushed to the others", NEUTRAL, 2, "dot"),
        _segments(problem, errors, "error of a step", LEG, 5, "solid"),
        _on_lines(
            problem,
            {j: v for j, v, _ in pushed},
            "before this step",
            {"symbol": "circle-open", "size": 13, "color": TARGET, "line": {"width": 2}},
        ),
        _on_lines(
            problem,
            {j: now[j] for j in free},
            "weight now",
            {"symbol": "circle", "size": 13, "color": TARGET},
        ),
        _on_lines(
            problem,
            {s.index: s.center for s in trace.steps[:step]},
            "centre",
            {"symbol": "circle", "size": 9, "color": TARGET},
        ),
        _on_lines(
            problem,
            {s.index: float(s.code) for s in trace.steps[:step]},
            "code",
            {"symbol": "diamond", "size": 15, "color": ANSWER},
        ),
        _shift_labels(problem, pushed),
    ]


def _rows(problem: Problem) -> dict[int, int]:
    return {int(j): -k for k, j in enumerate(problem.order_indices)}


def _on_lines(
    problem: Problem, values: dict[int, float] | np.ndarray, name: str, marker: dict
) -> Trace:
    if isinstance(values, np.ndarray):
        values = dict(enumerate(values))
    rows = _rows(problem)
    return scatter(
        x=list(values.values()) or [None],
        y=[rows[j] for j in values] or [None],
        xaxis="x2",
        yaxis="y2",
        mode="markers",
        name=name,
        marker=marker,
        hovertemplate=name + " %{x:.4g}<extra></extra>",
    )


def _segments(
    problem: Problem,
    spans: list[tuple[int, float, float]],
    name: str,
    color: str,
    width: int,
    dash: str,
) -> Trace:
    rows = _rows(problem)
    return scatter(
        x=[v for _, a, b in spans for v in (a, b, None)] or [None],
        y=[v for j, _, _ in spans for v in (rows[j], rows[j], None)] or [None],
        xaxis="x2",
        yaxis="y2",
        mode="lines",
        name=name,
        line={"color": color, "width": width, "dash": dash},
        hoverinfo="skip",
    )


def _shift_labels(problem: Problem, pushed: list[tuple[int, float, float]]) -> Trace:
    rows = _rows(problem)
    return scatter(
        x=[(a + b) / 2 for _, a, b in pushed] or [None],
        y=[rows[j] + 0.3 for j, _, _ in pushed] or [None],
        text=[("+" if b >= a else "") + short(b - a) for _, a, b in pushed],
        xaxis="x2",
        yaxis="y2",
        mode="text",
        name="shift",
        textfont={"size": 14},
        hoverinfo="skip",
    )
