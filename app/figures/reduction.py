"""Lattice reduction in steps: the points stay, the basis changes, and with it box and answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import plotly.graph_objects as go

from app.figures import plane, space
from app.figures.length_stalks import stalk_axes, stalks
from app.figures.numbers import symbol
from app.figures.palette import ANSWER, NEUTRAL, PLANE, TARGET, translucent
from app.figures.plane import NBSP
from app.figures.reduction_sentences import reduction_sentences
from app.figures.stepped import Trace, scatter, scatter_3d, stepped_figure
from app.figures.window import Window, window_around
from lattice_core import Problem
from lattice_core.inputs import FloatArray
from lattice_core.reduced_problem import ReductionStage

SURROUNDINGS = {**plane.SURROUNDINGS, "margin": {**plane.SURROUNDINGS["margin"], "b": 100}}
GAP = None  # between the pieces of a path
Path = Sequence[FloatArray | None]


def reduction_figure(problem: Problem, stages: Sequence[ReductionStage], delta: float) -> go.Figure:
    """One frame for the start, one a move, one for the result; two or three inputs.

    With two inputs the target can be dragged. Beside the lattice are the Gram-Schmidt lengths.
    """
    drawing = _Drawing(problem, tuple(stages), window_around(problem))
    flat = problem.size == 2
    if flat:
        layout = plane.axes(drawing.window, domain=(0, 0.66))
        patch: dict = {"xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.42, 1]}}
    else:
        scene = {**space.scene(drawing.window), "domain": {"x": [0, 0.68], "y": [0, 1]}}
        layout, patch = {"scene": scene}, {"scene": {"domain": {"x": [0, 1], "y": [0.42, 1]}}}
    return stepped_figure(
        [drawing.lattice_points(), drawing.target()],
        drawing.moving_traces,
        reduction_sentences(problem, stages, delta),
        {
            **layout,
            **stalk_axes([stage.lengths for stage in stages], (0.74, 1)),
            **SURROUNDINGS,
        },
        handles={"target": 1} if flat else None,
        narrow={
            **patch,
            "xaxis2": {"domain": [0.1, 0.9]},
            "yaxis2": {"domain": [0.07, 0.36]},
            "margin": {"b": 150},
            "height": 800,
        },
    )


@dataclass(frozen=True)
class _Drawing:
    """What is drawn of a run of LLL; all arrows start at one lattice point."""

    problem: Problem
    stages: tuple[ReductionStage, ...]
    window: Window

    @property
    def flat(self) -> bool:
        return self.problem.size == 2

    @cached_property
    def origin(self) -> FloatArray:
        """A lattice point from which the arrows of all stages stay in the picture."""
        return self.window.quiet_point(np.hstack([stage.lattice.basis for stage in self.stages]))

    def moving_traces(self, k: int) -> list[Trace]:
        """Frame k: ghost, basis, box, answer; in the result also the first box and answer."""
        first, done = self.stages[0], k == len(self.stages)
        stage = self.stages[-1 if done else k]
        ghost = first if done else self.stages[k - 1] if k else None
        grey, green = {"color": NEUTRAL}, {"color": ANSWER}
        fill = {"fill": "toself", "fillcolor": translucent(ANSWER, 0.12)} if self.flat else {}
        return [
            self._arrows(ghost, "basis before", {**grey, "width": 2, "dash": "dash"}),
            self._arrows(
                stage, "basis now", {"color": PLANE, "width": 4 if self.flat else 8}, named=True
            ),
            self._trace(
                self._box(first) if done else [],
                name="box before",
                mode="lines",
                line={**grey, "width": 2, "dash": "dash"},
            ),
            self._trace(
                self._box(stage),
                name="box of the error",
                mode="lines",
                line={**green, "width": 3 if self.flat else 5},
                **fill,
            ),
            self._trace(
                [first.lattice.point(first.reduced_codes)] if done else [],
                name="answer before",
                marker=self._marker("diamond-open", 17, NEUTRAL),
            ),
            self._trace(
                [stage.lattice.point(stage.reduced_codes)],
                name="answer B z",
                marker=self._marker("diamond", 13, ANSWER),
            ),
            *stalks(first.lengths, stage.lengths),
        ]

    def lattice_points(self) -> Trace:
        """The points that every basis makes."""
        codes = ", ".join(f"%{{customdata[{j}]}}" for j in range(self.problem.size))
        return self._trace(
            list(self.window.points),
            name="lattice points",
            marker={"color": NEUTRAL, "size": 7 if self.flat else 3},
            customdata=self.window.codes,
            hovertemplate=f"z = ({codes})<extra></extra>",
        )

    def target(self) -> Trace:
        """The target, which can be dragged in the plane."""
        return self._trace(
            [self.problem.target],
            name="target y",
            marker={"symbol": "circle", "size": 13 if self.flat else 7, "color": TARGET},
            hovertemplate="target y<extra></extra>",
        )

    def _arrows(
        self, stage: ReductionStage | None, name: str, line: dict, *, named: bool = False
    ) -> Trace:
        vectors = [] if stage is None else list(stage.lattice.basis.T)
        head = {"symbol": "arrow", "angleref": "previous"} if self.flat else {"symbol": "diamond"}
        size = 14 if self.flat else 5
        labels = [f"<b>{symbol('b', j)}</b>" if named else NBSP for j in range(len(vectors))]
        return self._trace(
            [p for b in vectors for p in (self.origin, self.origin + b, GAP)],
            name=name,
            mode="lines+markers+text",
            text=[text for label in labels for text in (NBSP, label, NBSP)] or [NBSP],
            textposition="top center",
            textfont={"size": 15},
            line=line,
            marker={**head, "size": [0, size, 0] * len(vectors) or [0], "color": line["color"]},
        )

    def _box(self, stage: ReductionStage) -> Path:
        """The box of the targets with this answer, as one path along its edges."""
        corners = stage.lattice.nearest_plane_box() + stage.lattice.point(stage.reduced_codes)
        if self.flat:
            return list(corners[[0, 1, 3, 2, 0]])
        edges = [(a, a | bit) for a in range(8) for bit in (1, 2, 4) if not a & bit]
        return [p for a, b in edges for p in (corners[a], corners[b], GAP)]

    def _marker(self, shape: str, size: int, color: str) -> dict:
        return {
            "symbol": shape,
            "size": size if self.flat else size // 2,
            "color": color,
            "line": {"width": 2, "color": color},
        }

    def _trace(self, points: Path, **look: object) -> Trace:
        """A trace of points with gaps; an empty one keeps its place in the legend."""
        c = self.problem.size
        axes = {
            axis: [None if p is None else float(p[i]) for p in points] or [None]
            for i, axis in enumerate("xyz"[:c])
        }
        draw = scatter if self.flat else scatter_3d
        return draw(**axes, **{"mode": "markers", "hoverinfo": "skip", **look})
