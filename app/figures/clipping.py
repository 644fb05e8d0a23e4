"""What clipping does: the same target rounded on the grid and with every code kept, step by step."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go

from app.figures import plane
from app.figures.bar_panel import bar_labels, rectangles
from app.figures.bound_bars import step_limits, step_losses
from app.figures.clipping_sentences import sentences
from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, LEG, NEUTRAL, translucent
from app.figures.stepped import Trace, scatter, stepped_figure
from app.figures.window import Window, window_around
from lattice_core import Problem
from lattice_core.inputs import FloatArray

BOX = "box of the error"
BAR = 0.26
LABEL = 0.12
NONE: list[float | None] = [None]
ZOOMS = (1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)


def clipping_figure(problem: Problem) -> go.Figure:
    """Bars for any number of inputs; with two, the lattice beside them, and the target can be dragged."""
    kept = replace(problem, bits=None)
    if problem.size != 2:
        return stepped_figure(
            [],
            lambda step: _bars(problem, kept, step),
            sentences(problem),
            {**_axes(problem, kept, (0, 1)), **plane.SURROUNDINGS},
            narrow={"height": 600, "margin": {"b": 110}},
        )
    window = _window(problem, kept)
    still = [t for t in plane.still_traces(problem, window) if "basis" not in t["name"]]
    return stepped_figure(
        still,
        lambda step: _picture(problem, kept, window, step) + _bars(problem, kept, step),
        sentences(problem),
        {
            **plane.axes(window, domain=(0, 0.46)),
            **_axes(problem, kept, (0.52, 1)),
            **plane.SURROUNDINGS,
            "margin": {**plane.SURROUNDINGS["margin"], "b": 112},
        },
        handles={"target": len(still) - 1},
        narrow={
            "xaxis": {"domain": [0, 1]},
            "yaxis": {"domain": [0.5, 1]},
            "xaxis2": {"domain": [0, 1]},
            "yaxis2": {"domain": [0.05, 0.44]},
            "margin": {"b": 190},
            "height": 880,
        },
    )


def _window(problem: Problem, kept: Problem) -> Window:
    """A window with the target and the boxes around both answers; as wide for most drags."""
    box = problem.lattice.nearest_plane_box(problem.order_indices)
    points = np.vstack([box + _answer(problem), box + _answer(kept)])
    for zoom in ZOOMS:
        window = window_around(problem, zoom)
        if np.abs(points - window.center).max() <= window.half:
            break
    return window


def _picture(problem: Problem, kept: Problem, window: Window, step: int) -> list[Trace]:
    """Babai on the grid; at the end the box around its answer and, after clipping, around the one kept."""
    done = step > problem.size
    ghost = _answer(kept)
    traces = []
    for trace in plane.moving_traces(problem, window, step):
        if trace["name"] == BOX:
            trace = (
                _box(problem, _answer(problem), problem.babai.clipped) if done else _nothing(trace)
            )
        traces.append(trace)
    if not problem.babai.clipped:
        return traces
    around = {**_box(kept, ghost, False), "name": "box, codes kept"}
    return [
        *traces,
        around if done else _nothing(around),
        scatter(
            x=[ghost[0]] if done else NONE,
            y=[ghost[1]] if done else NONE,
            mode="markers",
            name="answer, kept",
            marker={"symbol": "diamond-open", "size": 16, "color": ANSWER, "line": {"width": 3}},
            hovertemplate="answer, kept<extra></extra>",
        ),
    ]


def _nothing(trace: Trace) -> Trace:
    return trace | {"x": NONE, "y": NONE}


def _box(problem: Problem, answer: FloatArray, void: bool) -> Trace:
    corners = problem.lattice.nearest_plane_box(problem.order_indices)[[0, 1, 3, 2, 0]] + answer
    return scatter(
        x=corners[:, 0],
        y=corners[:, 1],
        mode="lines",
        fill="none" if void else "toself",
        fillcolor=translucent(ANSWER, 0.15),
        line={"color": ANSWER, "width": 2, "dash": "dash" if void else "solid"},
        name=BOX,
        hoverinfo="skip",
    )


def _answer(problem: Problem) -> FloatArray:
    return problem.lattice.point(problem.babai.codes)


def _axes(problem: Problem, kept: Problem, domain: tuple[float, float]) -> dict:
    most = max(
        step_limits(problem).sum(), problem.babai.squared_distance, kept.babai.squared_distance
    )
    return {
        "xaxis2": {
            "anchor": "y2",
            "domain": list(domain),
            "range": [0, 1.04 * float(most)],
            "nticks": 5,
            "showgrid": False,
            "zeroline": True,
            "fixedrange": True,
            "exponentformat": "power",
            "title": {"text": "squared distance", "standoff": 6},
        },
        "yaxis2": {
            "anchor": "x2",
            "domain": [0.1, 1],
            "range": [-problem.size - 0.85, 0.62],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    }


def _bars(problem: Problem, kept: Problem, step: int) -> list[Trace]:
    """A row for each step and one for the sum: on the grid above, kept below, the most as a line."""
    done = min(step, problem.size)
    rows = [*(-float(k) for k in range(problem.size)), -problem.size - 0.3]
    limits = step_limits(problem)
    most = [*limits.tolist(), float(limits.sum())]
    shown = [*range(done), problem.size]
    pairs = [_values(each, done) for each in (problem, kept)]
    names = ("error on the grid", "error, kept")
    looks = (
        {"fillcolor": translucent(LEG, 0.6), "line": {"color": LEG, "width": 2}},
        {"fillcolor": translucent(ANSWER, 0.35), "line": {"color": ANSWER, "width": 2}},
    )
    bars = [
        rectangles(
            [(0.0, values[k], rows[k] + top - BAR, rows[k] + top) for k in shown], name, look
        )
        for values, name, look, top in zip(pairs, names, looks, (0.06, -0.22), strict=True)
    ]
    return [
        *bars,
        _limits(rows, most, _void_rows(problem, step)),
        _labels(problem, pairs, rows, most, step),
    ]


def _values(problem: Problem, done: int) -> list[float]:
    losses = step_losses(problem)
    return [*losses.tolist(), float(losses[:done].sum())]


def _void_rows(problem: Problem, step: int) -> list[bool]:
    """Where the most is void: steps clipped so far, and the sum after the first of them."""
    clipped = [taken.clipped and k < step for k, taken in enumerate(problem.babai.steps)]
    return [*clipped, any(clipped)]


def _limits(rows: list[float], most: list[float], void: list[bool]) -> Trace:
    x = [place for k, place in enumerate(most) for place in (place, place, None) if not void[k]]
    y = [
        place
        for k, row in enumerate(rows)
        for place in (row + 0.1, row - 0.52, None)
        if not void[k]
    ]
    return scatter(
        x=x or NONE,
        y=y or NONE,
        xaxis="x2",
        yaxis="y2",
        mode="lines",
        name="most, unclipped",
        line={"color": NEUTRAL, "width": 3, "dash": "dot"},
        hoverinfo="skip",
    )


def _labels(
    problem: Problem, pairs: list[list[float]], rows: list[float], most: list[float], step: int
) -> Trace:
    texts = []
    void = _void_rows(problem, step)
    for k, taken in enumerate(problem.babai.steps):
        name = f"step {k + 1}, {symbol('z', taken.index)}"
        if k >= step:
            texts.append(f"{name}: at most {short(most[k])}")
            continue
        limit = f"<s>≤ {short(most[k])}</s> clipped" if void[k] else f"≤ {short(most[k])}"
        text = f"{name}: {short(pairs[0][k])} {limit}; kept {short(pairs[1][k])}"
        texts.append(f"<b>{text}</b>" if k + 1 == step else text)
    limit = f"<s>≤ {short(most[-1])}</s> void" if void[-1] else f"≤ {short(most[-1])}"
    texts.append(f"<b>sum: {short(pairs[0][-1])} {limit}; kept {short(pairs[1][-1])}</b>")
    return bar_labels([row + LABEL + 0.1 for row in rows], texts, size=13)
