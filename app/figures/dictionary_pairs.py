"""The dictionary as a figure: each frame lights up one thing in the lattice and its twin on the number lines."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import plotly.graph_objects as go

from app.figures import number_lines, plane
from app.figures.palette import LEG, NEUTRAL
from app.figures.stepped import Trace, scatter, stepped_figure
from app.figures.window import window_around
from lattice_core import Problem, round_off

DIMMED = 0.15
ROUND_OFF, SPACING = "rounded each by itself", "one spacing"


@dataclass(frozen=True)
class Pair:
    """One line of the dictionary.

    Attributes
    ----------
    quantization, lattice : str
        The same thing in both languages; plain text.
    step : int
        Of the algorithms; −1 is the last.
    lit : frozenset of str
        Names of the traces that show it.
    bits : int or None
        The grid on show.
    """

    quantization: str
    lattice: str
    step: int
    lit: frozenset[str]
    bits: int | None = None


DICTIONARY = (
    Pair("a row of weights w", "target y", 0, frozenset({"original weight", "target y"})),
    Pair(
        "input column xⱼ of the layer, times the spacing sⱼ",
        "basis vector bⱼ",
        0,
        frozenset({"basis vector", SPACING}),
    ),
    Pair("integer codes z", "a lattice point Bz", -1, frozenset({"code", "answer B z"})),
    Pair(
        "rounding one weight to its nearest code",
        "choosing the nearest of parallel planes (here: lines)",
        1,
        frozenset({"nearest plane", "planes to choose from", "code", "centre"}),
    ),
    Pair(
        "the rounding error of that weight",
        "the distance to the plane",
        1,
        frozenset({"error of a step", "lengths"}),
    ),
    Pair(
        "pushing the error to the other weights",
        "moving the target onto the plane",
        1,
        frozenset(
            {"target now", "before this step", "weight now", "pushed to the others", "shift"}
        ),
    ),
    Pair(
        "squared error of the layer, ‖X(q − w)‖², damping included",
        "squared distance ‖Bz − y‖²",
        -1,
        frozenset({"error", "error of a step", "lengths"}),
    ),
    Pair(
        "pivots times squared spacings, Dⱼ sⱼ²",
        "squared Gram-Schmidt lengths: the edges of the box",
        -1,
        frozenset({"box of the error"}),
    ),
    Pair(
        "round-to-nearest, every weight by itself",
        "Babai's round-off",
        -1,
        frozenset({ROUND_OFF}),
    ),
    Pair(
        "GPTQ",
        "Babai's nearest plane",
        -1,
        frozenset({"error of a step", "nearest plane", "answer B z", "code", "centre"}),
    ),
    Pair(
        "the order of quantization: act-order, min-pivot",
        "the order of the basis vectors, read backwards",
        0,
        frozenset({"basis vector", "original weight"}),
    ),
    Pair(
        "clipping the codes to 2 bits",
        "keeping to a finite piece of the lattice",
        0,
        frozenset({"lattice points", "outside the grid"}),
        bits=2,
    ),
)


def dictionary_figure(problem: Problem) -> go.Figure:
    """A problem with two inputs; one frame for each `Pair` of the dictionary."""
    window = window_around(problem)
    figure = stepped_figure(
        [],
        lambda k: _traces(problem, DICTIONARY[k]),
        [f"{pair.quantization} ↔ {pair.lattice}" for pair in DICTIONARY],
        {
            **plane.axes(window, domain=(0, 0.48)),
            **number_lines.axes(problem, 0.58),
            **plane.SURROUNDINGS,
        },
        narrow={
            "xaxis": {"domain": [0, 1]},
            "yaxis": {"domain": [0.46, 1]},
            "xaxis2": {"domain": [0.08, 1]},
            "yaxis2": {"domain": [0.04, 0.36]},
            "height": 560,
        },
    ).checked
    for frame in figure.frames:  # the legend names what is lit
        for trace in frame.data:
            trace.showlegend = bool(trace.showlegend) and trace.opacity == 1
    return figure


def _traces(problem: Problem, pair: Pair) -> list[Trace]:
    shown = replace(problem, bits=pair.bits)
    window, step = window_around(shown), pair.step % (problem.size + 2)
    traces = [
        *plane.still_traces(shown, window),
        *plane.moving_traces(shown, window, step),
        *number_lines.still_traces(shown),
        *number_lines.moving_traces(shown, step),
        *_rounded_alone(shown),
        _spacings(shown),
    ]
    return [_lit_or_dimmed(trace, pair.lit) for trace in traces]


def _lit_or_dimmed(trace: Trace, lit: Iterable[str]) -> Trace:
    name = trace["name"]
    if name in (ROUND_OFF, SPACING) and name not in lit:
        return trace | {"x": [None], "y": [None]}
    return trace | {"opacity": 1 if name in lit else DIMMED}


def _rounded_alone(problem: Problem) -> list[Trace]:
    """Round-off's answer, in the lattice and on the lines."""
    codes = round_off(problem.lattice, problem.target, problem.grid)
    point = problem.lattice.point(codes)
    look = {
        "mode": "markers",
        "name": ROUND_OFF,
        "marker": {"symbol": "square", "size": 15, "color": LEG, "line": {"width": 2}},
        "hoverinfo": "skip",
    }
    rows = [-int(np.flatnonzero(problem.order_indices == j)[0]) for j in range(problem.size)]
    return [
        scatter(x=[point[0]], y=[point[1]], **look),
        scatter(x=[int(code) for code in codes], y=rows, xaxis="x2", yaxis="y2", **look),
    ]


def _spacings(problem: Problem) -> Trace:
    """From code 0 to code 1 on every line."""
    rows = range(problem.size)
    return scatter(
        x=[v for _ in rows for v in (0, 1, None)],
        y=[v for row in rows for v in (-row, -row, None)],
        xaxis="x2",
        yaxis="y2",
        mode="lines+markers",
        name=SPACING,
        line={"color": NEUTRAL, "width": 4},
        marker={"symbol": "line-ns-open", "size": 16, "color": NEUTRAL, "line": {"width": 3}},
        hoverinfo="skip",
    )
