"""From the data's lattice to that of round-to-nearest: one frame for each damping (law L14)."""

from collections.abc import Sequence
from itertools import combinations, product
from math import isinf

import numpy as np
import plotly.graph_objects as go

from app.figures.numbers import percent, short, symbol, vector
from app.figures.palette import ANSWER, NEUTRAL, PLANE, TARGET, translucent
from app.figures.plane import NBSP, SURROUNDINGS, axes
from app.figures.space import scene
from app.figures.stepped import Trace, scatter, scatter_3d, stepped_figure
from app.figures.window import View, window_around
from lattice_core import Problem
from lattice_core.damping_path import DampedRounding, becomes_nearest, damping_path
from lattice_core.damping_path import rounded_to_nearest as nearest_codes
from lattice_core.inputs import FloatArray

REACH = {2: 14, 3: 4}


def damping_figure(problem: Problem) -> go.Figure:
    """The stepped picture of a problem with two or three inputs.

    The target stands still in the middle and the lattice moves. Lengths are divided by √(1 + λ),
    which keeps the mean square length of the basis vectors per spacing as it is without damping.
    """
    path = damping_path(problem)
    windows = [window_around(step.averaged) for step in path]
    view = View(np.zeros(problem.size), 1.1 * max(window.half for window in windows))
    start = _corner(path, view)
    flat = problem.size == 2
    return stepped_figure(
        [_point(np.zeros(problem.size), "target y", "circle", TARGET)],
        lambda k: _moving(path[k], view, start),
        damping_sentences(problem, path),
        {**(axes(view) if flat else {"scene": scene(view)}), **SURROUNDINGS},
        narrow={"height": 420},
    )


def damping_name(damping: float) -> str:
    """``0.3``, ``∞``."""
    return "∞" if isinf(damping) else f"{damping:g}"


def damping_sentences(problem: Problem, path: Sequence[DampedRounding]) -> list[str]:
    """What each frame shows."""
    nearest = nearest_codes(problem)
    settled = becomes_nearest(problem, path)
    return [_sentence(step, nearest, settled) for step in path]


def _sentence(step: DampedRounding, nearest: np.ndarray, settled: float) -> str:
    share = step.identity_share
    if share == 0:
        start = "λ = 0: the data's own lattice."
    elif share == 1:
        start = (
            "λ = ∞: the data are forgotten. The basis vectors stand at right angles, and the box is "
            "the cell of rounding to nearest."
        )
    else:
        start = f"λ = {step.damping:g}: {percent(share)} of the sum of the diagonal is damping, the rest is data."
    if np.array_equal(step.codes, nearest):
        codes = f"Nearest plane finds z = {vector(step.codes)}, what rounding to nearest finds" + (
            ", from here on for good." if step.damping == settled else "."
        )
    else:
        codes = (
            f"Nearest plane finds z = {vector(step.codes)}; rounding to nearest would take "
            f"{vector(nearest)}."
        )
    return f"{start} {codes} Loss on the data {short(step.undamped_loss)}."


def _moving(step: DampedRounding, view: View, start: np.ndarray) -> list[Trace]:
    """The lattice of one damping as seen from its target, and what is found in it."""
    problem = step.averaged
    lattice, target = problem.lattice, problem.target
    answer = lattice.point(step.codes) - target
    nearest = lattice.point(nearest_codes(problem)) - target
    box = answer + lattice.nearest_plane_box(problem.order_indices)
    cell = answer + lattice.round_off_parallelepiped()
    return [
        _dots(problem, view),
        _basis_vectors(problem, lattice.point(start) - target),
        _cell(cell, "round-off cell", NEUTRAL, "dash"),
        _cell(box, "box of the error", ANSWER, "solid"),
        _line([np.zeros_like(answer), answer], "error", TARGET, "dash"),
        _point(nearest, "rounded to nearest", "square-open", PLANE),
        _point(answer, "answer B z", "diamond", ANSWER),
    ]


