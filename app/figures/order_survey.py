"""All layers of a model in two pictures: a map, block by layer, and losses against bounds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import NEUTRAL, ORDER_COLORS, translucent
from app.order_names import ORDER_NAMES
from lattice_core.inputs import FloatArray

CLEAR = "rgba(0, 0, 0, 0)"
EMPTY_CELL = translucent(NEUTRAL, 0.18)
ABOVE = {"orientation": "h", "x": 0, "y": 1.02, "xanchor": "left", "yanchor": "bottom"}
# Colours name the order; these letters stand beside them in the map.
LETTERS = {"front_to_back": "F", "back_to_front": "B", "act_order": "A", "min_pivot": "M"}
# Shapes by their plotly name, and as they stand in a sentence: one for each linear layer.
SYMBOLS = {
    "circle": "●",
    "square": "■",
    "diamond": "◆",
    "cross": "✚",
    "triangle-up": "▲",
    "triangle-down": "▼",
    "star": "★",
}
COLORED = (0.02, 0.98)  # quantiles
SHARE_TICKS = [m * 10.0**k for k in range(-6, 2) for m in (1, 3)]


@dataclass(frozen=True, eq=False)
class LayerMap:
    """One number for each layer of the model.

    Attributes
    ----------
    rows : sequence of str
        The linear layers of a block, top to bottom.
    values : (rows, blocks) array
        NaN where nothing is known.
    names, hovers : (rows, blocks) nested lists of str
        The layer, sent back when its cell is chosen, and what to say about it.
    title, tick_format : str
        Of the colours; the format is d3's.
    """

    rows: Sequence[str]
    values: FloatArray
    names: list[list[str]]
    hovers: list[list[str]]
    title: str
    tick_format: str = ""


def number_map(shown: LayerMap) -> go.Figure:
    """Colour by number, on a scale that grows evenly brighter for every kind of eye.

    A few layers may be far off the others: the colours span `COLORED` of the values.
    """
    known = shown.values[~np.isnan(shown.values)]
    low, high = np.quantile(known, COLORED) if len(known) else (0.0, 1.0)
    return _map(
        shown,
        {"colorscale": "Cividis", "zmin": low, "zmax": high},
        {"tickformat": shown.tick_format},
    )


def best_order_map(shown: LayerMap) -> go.Figure:
    """Colour and letter by order; the values are positions in `ORDER_NAMES`."""
    colors = [ORDER_COLORS[order] for order in ORDER_NAMES]
    count = len(colors)
    steps = [(edge / count, color) for k, color in enumerate(colors) for edge in (k, k + 1)]
    letters = [LETTERS[order] for order in ORDER_NAMES]
    text = [["" if np.isnan(v) else letters[int(v)] for v in row] for row in shown.values]
    return _map(
        shown,
        {
            "colorscale": steps,
            "zmin": -0.5,
            "zmax": count - 0.5,
            "text": text,
            "texttemplate": "%{text}",
            "textfont": {"color": "#000000"},
        },
        {
            "tickvals": list(range(count)),
            "ticktext": [
                f"{letter}: {name.name}"
                for letter, name in zip(letters, ORDER_NAMES.values(), strict=True)
            ],
        },
    )


def _map(shown: LayerMap, look: dict[str, object], color_axis: dict[str, object]) -> go.Figure:
    blocks = np.arange(shown.values.shape[1])
    cells = go.Heatmap(
        x=blocks,
        y=shown.rows,
        z=shown.values,
        xgap=1,
        ygap=1,
        hoverinfo="skip",
        colorbar={
            "orientation": "h",
            "title": {"text": shown.title, "side": "top"},
            "thickness": 12,
            "x": 0.5,
            "y": -0.3,
            "yanchor": "top",
            **color_axis,
        },
        **look,
    )
    # A heat map tells nobody that it was clicked; points do.
    points = go.Scatter(
        x=np.tile(blocks, len(shown.rows)),
        y=np.repeat(list(shown.rows), len(blocks)),
        customdata=[name for row in shown.names for name in row],
        text=[hover for row in shown.hovers for hover in row],
        mode="markers",
        marker={"symbol": "square-open", "size": 17, "opacity": 0, "line": {"width": 3}},
        selected={"marker": {"opacity": 1, "color": "#D55E00"}},
        unselected={"marker": {"opacity": 0}},
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
    )
    return go.Figure(
        [cells, points],
        go.Layout(
            height=380,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=EMPTY_CELL,
            clickmode="event+select",
            xaxis={
                "title": {"text": "block, first to last"},
                "range": [-0.5, len(blocks) - 0.5],
                "autorange": False,
                "tickvals": blocks[::5],
                "fixedrange": True,
                "showgrid": False,
                "zeroline": False,
            },
            yaxis={
                "range": [len(shown.rows) - 0.5, -0.5],
                "autorange": False,
                "automargin": True,
                "fixedrange": True,
                "showgrid": False,
                "zeroline": False,
            },
        ),
    )


@dataclass(frozen=True)
class LossPoint:
    """One layer in one order; loss and bound are shares of the layer's output."""

    layer: str
    linear: str
    order: str
    loss: float
    bound: float
    clipped_fraction: float


def loss_against_bound(points: Sequence[LossPoint], linears: Sequence[str]) -> go.Figure:
    """One mark for each layer and order: colour by order, shape by layer, both axes logarithmic.

    Parameters
    ----------
    points : sequence of LossPoint
    linears : sequence of str
        They take the shapes of `SYMBOLS`, in this order.
    """
    shapes = dict(zip(linears, SYMBOLS, strict=False))
    traces = [
        _marks([point for point in points if point.order == order], order, shapes)
        for order in ORDER_NAMES
    ]
    bounds = [point.bound for point in points] or [1e-3, 1.0]
    ends = np.array([min(bounds) / 1.3, max(bounds) * 1.3])
    traces += [
        _line(ends, ends, "loss = bound", "solid"),
        _line(ends, ends / 3, "loss = a third of the bound", "dash"),
    ]
    axis = {
        "type": "log",
        "tickvals": SHARE_TICKS,
        "ticktext": [f"{100 * tick:g} %" for tick in SHARE_TICKS],
        "automargin": True,
    }
    return go.Figure(
        traces,
        go.Layout(
            height=470,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend=ABOVE,
            xaxis={
                **axis,
                "tickangle": 0,
                "title": {"text": "bound, as a share of the layer's output"},
            },
            yaxis={**axis, "title": {"text": "loss, as a share of the output"}},
        ),
    )


def _marks(points: Sequence[LossPoint], order: str, shapes: dict[str, str]) -> go.Scatter:
    name = ORDER_NAMES[order].name
    return go.Scatter(
        x=np.array([point.bound for point in points]),
        y=np.array([point.loss for point in points]),
        customdata=[
            (point.layer, point.loss / point.bound, point.clipped_fraction) for point in points
        ],
        mode="markers",
        name=name,
        marker={
            "color": ORDER_COLORS[order],
            "symbol": [shapes[point.linear] for point in points],
            "size": 7,
            "opacity": 0.75,
        },
        hovertemplate=(
            f"<b>%{{customdata[0]}}</b><br>{name}<br>loss %{{y:.3%}}, bound %{{x:.3%}}<br>"
            "loss ÷ bound %{customdata[1]:.3f}<br>clipped %{customdata[2]:.2%}<extra></extra>"
        ),
    )


def _line(x: FloatArray, y: FloatArray, name: str, dash: str) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": NEUTRAL, "dash": dash, "width": 1.5},
        hoverinfo="skip",
    )
