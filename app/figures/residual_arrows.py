"""Min-pivot as geometry: two or three arrows, and what is left of each after projecting out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import plotly.graph_objects as go

from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, NEUTRAL, PLANE
from app.figures.pivot_sentences import pivot_sentences
from app.figures.plane import NBSP, SURROUNDINGS, axes
from app.figures.space import scene
from app.figures.stepped import Trace, mesh, scatter, scatter_3d, stepped_figure
from app.figures.window import View
from lattice_core import GramSchmidtStep, Problem, min_pivot_steps
from lattice_core.inputs import FloatArray

Path = Sequence[FloatArray | None]

GAP = None  # between the pieces of a path
# Half the edge of the view for each unit that the arrows span; in a plane lengths are written outside.
ROOM = {2: 0.68, 3: 0.58}
CAMERA = {"eye": {"x": 0.6, "y": -1.0, "z": 0.45}}  # nearer than the lattice is looked at
REACH = 0.65  # of a line or plane that is projected out, as a share of half the view


def arrows_figure(problem: Problem) -> go.Figure:
    """The stepped picture for two or three inputs; in space it can be turned."""
    arrows = _Arrows(min_pivot_steps(problem.damped_hessian))
    view = arrows.view
    return stepped_figure(
        [arrows.inputs()],
        arrows.moving_traces,
        pivot_sentences(problem),
        {
            **(axes(view) if problem.size == 2 else {"scene": {**scene(view), "camera": CAMERA}}),
            **SURROUNDINGS,
        },
        narrow={"height": 420},
    )


@dataclass(frozen=True)
class _Arrows:
    """All arrows start at the origin; vectors are rows here."""

    steps: tuple[GramSchmidtStep, ...]

    @cached_property
    def edges(self) -> FloatArray:
        """The Gram-Schmidt vectors (c, c), in the order in which they are taken."""
        return np.array([step.residuals[:, step.index] for step in self.steps])

    @cached_property
    def corners(self) -> FloatArray:
        """The box that the edges span (2^c, c); bit i of a row: along edge i."""
        c = len(self.edges)
        return np.array([[a >> i & 1 for i in range(c)] for a in range(2**c)]) @ self.edges

    @cached_property
    def view(self) -> View:
        """Large enough for all arrows, what is left of them, and the box."""
        seen = np.concatenate([self.corners, *(step.residuals.T for step in self.steps)])
        low, high = seen.min(axis=0), seen.max(axis=0)
        return View((low + high) / 2, float(ROOM[len(low)] * (high - low).max()))

    def inputs(self) -> Trace:
        """The arrows as they are, with their names."""
        vectors = self.steps[0].residuals.T
        texts = [text for j in range(len(vectors)) for text in (NBSP, _bold(symbol("x", j)), NBSP)]
        return self._line(
            _rays(vectors),
            name="inputs",
            mode="lines+markers+text",
            text=texts,
            textposition="top center",
            line={"color": NEUTRAL, "width": 3},
            marker={"symbol": "circle", "size": self._dot(5), "color": NEUTRAL},
        )

    def moving_traces(self, k: int) -> list[Trace]:
        """Frame k: what is left of each arrow, which is taken, what is projected out, the box."""
        if k == 0:
            return self._frame(labels=self.steps[0].residuals.T)
        if k > len(self.steps):
            return self._frame(taken=self.edges, box=self._box(), labels=self.edges)
        step = self.steps[k - 1]
        free = np.flatnonzero(step.residuals.any(axis=0))
        whole, left = self.steps[0].residuals.T[free], step.residuals.T[free]
        return self._frame(
            left=[residual for j, residual in zip(free, left, strict=True) if j != step.index],
            drops=[p for pair in zip(whole, left, strict=True) for p in (*pair, GAP)],
            taken=self.edges[: k - 1],
            projected_out=self.edges[: k - 1],
            chosen=self.edges[[k - 1]],
            labels=left,
        )

    def _frame(
        self,
        *,
        labels: FloatArray,
        left: Sequence[FloatArray] = (),
        drops: Path = (),
        taken: Sequence[FloatArray] = (),
        projected_out: Sequence[FloatArray] = (),
        chosen: Sequence[FloatArray] = (),
        box: Path = (),
    ) -> list[Trace]:
        green, blue = {"color": ANSWER}, {"color": PLANE}
        return [
            *self._projected_out(projected_out),
            self._line(drops, name="drops", line={"color": NEUTRAL, "width": 2, "dash": "dot"}),
            self._line(
                _rays(left),
                name="left over",
                mode="lines+markers",
                line={**blue, "width": 5},
                marker={**blue, "symbol": "circle", "size": [0, self._dot(4), 0] * len(left)},
            ),
            self._line(_rays(taken), name="taken before", line={**green, "width": 4}),
            self._line(
                _rays(chosen),
                name="shortest: taken",
                mode="lines+markers",
                line={**green, "width": 8},
                marker={**green, "symbol": "diamond", "size": [0, self._dot(8), 0] * len(chosen)},
            ),
            self._line(box, name="box of these edges", line={**green, "width": 3}),
            self._points(
                [self._beside(vector) for vector in labels],
                name="lengths",
                mode="text",
                text=[f"{2 * NBSP}{short(np.linalg.norm(v))}{2 * NBSP}" for v in labels],
                textposition="middle center" if len(self.edges) == 2 else "middle right",
                textfont={"size": 14},
                hoverinfo="skip",
            ),
        ]

    def _dot(self, size: int) -> int:
        """Markers of one size look half as large in a plane as in space."""
        return 2 * size if len(self.edges) == 2 else size

    def _beside(self, vector: FloatArray) -> FloatArray:
        """Where the vector's length is written: in a plane on its outer side, in space on it."""
        if len(vector) == 3:
            return 0.6 * vector
        outward = np.array([-vector[1], vector[0]]) / np.linalg.norm(vector)
        outward *= np.sign(outward @ (vector / 2 - self.view.center)) or 1.0
        return 0.5 * vector + 0.13 * self.view.half * outward

    def _projected_out(self, taken: Sequence[FloatArray]) -> list[Trace]:
        """The line of one arrow taken before; in space also the plane of two."""
        name = "projected out"
        directions = np.array([v / np.linalg.norm(v) for v in taken]).reshape(-1, len(self.edges))
        middle = directions.T @ (directions @ self.view.center)
        reach = REACH * self.view.half * directions
        ends = [middle - reach[0], middle + reach[0]] if len(taken) == 1 else []
        line = {"color": ANSWER, "width": 2, "dash": "dash"}
        traces = [self._line(ends, name=name, line=line)]
        if len(self.edges) == 3:
            corners = np.full((4, 3), None)
            if len(taken) == 2:
                corners = middle + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) @ reach
            traces.append(
                mesh(
                    **_columns(corners),
                    **{"i": [0, 0], "j": [1, 2], "k": [2, 3]},
                    color=ANSWER,
                    opacity=0.2,
                    name=name,
                    hoverinfo="skip",
                    flatshading=True,
                    lighting={"ambient": 1, "diffuse": 0, "specular": 0},
                )
            )
        return traces

    def _box(self) -> Path:
        pairs = [(a, a | 1 << i) for a in range(len(self.corners)) for i in range(len(self.edges))]
        return [p for a, b in pairs if a != b for p in (self.corners[a], self.corners[b], GAP)]

    def _line(self, path: Path, **attributes: object) -> Trace:
        return self._points(path, **{"mode": "lines", "hoverinfo": "skip", **attributes})

    def _points(self, points: Path, **attributes: object) -> Trace:
        blank = [None] * len(self.edges)
        table = np.array([blank if p is None else list(p) for p in points or [GAP]], dtype=object)
        draw = scatter if len(self.edges) == 2 else scatter_3d
        return draw(**_columns(table), **attributes)


def _rays(vectors: Sequence[FloatArray]) -> Path:
    """Each vector from the origin."""
    return [p for vector in vectors for p in (np.zeros(len(vector)), vector, GAP)]


def _columns(points: np.ndarray) -> dict:
    return {axis: points[:, i].tolist() for i, axis in enumerate("xyz"[: points.shape[1]])}


def _bold(text: str) -> str:
    return f"<b>{text}</b>"
