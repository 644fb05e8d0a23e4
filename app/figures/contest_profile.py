"""The Gram-Schmidt lengths of several bases of one lattice, each sorted, on a logarithmic scale."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, LEG, NEUTRAL, PLANE, TARGET
from lattice_core.reduction_contest import Contender

CLEAR = "rgba(0, 0, 0, 0)"
TICKS = [m * 10.0**k for k in range(-6, 7) for m in (1, 3)]
LOOKS = (
    {"color": NEUTRAL, "dash": "dot", "width": 2},
    {"color": LEG, "dash": "dashdot", "width": 2},
    {"color": TARGET, "dash": "dash", "width": 2},
    {"color": PLANE, "dash": "solid", "width": 2},
    {"color": ANSWER, "dash": "longdash", "width": 3},
)


def contest_profile(contenders: Sequence[Contender]) -> go.Figure:
    """One line a basis; the dashed grey line is their common geometric mean."""
    c = len(contenders[0].lengths)
    positions = np.arange(1, c + 1)
    lines = [
        go.Scatter(
            x=positions,
            y=contender.lengths,
            mode="lines",
            name=contender.name,
            line=look,
            hovertemplate=f"{contender.name}<br>vector %{{x}}<br>length %{{y:.4g}}<extra></extra>",
        )
        for contender, look in zip(contenders, LOOKS, strict=False)
    ]
    mean = float(np.exp(np.log(contenders[0].lengths).mean()))
    lines.append(
        go.Scatter(
            x=[1, c],
            y=[mean, mean],
            mode="lines",
            name="geometric mean of all",
            line={"color": NEUTRAL, "width": 1, "dash": "longdash"},
            hovertemplate="geometric mean %{y:.4g}<extra></extra>",
        )
    )
    return go.Figure(
        lines,
        go.Layout(
            height=400,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
            xaxis={"title": {"text": "vector: rounded last … first"}},
            yaxis={
                "title": {"text": "Gram-Schmidt length"},
                "type": "log",
                "tickvals": TICKS,
                "ticktext": [f"{tick:g}" for tick in TICKS],
                "automargin": True,
            },
        ),
    )
