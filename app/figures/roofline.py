"""Bytes against time: how far each product is from what memory allows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.figures.contender_marks import COLORS, NAMES, SYMBOLS
from app.figures.palette import NEUTRAL
from app.figures.ticks import one_two_five

CLEAR = "rgba(0, 0, 0, 0)"


@dataclass(frozen=True)
class Point:
    """A product: who, for how many rows of x, bytes moved, microseconds taken."""

    contender: str
    rows_of_x: int
    bytes: int
    microseconds: float


def roofline(points: Sequence[Point], bandwidth: float, launch_microseconds: float) -> go.Figure:
    """One mark a product, and the limit as a line.

    Parameters
    ----------
    points : sequence of Point
        At least one.
    bandwidth : float
        Bytes a second of a copy, measured on the same device.
    launch_microseconds : float
        Of a kernel that does nothing, likewise.
    """
    megabytes = np.array([point.bytes for point in points]) / 1e6
    ends = np.geomspace(megabytes.min() / 1.5, megabytes.max() * 1.5, 40)
    copied = ends * 1e6 / bandwidth * 1e6
    lines = [
        _line(ends, copied, "limit: bytes ÷ copy bandwidth", "solid"),
        _line(ends, copied + launch_microseconds, "the same, and one launch", "dash"),
    ]
    names = list(dict.fromkeys(point.contender for point in points))
    marks = [_marks(name, [p for p in points if p.contender == name]) for name in names]
    times = [*copied, *(point.microseconds for point in points)]
    return go.Figure(
        [*lines, *marks],
        go.Layout(
            height=430,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
            xaxis={
                "title": {"text": "bytes read and written, MB"},
                "type": "log",
                "automargin": True,
                **one_two_five(float(ends[0]), float(ends[-1])),
            },
            yaxis={
                "title": {"text": "time of a product, µs"},
                "type": "log",
                "automargin": True,
                **one_two_five(min(times), max(times)),
            },
        ),
    )


def _line(x: np.ndarray, y: np.ndarray, name: str, dash: str) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": NEUTRAL, "dash": dash, "width": 2},
        hovertemplate="%{x:.3g} MB in %{y:.3g} µs<extra>" + name + "</extra>",
    )


def _marks(name: str, points: Sequence[Point]) -> go.Scatter:
    return go.Scatter(
        x=[point.bytes / 1e6 for point in points],
        y=[point.microseconds for point in points],
        customdata=[point.rows_of_x for point in points],
        mode="markers",
        name=NAMES[name],
        marker={"color": COLORS[name], "symbol": SYMBOLS[name], "size": 9},
        hovertemplate=(
            f"<b>{NAMES[name]}</b><br>%{{customdata}} rows of x<br>%{{x:.3g}} MB<br>"
            "%{y:.4g} µs<extra></extra>"
        ),
    )
