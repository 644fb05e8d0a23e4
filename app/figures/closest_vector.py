"""The closest lattice point beside what round-off and nearest plane find: their cells, laid over each other."""

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go

from app.figures.numbers import symbol
from app.figures.palette import NEUTRAL, ROUNDING_COLORS, ROUNDING_DASHES, TARGET, translucent
from app.figures.plane import NBSP, SURROUNDINGS, axes
from app.figures.rounding_sentences import LAST_STEP, sentences
from app.figures.stepped import Trace, scatter, stepped_figure
from app.figures.window import View
from lattice_core import Problem
from lattice_core.convex_polygon import in_turn, intersection
from lattice_core.disagreement import Rounding, disagreement_share, rounding_cell
from lattice_core.inputs import FloatArray, IntArray
from lattice_core.many_targets import vectors_within
from lattice_core.placement import Placement
from lattice_core.rounding_answers import RoundingAnswer, rounding_answers

# The frame from which on each rounding is shown, and the names of its traces.
FIRST_FRAMES: dict[Rounding, int] = {"closest": 1, "round_off": 2, "nearest_plane": 3}
CELLS: dict[Rounding, str] = {
    "closest": "cell of the closest point",
    "round_off": "cell of round-off",
    "nearest_plane": "box of nearest plane",
}
MISSES: dict[Rounding, str] = {
    "round_off": "round-off misses",
    "nearest_plane": "nearest plane misses",
}
# The paper is seldom a square: this much more of it shows, to the sides and up and down.
WIDER = np.array([1.5, 1.1])
ZOOM = 1.25  # from one size of the picture to the next
HATCHES: dict[Rounding, str] = {"round_off": "/", "nearest_plane": "\\"}
MARKERS: dict[Rounding, tuple[str, int]] = {
    "closest": ("circle-open", 22),
    "round_off": ("square-open", 16),
    "nearest_plane": ("diamond", 11),
}


def closest_vector_figure(problem: Problem, placement: Placement) -> go.Figure:
    """The stepped picture of a problem with two inputs, placed on the paper like this.

    The target and the tips of the two basis vectors can be dragged.
    """
    paper = _Paper(problem, placement)
    still = [
        paper.dots(inside=False),
        paper.dots(inside=True),
        *(paper.tip(j) for j in range(2)),
        paper.target_mark(),
    ]
    last = len(still) - 1
    return stepped_figure(
        still,
        paper.moving,
        sentences(problem, paper.answers),
        {**axes(paper.view), **SURROUNDINGS, "margin": {**SURROUNDINGS["margin"], "b": 104}},
        handles={"b1": last - 2, "b2": last - 1, "target": last},
        narrow={"height": 470, "margin": {"b": 130}},
    )


