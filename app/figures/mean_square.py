"""The mean of u² between −½ and ½: an area, beside the value at the ends."""

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, LEG, TARGET, translucent


def mean_square_figure() -> go.Figure:
    """The parabola, its area, the rectangle of the same area, and its ends."""
    u = np.linspace(-0.5, 0.5, 61)
    return go.Figure(
        [
            go.Scatter(
                x=u,
                y=u**2,
                fill="tozeroy",
                fillcolor=translucent(LEG, 0.3),
                line={"color": LEG, "width": 3},
                name="u², what a step pays",
            ),
            go.Scatter(
                x=[-0.5, -0.5, 0.5, 0.5],
                y=[0, 1 / 12, 1 / 12, 0],
                mode="lines",
                line={"color": ANSWER, "width": 3, "dash": "dash"},
                name="same area: mean 1/12",
            ),
            go.Scatter(
                x=[-0.5, 0.5],
                y=[0.25, 0.25],
                mode="markers",
                marker={"symbol": "circle", "size": 12, "color": TARGET},
                name="ends: most, ¼",
            ),
        ],
        {
            "height": 290,
            "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
            "legend": {"orientation": "h", "y": -0.28},
            "xaxis": {
                "title": {"text": "u, in distances between planes"},
                "tickvals": [-0.5, 0, 0.5],
                "ticktext": ["−½", "0", "½"],
                "fixedrange": True,
            },
            "yaxis": {
                "tickvals": [0, 1 / 12, 1 / 4],
                "ticktext": ["0", "1/12", "¼"],
                "range": [0, 0.27],
                "fixedrange": True,
            },
        },
    )
