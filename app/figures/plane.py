"""Nearest plane with two inputs: lines, the nearest one, then the points on it."""

from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from app.figures.narration import sentences
from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, LEG, NEUTRAL, PLANE, TARGET, translucent
from app.figures.stepped import Trace, scatter, stepped_figure
from app.figures.symbol_marks import babai_marks
from app.figures.window import View, Window, window_around
from lattice_core import Problem
from lattice_core.inputs import FloatArray

NBSP = "\N{NO-BREAK SPACE}"


def plane_figure(problem: Problem) -> go.Figure:
    """The stepped picture of a problem with two inputs; the target can be dragged."""
    window = window_around(problem)
    still = still_traces(problem, window)
    return stepped_figure(
        still,
        lambda step: moving_traces(problem, window, step),
        sentences(problem),
        {**axes(window), **SURROUNDINGS},
        handles={"target": len(still) - 1},
        symbols=lambda step: babai_marks(problem, window, step),
        narrow={"height": 420},
    )


SURROUNDINGS = {
    "margin": {"l": 8, "r": 8, "t": 8, "b": 84, "autoexpand": False},
    "legend": {
        "orientation": "h",
        "y": 0,
        "yref": "container",
        "yanchor": "bottom",
        "itemsizing": "constant",
    },
    "hovermode": "closest",
    "dragmode": False,
}


def axes(view: View, domain: tuple[float, float] = (0, 1)) -> dict:
    """Equal units on both axes; no numbers on them, for the lattice is the scale."""
    plain = dict.fromkeys(("showgrid", "zeroline", "showticklabels", "automargin"), False)
    plain["fixedrange"] = True
    low, high = view.center - view.half, view.center + view.half
    return {
        "xaxis": {**plain, "range": [low[0], high[0]], "domain": list(domain)},
        "yaxis": {
            **plain,
            "range": [low[1], high[1]],
            "scaleanchor": "x",
            "constrain": "range",
        },
    }


def still_traces(problem: Problem, window: Window) -> list[Trace]:
    """Lattice points, basis vectors and, last, the ringed target."""
    inside, outside = window.admissible, ~window.admissible
    target = problem.target
    return [
        _dots(problem, window, outside, "outside the grid", {"symbol": "x-thin-open", "size": 6}),
        _dots(problem, window, inside, "lattice points", {"symbol": "circle", "size": 7}),
        _basis(problem, window),
        scatter(
            x=[target[0]],
            y=[target[1]],
            mode="markers",
            name="target y",
            marker={"symbol": "circle", "size": 13, "color": TARGET},
            hovertemplate="target y<extra></extra>",
        ),
    ]


def moving_traces(problem: Problem, window: Window, step: int) -> list[Trace]:
    """What frame `step` adds: the family of lines, the chosen one, legs, ghost, answer, box."""
    trace = problem.babai
    last = problem.size + 1
    path = [
        problem.lattice.point(trace.coordinates_after(k)) for k in range(min(step, last - 1) + 1)
    ]
    family, chosen = _lines(problem, window, step)
    return [
        _line_trace(family, "planes to choose from", translucent(PLANE, 0.9), 1.2, "dot"),
        _line_trace(chosen, "nearest plane", PLANE, 3, "solid"),
        _candidates(problem, step),
        _box(problem) if step == last else _blank(_box(problem)),
        scatter(
            x=[p[0] for p in path],
            y=[p[1] for p in path],
            mode="lines",
            name="error of a step",
            line={"color": LEG, "width": 4},
            hoverinfo="skip",
        ),
        _leg_labels(problem, path),
        _error(problem) if step == last else _blank(_error(problem)),
        _marker(path[-2] if len(path) > 1 else None, "before this step", "circle-open", 13, TARGET),
        _marker(path[-1] if step else None, "target now", "circle", 10, TARGET),
        _marker(path[-1] if step >= problem.size else None, "answer B z", "diamond", 15, ANSWER),
    ]


def _lines(
    problem: Problem, window: Window, step: int
) -> tuple[list[FloatArray], list[FloatArray]]:
    """The family of lines to choose from and the line chosen, as (2, 2) segments."""
    if step == 0:
        return [], []
    rounding = problem.babai.steps[0]
    first, other = problem.order_indices
    along = problem.lattice.basis[:, other]
    along = 4 * window.half * along / np.linalg.norm(along)
    lines = {}
    for code in _codes_near(problem, rounding.code, 8):
        start = code * problem.lattice.basis[:, first]
        foot = start + along * ((window.center - start) @ along) / (along @ along)
        lines[code] = np.array([foot - along, foot + along])
    return list(lines.values()) if step == 1 else [], [lines[rounding.code]]


def _codes_near(problem: Problem, code: int, reach: int) -> list[int]:
    """Admissible codes at most `reach` away."""
    near = range(code - reach, code + reach + 1)
    if problem.grid is None:
        return list(near)
    return [z for z in near if problem.grid.low <= z <= problem.grid.high]


