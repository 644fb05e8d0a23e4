"""Nearest plane with three inputs: planes, lines in the nearest plane, points on the nearest line."""

from itertools import pairwise

import numpy as np
import plotly.graph_objects as go

from app.figures.narration import sentences
from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, LEG, NEUTRAL, PLANE, TARGET
from app.figures.plane import NBSP, SURROUNDINGS
from app.figures.stepped import Trace, mesh, scatter_3d, stepped_figure
from app.figures.symbol_marks import babai_marks
from app.figures.window import View, Window, window_around
from lattice_core import Problem
from lattice_core.inputs import FloatArray

NEIGHBOURS = 2  # planes, lines and points shown on either side of the chosen one


def space_figure(problem: Problem) -> go.Figure:
    """The stepped picture of a problem with three inputs; turn it with the mouse or a finger."""
    window = window_around(problem)
    layout = {
        "scene": scene(window),
        **SURROUNDINGS,
    }
    return stepped_figure(
        still_traces(problem, window),
        lambda step: moving_traces(problem, window, step),
        sentences(problem),
        layout,
        symbols=lambda step: babai_marks(problem, window, step),
        narrow={"height": 420},
    )


def scene(view: View) -> dict:
    """A cube without axes: what is drawn is the scale."""
    hidden = {"visible": False, "showspikes": False}
    ranges = zip(view.center - view.half, view.center + view.half, strict=True)
    low_high = [{**hidden, "range": [a, b]} for a, b in ranges]
    return {
        **dict(zip(("xaxis", "yaxis", "zaxis"), low_high, strict=True)),
        "aspectmode": "cube",
        "camera": {"eye": {"x": 0.75, "y": -1.25, "z": 0.55}},
        "dragmode": "turntable",
    }


def still_traces(problem: Problem, window: Window) -> list[Trace]:
    """Lattice points, basis vectors and the target."""
    shown = window.admissible
    codes, points = window.codes[shown], window.points[shown]
    target = problem.target
    return [
        scatter_3d(
            **_xyz(points),
            mode="markers",
            name="lattice points",
            marker={"color": NEUTRAL, "size": 3},
            customdata=codes,
            hovertemplate="z = (%{customdata[0]}, %{customdata[1]}, %{customdata[2]})<extra></extra>",
        ),
        _basis_vectors(problem, window),
        scatter_3d(
            **_xyz(target[None]),
            mode="markers",
            name="target y",
            marker={"symbol": "circle", "size": 7, "color": TARGET},
            hovertemplate="target y<extra></extra>",
        ),
    ]


def moving_traces(problem: Problem, window: Window, step: int) -> list[Trace]:
    """What frame `step` adds: planes or lines to choose from, the nearest, legs, answer, box."""
    trace = problem.babai
    last = problem.size + 1
    path = [
        problem.lattice.point(trace.coordinates_after(k)) for k in range(min(step, last - 1) + 1)
    ]
    done = step >= problem.size
    return [
        _planes(problem, window, step, chosen=False),
        _planes(problem, window, step, chosen=True),
        _family_lines(problem, window, step),
        _candidates(problem, step),
        _box(problem) if step == last else _blank(_box(problem)),
        scatter_3d(
            **_xyz(np.array(path)),
            mode="lines",
            name="error of a step",
            line={"color": LEG, "width": 9},
            hoverinfo="skip",
        ),
        _leg_labels(problem, path),
        _error(problem) if step == last else _blank(_error(problem)),
        _marker(path[-2] if len(path) > 1 else None, "before this step", "circle-open", 6, TARGET),
        _marker(path[-1] if step else None, "target now", "circle", 5, TARGET),
        _marker(path[-1] if done else None, "answer B z", "diamond", 7, ANSWER),
    ]


def _planes(problem: Problem, window: Window, step: int, *, chosen: bool) -> Trace:
    """Step 1's planes as squares: the one chosen (kept afterwards), or the others beside it."""
    name, opacity = ("nearest plane", 0.45) if chosen else ("planes to choose from", 0.18)
    rounding = problem.babai.steps[0]
    codes = [rounding.code] if chosen else _others(problem, rounding.code)
    corners: list[FloatArray] = []
    if step >= 1 if chosen else step == 1:
        corners = [_square(problem, window, code) for code in codes]
    points = np.concatenate(corners) if corners else np.empty((0, 3))
    first = 4 * np.arange(len(corners))
    return mesh(
        **_xyz(points),
        i=np.concatenate([first, first]),
        j=np.concatenate([first + 1, first + 2]),
        k=np.concatenate([first + 2, first + 3]),
        color=PLANE,
        opacity=opacity,
        name=name,
        hoverinfo="skip",
        flatshading=True,
        lighting={"ambient": 1, "diffuse": 0, "specular": 0},
    )


def _square(problem: Problem, window: Window, code: int) -> FloatArray:
    """Corners (4, 3) of the part to show of the plane "first coordinate = code"."""
    directions, _ = problem.lattice.gram_schmidt(problem.order_indices)
    in_plane = directions[:, :2]
    start = code * problem.lattice.basis[:, problem.order_indices[0]]
    middle = start + in_plane @ (in_plane.T @ (window.center - start))
    signs = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return middle + window.half * signs @ in_plane.T


