"""The orders of a whole layer in two pictures: the profile of lengths, and losses beside bounds."""

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import NEUTRAL, ORDER_COLORS, ORDER_DASHES
from app.order_names import ORDER_NAMES
from lattice_core.inputs import FloatArray, IntArray

NATURAL = ("front_to_back", "back_to_front")  # they jump up and down: drawn thin, behind
CLEAR = "rgba(0, 0, 0, 0)"
LOOKS = {
    "keep": ("loss, every code kept", {"symbol": "circle", "size": 11}),
    "clip": ("loss, codes clipped", {"symbol": "x-thin", "size": 11}),
    "bound": ("bound (void where codes are clipped)", {"symbol": "line-ns", "size": 15}),
}
TICKS = [m * 10.0**k for k in range(-5, 6) for m in (1, 2, 5)]
BELOW = {"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"}


def profile_figure(profiles: dict[str, tuple[IntArray, FloatArray]], mean: float) -> go.Figure:
    """The length of the Gram-Schmidt vector at each position, one line an order.

    Parameters
    ----------
    profiles : dict
        By order: the input columns and the lengths R_jj, both (c,), first quantized first.
    mean : float
        The geometric mean of the lengths, the same for every order.
    """
    lines = []
    for order, (columns, lengths) in profiles.items():
        positions = np.arange(1, len(lengths) + 1)
        lines.append(
            go.Scatter(
                x=positions,
                y=np.where(lengths > 0, lengths, np.nan),
                customdata=columns,
                mode="lines",
                name=ORDER_NAMES[order].name,
                line={
                    "color": ORDER_COLORS[order],
                    "dash": ORDER_DASHES[order],
                    "width": 2 if order == "min_pivot" else 1,
                },
                opacity=0.8 if order in NATURAL else 1,
                hovertemplate=(
                    f"<b>{ORDER_NAMES[order].name}</b><br>position %{{x}}<br>column %{{customdata}}"
                    "<br>length %{y:.4g}<extra></extra>"
                ),
            )
        )
    count = max(len(lengths) for _, lengths in profiles.values())
    lines.append(
        go.Scatter(
            x=[1, count],
            y=[mean, mean],
            mode="lines",
            name="geometric mean, the same for all",
            line={"color": NEUTRAL, "dash": "longdash", "width": 1.5},
            hovertemplate="geometric mean %{y:.4g}<extra></extra>",
        )
    )
    return go.Figure(
        lines,
        go.Layout(
            height=430,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend=BELOW,
            xaxis={"title": {"text": "position in the order: first quantized … last"}},
            yaxis={
                "title": {"text": "length of the Gram-Schmidt vector"},
                "type": "log",
                "tickvals": TICKS,
                "ticktext": [f"{tick:g}" for tick in TICKS],
                "automargin": True,
            },
        ),
    )


def loss_figure(losses: dict[str, dict[str, float]], bounds: dict[str, float]) -> go.Figure:
    """Losses as dots and bounds as bars across, one row an order, as shares of the output.

    Parameters
    ----------
    losses : dict
        By overflow (``"keep"``, ``"clip"``), then by order.
    bounds : dict
        By order; they bind the losses that keep every code.
    """
    rows = [ORDER_NAMES[order].name for order in bounds]
    colors = [ORDER_COLORS[order] for order in bounds]
    values = {overflow: [found[order] for order in bounds] for overflow, found in losses.items()}
    values["bound"] = list(bounds.values())
    traces = []
    for kind, shares in values.items():
        name, marker = LOOKS[kind]
        lined = {**marker, "line": {"width": 3, "color": colors}, "color": colors}
        grey = {**marker, "line": {"width": 3, "color": NEUTRAL}, "color": NEUTRAL}
        traces += [
            go.Scatter(
                x=shares,
                y=rows,
                mode="markers",
                name=name,
                marker=lined,
                showlegend=False,
                hovertemplate=f"%{{y}}<br>{name}: %{{x:.3%}}<extra></extra>",
            ),
            # The legend explains the shapes; the colours are named by the rows.
            go.Scatter(x=[None], y=[rows[0]], mode="markers", name=name, marker=grey),
        ]
    return go.Figure(
        traces,
        go.Layout(
            height=330,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={**BELOW, "y": -0.28},
            xaxis={
                "title": {"text": "share of the layer's output, ‖Xw‖²"},
                "tickformat": ".2~%",
                "rangemode": "tozero",
                "automargin": True,
            },
            yaxis={"autorange": "reversed", "automargin": True},
        ),
    )