def _candidates(problem: Problem, step: int) -> Trace:
    """In step 2: the lattice points on the chosen line."""
    if step != 2:
        return scatter(x=[None], y=[None], mode="markers", name="points to choose from")
    second = problem.babai.steps[1]
    codes = np.tile(problem.babai.codes, (17, 1))[: len(_codes_near(problem, second.code, 8))]
    codes[:, second.index] = _codes_near(problem, second.code, 8)
    points = codes @ problem.lattice.basis.T
    return scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name="points to choose from",
        marker={"symbol": "circle-open", "size": 14, "color": PLANE, "line": {"width": 2}},
        hoverinfo="skip",
    )


def _line_trace(
    segments: list[FloatArray], name: str, color: str, width: float, dash: str
) -> Trace:
    gap = [np.array([np.nan, np.nan])]
    points = np.array([p for segment in segments for p in (*segment, *gap)]).reshape(-1, 2)
    return scatter(
        x=[None if np.isnan(v) else v for v in points[:, 0]],
        y=[None if np.isnan(v) else v for v in points[:, 1]],
        mode="lines",
        name=name,
        line={"color": color, "width": width, "dash": dash},
        hoverinfo="skip",
    )


def _leg_labels(problem: Problem, path: list[FloatArray]) -> Trace:
    middles = [(a + b) / 2 for a, b in pairwise(path)]
    lengths = [short(problem.babai.steps[k].plane_distance) for k in range(len(middles))]
    return scatter(
        x=[m[0] for m in middles],
        y=[m[1] for m in middles],
        name="lengths",
        mode="text",
        text=[f"{3 * NBSP}<b>{length}</b>{3 * NBSP}" for length in lengths],
        textposition=[_side_of_leg(path, k) for k in range(len(middles))],
        textfont={"size": 15},
        hoverinfo="skip",
    )


def _side_of_leg(path: list[FloatArray], k: int) -> str:
    """Where leg k's label goes: on the side away from the leg before or after it."""
    leg = path[k + 1] - path[k]
    bend = path[k - 1] - path[k] if k else path[-1] - path[k + 1]
    if abs(leg[0]) > abs(leg[1]):
        return "bottom center" if bend[1] > 0 else "top center"
    return "middle left" if bend[0] > 0 else "middle right"


def _box(problem: Problem) -> Trace:
    corners = problem.lattice.nearest_plane_box(problem.order_indices)[[0, 1, 3, 2, 0]]
    corners = corners + problem.lattice.point(problem.babai.codes)
    return scatter(
        x=corners[:, 0],
        y=corners[:, 1],
        mode="lines",
        fill="toself",
        fillcolor=translucent(ANSWER, 0.15),
        line={"color": ANSWER, "width": 2},
        name="box of the error",
        hoverinfo="skip",
    )


def _error(problem: Problem) -> Trace:
    answer = problem.lattice.point(problem.babai.codes)
    return scatter(
        x=[problem.target[0], answer[0]],
        y=[problem.target[1], answer[1]],
        mode="lines",
        name="error",
        line={"color": TARGET, "width": 2, "dash": "dash"},
        hoverinfo="skip",
    )


def _basis(problem: Problem, window: Window) -> Trace:
    """The basis vectors as labelled arrows, from a lattice point away from the middle.

    One trace, since four annotations would cost a quarter of the time of a step. Texts that say
    nothing are blanks: after an empty one plotly leaves out others.
    """
    start = window.quiet_point(problem.lattice.basis)
    path = [
        p for b in problem.lattice.basis.T for p in (start, start + b / 2, start + b, [None] * 2)
    ]
    names = [symbol("b", j) for j in range(problem.size)]
    return scatter(
        x=[p[0] for p in path],
        y=[p[1] for p in path],
        mode="lines+markers+text",
        name="basis vector",
        text=[text for name in names for text in (NBSP, f"<b>{name}</b>", NBSP, NBSP)],
        textposition="top center",
        line={"color": NEUTRAL, "width": 2},
        marker={
            "symbol": "arrow",
            "angleref": "previous",
            "size": 12,
            "opacity": [0, 0, 1, 0] * problem.size,
            "color": NEUTRAL,
        },
        hoverinfo="skip",
    )


def _dots(problem: Problem, window: Window, keep: np.ndarray, name: str, marker: dict) -> Trace:
    codes, points = window.codes[keep], window.points[keep]
    return scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name=name,
        marker={"color": NEUTRAL, **marker},
        customdata=codes,
        hovertemplate="z = (%{customdata[0]}, %{customdata[1]})<extra></extra>",
    )


def _marker(point: FloatArray | None, name: str, shape: str, size: int, color: str) -> Trace:
    return scatter(
        x=[None if point is None else point[0]],
        y=[None if point is None else point[1]],
        mode="markers",
        name=name,
        marker={"symbol": shape, "size": size, "color": color, "line": {"width": 2}},
        hovertemplate=f"{name}<extra></extra>",
    )


def _blank(trace: Trace) -> Trace:
    """The trace without its points: it keeps its place in the legend."""
    return trace | {"x": [None], "y": [None]}