class _Paper:
    """What is on the paper: everything in its coordinates, computed once for all frames."""

    def __init__(self, problem: Problem, placement: Placement) -> None:
        self.problem = problem
        self.placement = placement
        self.answers = rounding_answers(problem)
        self.basis = placement.basis(problem.lattice)
        self.target = placement.on_paper(problem.lattice, problem.target)
        self.view = _view(self.basis, self.target, problem.lattice.determinant)
        self.shown = self.view.half * WIDER
        self.codes, self.points = self._lattice_in_view()

    def moving(self, step: int) -> list[Trace]:
        """What frame `step` adds to the lattice."""
        shown = [rounding for rounding, first in FIRST_FRAMES.items() if first <= step]
        return [
            *(self.misses(rounding, step == LAST_STEP) for rounding in MISSES),
            self.tiling(next((r for r, first in FIRST_FRAMES.items() if first == step), None)),
            *(self.cell(rounding, rounding in shown) for rounding in FIRST_FRAMES),
            self.errors(shown),
            self.found(shown),
            self.arrows(),
        ]

    def dots(self, *, inside: bool) -> Trace:
        """The lattice points whose codes the grid has, or has not."""
        grid = self.problem.grid
        admissible = np.ones(len(self.codes), dtype=bool)
        if grid is not None:
            admissible = ((self.codes >= grid.low) & (self.codes <= grid.high)).all(axis=1)
        keep = admissible == inside
        return scatter(
            **_xy(self.points[keep]),
            mode="markers",
            name="lattice points" if inside else "outside the grid",
            marker={
                "color": NEUTRAL,
                "symbol": "circle" if inside else "x-thin-open",
                "size": 7 if inside else 6,
            },
            customdata=self.codes[keep],
            hovertemplate="z = (%{customdata[0]}, %{customdata[1]})<extra></extra>",
        )

    def arrows(self) -> Trace:
        """The basis vectors from the paper's origin, their names beside the middle.

        Texts that say nothing are blanks: after an empty one plotly leaves out others.
        """
        gap, blanks = (None, None), [NBSP] * 3
        path = [p for j in range(2) for p in ((0, 0), self.basis[:, j], gap, self._beside(j), gap)]
        return scatter(
            x=[p[0] for p in path],
            y=[p[1] for p in path],
            mode="lines+text",
            name="basis vector",
            text=[t for j in range(2) for t in (*blanks, f"<b>{symbol('b', j)}</b>", NBSP)],
            textposition="middle center",
            textfont={"size": 15},
            line={"color": NEUTRAL, "width": 3},
            hoverinfo="skip",
        )

    def _beside(self, j: int) -> FloatArray:
        """A point beside the middle of a basis vector, away from the other one."""
        along, other = self.basis[:, j], self.basis[:, 1 - j]
        across = np.array([-along[1], along[0]]) / np.linalg.norm(along)
        return np.asarray(along / 2 - np.sign(across @ other) * across * 0.09 * self.view.half)

    def tip(self, j: int) -> Trace:
        """The end of a basis vector, to be dragged."""
        tip = self.basis[:, j]
        return scatter(
            **_xy([tip]),
            mode="markers",
            name=f"tip of {symbol('b', j)}",
            marker={
                "symbol": "arrow",
                "angle": float(np.rad2deg(np.arctan2(tip[0], tip[1]))),
                "size": 16,
                "color": NEUTRAL,
            },
            hovertemplate=f"tip of {symbol('b', j)}<extra></extra>",
        )

    def target_mark(self) -> Trace:
        """The target, to be dragged."""
        return scatter(
            **_xy([self.target]),
            mode="markers",
            name="target y",
            marker={"symbol": "circle", "size": 13, "color": TARGET},
            hovertemplate="target y<extra></extra>",
        )

    def misses(self, rounding: Rounding, shown: bool) -> Trace:
        """All targets in view that this rounding does not send to the closest point, hatched.

        The plane but for where they agree, one hole a lattice point: far fewer corners than the
        regions themselves have, which are many where the basis is skewed.
        """
        color = ROUNDING_COLORS[rounding]
        lattice, order = self.problem.lattice, self.problem.order_indices
        shown = shown and disagreement_share(lattice, rounding, "closest", order) > 0
        return _area(
            _around(self._copies([self._agreement(rounding)])) if shown else [],
            MISSES[rounding],
            line={"color": color, "width": 1},
            fillpattern={
                "shape": HATCHES[rounding],
                "fgcolor": color,
                "bgcolor": translucent(color, 0.12),
                "size": 7,
                "solidity": 0.25,
            },
        )

    def tiling(self, rounding: Rounding | None) -> Trace:
        """The cells of one rounding around all points in view, thin."""
        cells = [] if rounding is None else self._copies([self._cell(rounding)])
        return _area(cells, "cells of all points", fill="none", line={"color": NEUTRAL, "width": 1})

    def cell(self, rounding: Rounding, shown: bool) -> Trace:
        """The cell around this rounding's answer."""
        color = ROUNDING_COLORS[rounding]
        around = self._on_paper(self.answers[rounding])
        return _area(
            [self._cell(rounding) + around] if shown else [],
            CELLS[rounding],
            fillcolor=translucent(color, 0.12),
            line={"color": color, "width": 3, "dash": ROUNDING_DASHES[rounding]},
        )

    def errors(self, shown: list[Rounding]) -> Trace:
        """From the target to the answers."""
        ends = [(self.target, self._on_paper(self.answers[r]), (None, None)) for r in shown]
        return scatter(
            **_xy([point for end in ends for point in end] or [(None, None)]),
            mode="lines",
            name="error",
            line={"color": TARGET, "width": 2},
            hoverinfo="skip",
        )

    def found(self, shown: list[Rounding]) -> Trace:
        """The lattice points found, each rounding with its own mark, so that they may coincide."""
        marks = [MARKERS[rounding] for rounding in shown]
        return scatter(
            **_xy([self._on_paper(self.answers[r]) for r in shown] or [(None, None)]),
            mode="markers",
            name="answer",
            marker={
                "symbol": [shape for shape, _ in marks],
                "size": [size for _, size in marks],
                "color": [ROUNDING_COLORS[rounding] for rounding in shown],
                "line": {"width": 3, "color": [ROUNDING_COLORS[rounding] for rounding in shown]},
            },
            hoverinfo="skip",
        )

    def _on_paper(self, answer: RoundingAnswer) -> FloatArray:
        return self.placement.on_paper(self.problem.lattice, answer.point)

    def _cell(self, rounding: Rounding) -> FloatArray:
        order = self.problem.order_indices
        return rounding_cell(self.problem.lattice, rounding, order) @ self.placement.matrix.T

    def _agreement(self, rounding: Rounding) -> FloatArray:
        """The targets around the origin that this rounding sends to their closest point."""
        cells = (in_turn(self._cell(name)) for name in (rounding, "closest"))
        return intersection(*cells)

    def _copies(self, polygons: list[FloatArray]) -> list[FloatArray]:
        """The polygons around every lattice point, where they reach into the view."""
        low, high = self.view.center - self.shown, self.view.center + self.shown
        digits = 3 - int(np.floor(np.log10(self.view.half)))  # finer than a pixel
        kept: list[FloatArray] = []
        for polygon in polygons:
            copies = (polygon + self.points[:, None, :]).round(digits)  # (copies, corners, 2)
            seen = (copies.max(axis=1) > low).all(axis=1) & (copies.min(axis=1) < high).all(axis=1)
            kept.extend(copies[seen])
        return kept

    def _lattice_in_view(self) -> tuple[IntArray, FloatArray]:
        """Lattice points in the view and as far around it as cells can reach into it."""
        beyond = max(
            float(np.linalg.norm(self._cell(rounding), axis=1).max()) for rounding in FIRST_FRAMES
        )
        reach = float(np.linalg.norm(self.shown)) + beyond
        steps = vectors_within(
            self.problem.lattice, float(np.linalg.norm(self.view.center)) + reach
        )
        points = steps @ self.basis.T
        near = (np.abs(points - self.view.center) <= self.shown + beyond).all(axis=1)
        return steps[near] + np.array(self.placement.anchor), points[near]


