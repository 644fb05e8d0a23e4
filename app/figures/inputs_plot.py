"""The same ways to quantize with other inputs: one column for each kind of input, dots and their range."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.study_axes import Point, Series, layout, log_axis

SPREAD = 0.34  # how far apart the series stand in a column


def inputs_plot(
    columns: Sequence[str],
    series: Mapping[Series, Mapping[int, Sequence[Point]]],
    title: str,
    *,
    percent: bool = False,
) -> go.Figure:
    """Dots over named columns; where a column has several of a series, a bar spans them.

    Parameters
    ----------
    columns : sequence of str
        Names, left to right.
    series : mapping
        The look of each series, and its points by column; their x is not looked at.
    title : str
        Of the vertical axis, which is logarithmic.
    percent : bool
    """
    traces = []
    for place, (look, found) in enumerate(series.items()):
        shift = SPREAD * (place / max(len(series) - 1, 1) - 0.5)
        traces.append(_dots(look, found, shift))
        traces += [_bar(look, column + shift, points) for column, points in found.items()]
    values = [p.y for found in series.values() for points in found.values() for p in points]
    horizontal = {
        "range": [-0.5, len(columns) - 0.5],
        "tickvals": list(range(len(columns))),
        "ticktext": list(columns),
        "tickangle": 0,
        "showgrid": False,
        "zeroline": False,
        "fixedrange": True,
    }
    vertical = log_axis(
        title, min(values, default=0.1), max(values, default=1.0), percent=percent, room=1.08
    )
    return go.Figure(
        [trace for trace in traces if trace is not None],
        go.Layout(layout(480, horizontal, vertical)),
    )


def _dots(look: Series, found: Mapping[int, Sequence[Point]], shift: float) -> go.Scatter:
    placed = [(column + shift, point) for column, points in found.items() for point in points]
    return go.Scatter(
        x=[x for x, _ in placed],
        y=[point.y for _, point in placed],
        text=[point.hover for _, point in placed],
        mode="markers",
        name=look.name,
        marker={"color": look.color, "symbol": look.symbol, "size": look.size},
        hovertemplate="%{text}<extra></extra>",
    )


def _bar(look: Series, x: float, points: Sequence[Point]) -> go.Scatter | None:
    if len(points) < 2:
        return None
    values = [point.y for point in points]
    return go.Scatter(
        x=[x, x],
        y=[min(values), max(values)],
        mode="lines",
        line={"color": look.color, "width": 3},
        opacity=0.5,
        hoverinfo="skip",
        showlegend=False,
    )
