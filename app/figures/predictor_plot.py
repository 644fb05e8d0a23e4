"""Does a number of the layers predict the damage to the model? One mark a model."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.palette import NEUTRAL
from app.figures.study_axes import Point, Series, layout, log_axis


def predictor_plot(
    series: Sequence[Series], predictor: str, damage: str, *, void: str = ""
) -> go.Figure:
    """Both axes logarithmic; what the predictor says nothing about is crossed out.

    Parameters
    ----------
    series : sequence of Series
        Hollow points are those with clipped codes.
    predictor, damage : str
        Titles of the axes.
    void : str
        What to call hollow points where they are crossed out; empty for not at all.
    """
    traces = [
        go.Scatter(
            x=[point.x for point in each.points],
            y=[point.y for point in each.points],
            text=[point.hover for point in each.points],
            mode="markers",
            name=each.name,
            marker={
                "color": each.color,
                "symbol": each.symbols,
                "size": 10,
                "line": {"color": each.color, "width": 1.5},
            },
            hovertemplate="%{text}<extra></extra>",
        )
        for each in series
        if each.points
    ]
    points = [point for each in series for point in each.points]
    if void and any(point.hollow for point in points):
        traces.append(_crosses([point for point in points if point.hollow], void))
    xs, ys = ([p.x for p in points] or [0.1, 1.0], [p.y for p in points] or [0.1, 1.0])
    return go.Figure(
        traces,
        go.Layout(
            layout(
                520,
                {**log_axis(predictor, min(xs), max(xs)), "tickangle": 0},
                log_axis(damage, min(ys), max(ys)),
            )
        ),
    )


def _crosses(points: Sequence[Point], name: str) -> go.Scatter:
    return go.Scatter(
        x=[point.x for point in points],
        y=[point.y for point in points],
        mode="markers",
        name=name,
        marker={"symbol": "x-thin", "size": 17, "line": {"color": NEUTRAL, "width": 1.5}},
        hoverinfo="skip",
    )
