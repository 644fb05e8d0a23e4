"""Where the bits of a weight go, and what that allows at most."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, LEG, NEUTRAL, ON_TINT, PLANE, TARGET, tint
from app.figures.ticks import one_two_five

CLEAR = "rgba(0, 0, 0, 0)"
PARTS = {  # name, colour, pattern
    "codes": (ANSWER, ""),
    "scales": (PLANE, "/"),
    "outliers": (TARGET, "x"),
    "weight": (NEUTRAL, ""),
}
LEGEND = {"orientation": "h", "x": 0, "y": -0.3, "xanchor": "left", "yanchor": "top"}


def bit_bars(rows: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """Stacked bars, one for each way of storing.

    Parameters
    ----------
    rows : mapping
        By way of storing: bits a weight by part, a key of `PARTS`.
    """
    traces = []
    for part, (color, pattern) in PARTS.items():
        bits = [parts.get(part, 0) for parts in rows.values()]
        if any(bits):
            traces.append(
                go.Bar(
                    x=bits,
                    y=list(rows),
                    orientation="h",
                    name=part,
                    text=[f"{value:.3g}" if value >= 0.5 else "" for value in bits],
                    textposition="inside",
                    insidetextanchor="middle",
                    textfont={"color": ON_TINT},
                    marker={
                        "color": tint(color, 0.55),
                        "line": {"color": color, "width": 1},
                        "pattern": {"shape": pattern, "size": 6, "fgcolor": color},
                    },
                    hovertemplate=f"{part}: %{{x:.4g}} bits<extra></extra>",
                )
            )
    return go.Figure(
        traces,
        go.Layout(
            height=250,
            barmode="stack",
            bargap=0.25,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={**LEGEND, "y": -0.42, "traceorder": "normal"},
            xaxis={"title": {"text": "bits a weight"}, "range": [0, 16.6], "automargin": True},
            yaxis={"autorange": "reversed", "automargin": True},
        ),
    )


def limit_curve(
    weights: np.ndarray,
    ratios: np.ndarray,
    most: float,
    shapes: Sequence[tuple[str, int, float]],
) -> go.Figure:
    """How many times as fast a product can be at most, by its number of weights.

    Parameters
    ----------
    weights, ratios : (k,) arrays
    most : float
        Without the cost of a launch.
    shapes : sequence of (str, int, float)
        Name, weights and limit of a few products. The first, the last and one between are labelled.
    """
    shapes = sorted(shapes, key=lambda shape: shape[1])
    labelled = {0, len(shapes) // 2, len(shapes) - 1}
    return go.Figure(
        [
            go.Scatter(
                x=weights,
                y=np.full(len(weights), most),
                mode="lines",
                name="bytes alone",
                line={"color": NEUTRAL, "dash": "dash", "width": 2},
                hovertemplate="%{y:.2f} times<extra>bytes alone</extra>",
            ),
            go.Scatter(
                x=weights,
                y=ratios,
                mode="lines",
                name="bytes and one launch each",
                line={"color": LEG, "width": 2.5},
                hovertemplate="%{x:.3g} weights: %{y:.2f} times<extra></extra>",
            ),
            go.Scatter(
                x=[count for _, count, _ in shapes],
                y=[limit for _, _, limit in shapes],
                text=[name if k in labelled else "" for k, (name, *_) in enumerate(shapes)],
                customdata=[name for name, _, _ in shapes],
                mode="markers+text",
                textposition=["bottom right"] * (len(shapes) - 1) + ["bottom center"],
                cliponaxis=False,
                name="layers",
                marker={
                    "color": TARGET,
                    "size": 10,
                    "symbol": "diamond-open",
                    "line": {"width": 2},
                },
                hovertemplate="%{customdata}: %{y:.2f} times<extra></extra>",
            ),
        ],
        go.Layout(
            height=330,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend=LEGEND,
            xaxis={
                "title": {"text": "weights of the layer, millions"},
                "type": "log",
                "automargin": True,
                **_millions(weights),
            },
            yaxis={
                "title": {"text": "times as fast as 16 bits, at most"},
                "range": [0, 1.1 * most],
                "automargin": True,
            },
        ),
    )


def _millions(weights: np.ndarray) -> dict:
    ticks = one_two_five(float(weights[0]) / 1e6, float(weights[-1]) / 1e6, room=1.0)
    return {
        "range": [value + 6 for value in ticks["range"]],
        "tickvals": [tick * 1e6 for tick in ticks["tickvals"]],
        "ticktext": ticks["ticktext"],
    }