def _view(basis: FloatArray, target: FloatArray, determinant: float) -> View:
    """A square with the origin, both tips and the target; steady while they move a little."""
    ends = np.column_stack([np.zeros(2), basis])
    center, half = _square(ends, 1.5 * np.sqrt(determinant), 1.3)
    if np.abs(target - center).max() <= 0.8 * half:
        return View(center, half)
    return View(*_square(np.column_stack([ends, target]), half, 1.25))


def _square(points: FloatArray, least: float, room: float) -> tuple[FloatArray, float]:
    """Centre and half edge of a square around the points (2, m), with room beside them."""
    low, high = points.min(axis=1), points.max(axis=1)
    needed = max(least, room * float((high - low).max()) / 2)
    half = ZOOM ** np.ceil(np.log(needed) / np.log(ZOOM) - 1e-9)
    raster = half / 5
    return raster * np.rint((low + high) / 2 / raster), float(half)


def _area(polygons: list[FloatArray], name: str, **look: object) -> Trace:
    """Closed polygons, as one trace."""
    corners: list = []
    for polygon in polygons:
        rows = polygon.tolist()
        corners += [*rows, rows[0], (None, None)]
    return scatter(
        **_xy(corners or [(None, None)]),
        **{"mode": "lines", "fill": "toself", "name": name, "hoverinfo": "skip", **look},
    )


def _around(holes: list[FloatArray]) -> list[FloatArray]:
    """A rectangle around polygons, and these the other way round: what is filled is between them."""
    corners = np.vstack(holes)
    (left, bottom), (right, top) = corners.min(axis=0) - 1e-9, corners.max(axis=0) + 1e-9
    rectangle = np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
    return [rectangle, *(hole[::-1] for hole in holes)]


def _xy(points: Iterable) -> dict[str, list]:
    rows = [list(point) for point in points]
    return {"x": [row[0] for row in rows], "y": [row[1] for row in rows]}