def _corner(path: Sequence[DampedRounding], view: View) -> np.ndarray:
    """Codes (c,) from which the basis vectors are in view in every frame, away from the middle."""
    middle = np.rint(np.divide(path[0].source.weights, path[0].source.scales))
    size = len(middle)
    offsets = np.array(list(product(range(-3, 4), repeat=size)), dtype=float)
    cost = np.zeros(len(offsets))
    for step in path:
        basis = step.averaged.lattice.basis
        starts = (middle + offsets) @ basis.T - step.averaged.target
        ends = starts[:, None, :] + np.vstack([np.zeros(size), basis.T])
        overhang = np.maximum(np.abs(ends).max(axis=(1, 2)) - 0.95 * view.half, 0)
        answer = basis @ step.codes - step.averaged.target
        apart = np.linalg.norm(ends - answer, axis=2).min(axis=1)
        crowding = np.maximum(0.5 * view.half - apart, 0)
        cost += np.linalg.norm(starts + 0.8 * view.half, axis=1) + 300 * overhang + 10 * crowding
    return middle + offsets[int(np.argmin(cost))]


def _dots(problem: Problem, view: View) -> Trace:
    lattice = problem.lattice
    needed = np.ceil(1.1 * view.half * np.linalg.norm(np.linalg.inv(lattice.basis), axis=1).max())
    reach = int(min(needed + 1, REACH[problem.size]))
    codes, points = lattice.points_near(lattice.coordinates(problem.target), reach)
    points = points - problem.target
    inside = np.abs(points).max(axis=1) <= 1.1 * view.half
    if problem.grid is not None:
        grid = problem.grid
        inside &= ((codes >= grid.low) & (codes <= grid.high)).all(axis=1)
    shown = ", ".join(f"%{{customdata[{j}]}}" for j in range(problem.size))
    return _trace(
        points[inside],
        mode="markers",
        name="lattice points",
        marker={"color": NEUTRAL, "symbol": "circle", "size": 7 if problem.size == 2 else 3},
        customdata=codes[inside].astype(int).tolist(),
        hovertemplate=f"z = ({shown})<extra></extra>",
    )


def _basis_vectors(problem: Problem, start: FloatArray) -> Trace:
    gap = np.full(problem.size, np.nan)
    points = [p for b in problem.lattice.basis.T for p in (start, start + b, gap)]
    names = [
        text
        for j in range(problem.size)
        for text in (NBSP, f"<b>{symbol('b', j)}</b>{2 * NBSP}", NBSP)
    ]
    arrows = (
        {
            "marker": {
                "symbol": "arrow",
                "angleref": "previous",
                "size": 12,
                "opacity": [0, 1, 0] * problem.size,
                "color": NEUTRAL,
            },
            "mode": "lines+markers+text",
        }
        if problem.size == 2
        else {"mode": "lines+text"}
    )
    return _trace(
        np.array(points),
        name="basis vector",
        text=names,
        textposition="top center",
        line={"color": NEUTRAL, "width": 2 if problem.size == 2 else 5},
        hoverinfo="skip",
        **arrows,
    )


def _cell(corners: FloatArray, name: str, color: str, dash: str) -> Trace:
    """A parallelepiped by its corners (2^c, c), bit by bit: filled in the plane, edges in space."""
    if len(corners) == 4:
        fill = {"fill": "toself", "fillcolor": translucent(color, 0.15)}
        return _line(list(corners[[0, 1, 3, 2, 0]]), name, color, dash, **fill)
    gap = np.full(3, np.nan)
    pairs = [(a, b) for a, b in combinations(range(8), 2) if (a ^ b).bit_count() == 1]
    return _line([p for a, b in pairs for p in (corners[a], corners[b], gap)], name, color, dash)


def _line(points: list[FloatArray], name: str, color: str, dash: str, **more: object) -> Trace:
    width = 2 if len(points[0]) == 2 else 4
    return _trace(
        np.array(points),
        mode="lines",
        name=name,
        line={"color": color, "width": width, "dash": dash},
        hoverinfo="skip",
        **more,
    )


def _point(point: FloatArray, name: str, shape: str, color: str) -> Trace:
    flat = len(point) == 2
    sizes = {"circle": 13, "diamond": 15, "square-open": 23}
    return _trace(
        point[None],
        mode="markers",
        name=name,
        marker={
            "symbol": shape,
            "size": sizes[shape] if flat else sizes[shape] // 2,
            "color": color,
            "line": {"width": 3 if shape == "square-open" else 2, "color": color},
        },
        hovertemplate=f"{name}<extra></extra>",
    )


def _trace(points: FloatArray, **attributes: object) -> Trace:
    """Points (m, c) in the plane or in space; NaN makes a gap."""
    make = scatter if points.shape[1] == 2 else scatter_3d
    places = [[None if np.isnan(v) else float(v) for v in axis] for axis in points.T]
    return make(**dict(zip("xyz", places, strict=False)), **attributes)
