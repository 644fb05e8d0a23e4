"""Nearest plane's loss over the least possible, one dot a target, sorted, under the law's γ²."""

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, LEG, TARGET
from lattice_core.inputs import FloatArray

CLEAR = "rgba(0, 0, 0, 0)"
TICKS = [m * 10.0**k for k in range(9) for m in (1, 2, 5)]


def ratio_dots(ratios: FloatArray, limit: float, here: float | None) -> go.Figure:
    """Sorted dots.

    Parameters
    ----------
    ratios : (m,) array
        At least 1.
    limit : float
        γ², which none exceeds.
    here : float, optional
        The ratio of the target on show.
    """
    ordered = np.sort(ratios)
    place = 100 * (np.arange(len(ordered)) + 0.5) / len(ordered)
    traces = [
        go.Scatter(
            x=place,
            y=ordered,
            mode="markers",
            name="a target",
            marker={"color": LEG, "size": 6},
            hovertemplate="%{y:.4g} times the least<extra></extra>",
        ),
        go.Scatter(
            x=[0, 100],
            y=[limit, limit],
            mode="lines",
            name="γ², the most by law L8",
            line={"color": ANSWER, "dash": "dash", "width": 2.5},
            hovertemplate="γ² = %{y:.4g}<extra></extra>",
        ),
    ]
    if here is not None:
        traces.append(
            go.Scatter(
                x=[100 * float(np.mean(ratios < here))],
                y=[here],
                mode="markers",
                name="the target above",
                marker={
                    "color": TARGET,
                    "size": 13,
                    "symbol": "diamond-open",
                    "line": {"width": 3},
                },
                hovertemplate="the target above: %{y:.4g} times the least<extra></extra>",
            )
        )
    return go.Figure(
        traces,
        go.Layout(
            height=380,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
            xaxis={
                "title": {"text": "targets, sorted"},
                "range": [-1, 101],
                "ticksuffix": " %",
                "automargin": True,
            },
            yaxis={
                "title": {"text": "loss ÷ least possible loss"},
                "type": "log",
                "range": [-0.03 * np.log10(2 * limit), np.log10(1.25 * limit)],
                "tickvals": TICKS,
                "ticktext": [f"{tick:g}" for tick in TICKS],
                "automargin": True,
            },
        ),
    )
