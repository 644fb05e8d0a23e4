"""Bits a weight against what was lost: one series for each way to quantize."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.palette import NEUTRAL
from app.figures.study_axes import Point, Series, layout, log_axis

ROOM = 0.15  # bits left and right
ABOVE = 1.08  # the room above and below, as a factor


def bits_plot(
    series: Sequence[Series],
    title: str,
    *,
    level: tuple[str, float] | None = None,
    ceiling: float | None = None,
    percent: bool = False,
) -> go.Figure:
    """Both in one picture, the loss on a logarithmic axis; down and left is better.

    Parameters
    ----------
    series : sequence of Series
        x is bits a weight, y positive.
    title : str
        Of the vertical axis.
    level : (str, float), optional
        A horizontal line and its name: the original.
    ceiling : float, optional
        What lies above is drawn as an arrow at the upper edge.
    percent : bool
        Whether y is a share.
    """
    points = [point for each in series for point in each.points]
    bits = [point.x for point in points] or [2.0, 4.0]
    ends = [min(bits) - ROOM, max(bits) + ROOM]
    shown = [point.y for point in points if not _above(point, ceiling)]
    values = [*shown, *([level[1]] if level else [])] or [0.1, 1.0]
    most = ceiling / ABOVE if ceiling and len(shown) < len(points) else max(values)
    traces = [_series(each) for each in series]  # what is above the range is not drawn
    beyond = [point for point in points if _above(point, ceiling)]
    if beyond and ceiling:
        traces.append(_arrows(beyond, ceiling))
    if level:
        traces.append(_level(*level, ends))
    vertical = log_axis(title, min(values), most, percent=percent, room=ABOVE)
    horizontal = {"title": {"text": "bits a weight, stored"}, "range": ends}
    return go.Figure(traces, go.Layout(layout(520, horizontal, vertical)))


def _above(point: Point, ceiling: float | None) -> bool:
    return ceiling is not None and point.y > ceiling


def _series(series: Series) -> go.Scatter:
    return go.Scatter(
        x=[point.x for point in series.points],
        y=[point.y for point in series.points],
        text=[point.hover for point in series.points],
        mode="lines+markers" if series.dash else "markers",
        name=series.name,
        line={"color": series.color, "dash": series.dash or "solid", "width": 1.5},
        marker={
            "color": series.color,
            "symbol": series.symbols,
            "size": series.size,
            "line": {"color": series.color, "width": 2},
        },
        hovertemplate="%{text}<extra></extra>",
    )


def _arrows(points: Sequence[Point], ceiling: float) -> go.Scatter:
    return go.Scatter(
        x=[point.x for point in points],
        y=[ceiling / ABOVE] * len(points),
        text=[point.hover for point in points],
        mode="markers",
        name="above the edge",
        showlegend=False,
        marker={"symbol": "arrow-up", "size": 12, "color": NEUTRAL},
        hovertemplate="%{text}<extra></extra>",
    )


def _level(name: str, value: float, ends: list[float]) -> go.Scatter:
    return go.Scatter(
        x=ends,
        y=[value, value],
        mode="lines",
        name=name,
        line={"color": NEUTRAL, "dash": "dash", "width": 2},
        hovertemplate=f"{name}<extra></extra>",
    )
