"""Edges of the box with one scale and with a spacing for each column, and loss against rate."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from app.figures.numbers import short
from app.figures.palette import ANSWER, LEG, NEUTRAL, translucent
from app.figures.study_axes import Point, Series, layout, log_axis
from app.figures.study_marks import COLORS, DASHES, NAMES, SYMBOLS
from lattice_core.inputs import FloatArray
from lattice_core.recorded_clipping_study import LayerClipping

CLEAR = "rgba(0, 0, 0, 0)"


def edge_bars(before: FloatArray, after: FloatArray, names: Sequence[str], title: str) -> go.Figure:
    """Squared edges of each column, side by side; for a few columns.

    Parameters
    ----------
    before, after : (c,) arrays
        ``D_j s²`` with one scale, ``D_j s_j²`` with spacings, in the order of rounding.
    names : sequence of str
    title : str
        Of the vertical axis.
    """
    bars = [
        go.Bar(
            x=list(names),
            y=values,
            name=name,
            marker={
                "color": translucent(color, 0.6),
                "line": {"color": color, "width": 2},
                "pattern": {"shape": pattern, "size": 6},
            },
            text=[short(float(value)) for value in values],
            textposition="outside",
            cliponaxis=False,
            hovertemplate=f"%{{x}}: %{{y:.4g}}<extra>{name}</extra>",
        )
        for values, name, color, pattern in (
            (before, "one scale", LEG, "/"),
            (after, "spaced by 1/R", ANSWER, ""),
        )
    ]
    figure = go.Figure(bars)
    figure.update_layout(
        height=320,
        barmode="group",
        margin={"l": 10, "r": 10, "t": 24, "b": 10},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
        yaxis={"title": {"text": title}, "automargin": True, "rangemode": "tozero"},
        xaxis={"automargin": True},
    )
    return figure


def edge_profile(before: FloatArray, after: FloatArray) -> go.Figure:
    """The same for hundreds of columns, each sorted, over their geometric mean."""
    c = len(before)
    lines = [
        go.Scatter(
            x=np.arange(1, c + 1),
            y=np.sort(values)[::-1],
            mode="lines",
            name=name,
            line={"color": color, "width": 3, "dash": dash},
            hovertemplate=f"column %{{x}} of {c}: %{{y:.3g}}<extra>{name}</extra>",
        )
        for values, name, color, dash in (
            (before, "one scale (HPTQ)", LEG, "dash"),
            (after, "spaced by 1/R (WaterSIC)", ANSWER, "solid"),
        )
    ]
    vertical = log_axis("squared edge ÷ geometric mean", float(before.min()), float(before.max()))
    horizontal = {"title": {"text": "columns, longest edge first"}, "range": [0, c + 1]}
    figure = go.Figure(lines, go.Layout(layout(380, horizontal, vertical)))
    return figure.update_layout(legend_y=-0.26)  # lower than in the tall figures of the study


def rate_loss_figure(layer: LayerClipping, bits: int) -> go.Figure:
    """Stored bits against relative loss: every method at every size, over the Gaussian reference.

    Parameters
    ----------
    layer : LayerClipping
    bits : int
        The size on show: its points are filled, the others are outlines.
    """
    methods = [name for name in NAMES if any(run.method == name for run in layer.runs)]
    series = [
        Series(
            NAMES[method],
            COLORS[method],
            SYMBOLS[method],
            [
                Point(
                    run.bits_per_weight,
                    run.relative_loss,
                    f"{NAMES[method]}, {run.bits_per_weight:.3f} bits<br>relative loss "
                    f"{short(run.relative_loss)}<br>{short(layer.distance(run))} bits above the reference",
                    hollow=run.bits != bits,
                )
                for run in layer.runs
                if run.method == method
            ],
            dash=DASHES[method],
            size=12,
        )
        for method in methods
    ]
    rates = np.linspace(1.9, 4.8, 40)
    losses = layer.reference_losses(rates)
    reference = go.Scatter(
        x=rates,
        y=losses,
        mode="lines",
        name="Gaussian reference (L21)",
        line={"color": NEUTRAL, "width": 3},
        hovertemplate="reference: %{x:.2f} bits, relative loss %{y:.3g}<extra></extra>",
    )
    shown = [run.relative_loss for run in layer.runs]
    vertical = log_axis(
        "relative loss", min(float(losses.min()), min(shown)), max(float(losses[0]), max(shown))
    )
    horizontal = {"title": {"text": "bits a weight, stored"}, "range": [1.9, 4.8]}
    return go.Figure(
        [reference, *map(_trace, series)], go.Layout(layout(480, horizontal, vertical))
    )


def _trace(series: Series) -> go.Scatter:
    return go.Scatter(
        x=[point.x for point in series.points],
        y=[point.y for point in series.points],
        text=[point.hover for point in series.points],
        mode="lines+markers",
        name=series.name,
        line={"color": series.color, "dash": series.dash, "width": 1.5},
        marker={
            "color": series.color,
            "symbol": series.symbols,
            "size": series.size,
            "line": {"color": series.color, "width": 2},
        },
        hovertemplate="%{text}<extra></extra>",
    )