def _family_lines(problem: Problem, window: Window, step: int) -> Trace:
    """Step 2's lines in the chosen plane; in step 3 the chosen line alone."""
    name = "lines to choose from" if step == 2 else "nearest line"
    if step not in (2, 3):
        return _blank(scatter_3d(name="lines to choose from"))
    first, second = problem.babai.steps[:2]
    codes = [second.code]
    if step == 2:
        codes += _others(problem, second.code)
    direction = problem.lattice.basis[:, problem.order_indices[2]]
    direction = direction / np.linalg.norm(direction)
    segments = []
    for code in codes:
        start = first.code * problem.lattice.basis[:, first.index]
        start = start + code * problem.lattice.basis[:, second.index]
        foot = start + direction * ((window.center - start) @ direction)
        segments += [foot - window.half * direction, foot + window.half * direction, None]
    return scatter_3d(
        **_xyz_with_gaps(segments),
        mode="lines",
        name=name,
        line={"color": PLANE, "width": 5},
        hoverinfo="skip",
    )


def _candidates(problem: Problem, step: int) -> Trace:
    """Step 3's points on the chosen line."""
    if step != 3:
        return _blank(scatter_3d(name="points to choose from"))
    rounding = problem.babai.steps[2]
    near = sorted([rounding.code, *_others(problem, rounding.code)])
    codes = np.tile(problem.babai.codes, (len(near), 1))
    codes[:, rounding.index] = near
    return scatter_3d(
        **_xyz(codes @ problem.lattice.basis.T),
        mode="markers",
        name="points to choose from",
        marker={"symbol": "circle", "size": 5, "color": PLANE},
        hoverinfo="skip",
    )


def _others(problem: Problem, code: int) -> list[int]:
    """Admissible codes beside the chosen one."""
    near = [code + d for d in range(-NEIGHBOURS, NEIGHBOURS + 1) if d]
    if problem.grid is None:
        return near
    return [z for z in near if problem.grid.low <= z <= problem.grid.high]


def _basis_vectors(problem: Problem, window: Window) -> Trace:
    start = window.quiet_point(problem.lattice.basis)
    places: list[FloatArray | None] = []
    labels: list[str] = []
    for j, vector in enumerate(problem.lattice.basis.T):
        places += [start, start + vector, None]
        labels += ["", f"<b>{symbol('b', j)}</b>", ""]
    return scatter_3d(
        **_xyz_with_gaps(places),
        mode="lines+text",
        text=labels,
        name="basis vectors",
        line={"color": NEUTRAL, "width": 5},
        hoverinfo="skip",
    )


def _leg_labels(problem: Problem, path: list[FloatArray]) -> Trace:
    middles = np.array([(a + b) / 2 for a, b in pairwise(path)]).reshape(-1, 3)
    lengths = [short(problem.babai.steps[k].plane_distance) for k in range(len(middles))]
    return scatter_3d(
        **_xyz(middles),
        name="lengths",
        mode="text",
        text=[f"{2 * NBSP}<b>{length}</b>{2 * NBSP}" for length in lengths],
        textposition=["middle right", "middle left", "bottom center"][: len(middles)],
        textfont={"size": 14},
        hoverinfo="skip",
    )


def _box(problem: Problem) -> Trace:
    corners = problem.lattice.nearest_plane_box(problem.order_indices)
    corners = corners + problem.lattice.point(problem.babai.codes)
    edges: list[FloatArray | None] = []
    for a in range(8):
        for bit in (1, 2, 4):
            if not a & bit:
                edges += [corners[a], corners[a | bit], None]
    return scatter_3d(
        **_xyz_with_gaps(edges),
        mode="lines",
        name="box of the error",
        line={"color": ANSWER, "width": 4},
        hoverinfo="skip",
    )


def _error(problem: Problem) -> Trace:
    answer = problem.lattice.point(problem.babai.codes)
    return scatter_3d(
        **_xyz(np.array([problem.target, answer])),
        mode="lines",
        name="error",
        line={"color": TARGET, "width": 5, "dash": "dash"},
        hoverinfo="skip",
    )


def _marker(point: FloatArray | None, name: str, shape: str, size: int, color: str) -> Trace:
    place = np.full((1, 3), None) if point is None else point[None]
    return scatter_3d(
        **_xyz(place),
        mode="markers",
        name=name,
        marker={"symbol": shape, "size": size, "color": color},
        hovertemplate=f"{name}<extra></extra>",
    )


def _blank(trace: Trace) -> Trace:
    """The trace without its points: it keeps its place in the legend."""
    return trace | {"x": [None], "y": [None], "z": [None]}


def _xyz(points: FloatArray) -> dict:
    return {"x": points[:, 0], "y": points[:, 1], "z": points[:, 2]}


def _xyz_with_gaps(points: list[FloatArray | None]) -> dict:
    return {
        axis: [None if p is None else float(p[i]) for p in points] for i, axis in enumerate("xyz")
    }
