"""Every order as a point: its bound across, its loss upwards; the named ones marked."""

import numpy as np
import plotly.graph_objects as go

from app.figures.numbers import symbol, vector
from app.figures.palette import LEG, NEUTRAL, ORDER_COLORS, TARGET, translucent
from app.order_names import ORDER_NAMES
from lattice_core import OrderOutcomes
from lattice_core.inputs import IntArray

CLEAR = "rgba(0, 0, 0, 0)"
BELOW = {"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"}
# One inside the other, since names often stand for the same order.
MARKS = {
    "front_to_back": {"symbol": "circle-open", "size": 26, "line": {"width": 2}},
    "back_to_front": {"symbol": "square-open", "size": 19, "line": {"width": 2}},
    "act_order": {"symbol": "diamond-open", "size": 15, "line": {"width": 2}},
    "min_pivot": {"symbol": "star", "size": 11, "line": {"width": 0}},
}


def order_text(order: IntArray) -> str:
    """``w₃, w₁, w₂``: first rounded first."""
    return ", ".join(symbol("w", int(j)) for j in order)


def cloud_figure(outcomes: OrderOutcomes, named: dict[str, int], floor: float) -> go.Figure:
    """All orders of a row.

    Parameters
    ----------
    outcomes : OrderOutcomes
    named : dict
        By key of `lattice_core.ORDERS`: its row in `outcomes`.
    floor : float
        The bound that no order can go below (law L10).
    """
    clipped = outcomes.clipped > 0
    widest = 1.05 * float(outcomes.bounds.max())
    bound_name = "loss = bound" + (" (void where clipped)" if clipped.any() else "")
    traces = [
        _line([0, widest], [0, widest], bound_name, TARGET, "solid"),
        _points(outcomes, ~clipped, "an order", {"symbol": "circle", "size": 7}),
    ]
    if clipped.any():
        traces.append(
            _points(outcomes, clipped, "an order that clips", {"symbol": "x-thin", "size": 7})
        )
    else:
        third = _line([0, widest], [0, widest / 3], "a third of the bound", LEG, "dot")
        traces.insert(1, third)
    top = max(widest, 1.05 * float(outcomes.losses.max()))
    traces.append(_line([floor, floor], [0, top], "floor of all bounds", NEUTRAL, "longdash"))
    traces += [
        _points(
            outcomes,
            np.arange(len(outcomes.losses)) == row,
            ORDER_NAMES[name].name,
            {"color": ORDER_COLORS[name], **MARKS[name]},
        )
        for name, row in named.items()
    ]
    start = min(0.9 * floor, floor - 0.2 * (widest - floor))
    return go.Figure(
        traces,
        go.Layout(
            height=460,
            margin={"l": 10, "r": 10, "t": 34, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend=BELOW,
            hovermode="closest",
            xaxis={
                "title": {"text": "bound, ¼ Σ Dⱼ sⱼ²"},
                "range": [max(start, 0), widest],
                "automargin": True,
            },
            yaxis={
                "title": {"text": "loss for this target"},
                "range": [-0.03 * top, top],
                "zeroline": False,
                "automargin": True,
            },
        ),
    )


def _points(outcomes: OrderOutcomes, keep: np.ndarray, name: str, marker: dict) -> go.Scatter:
    said = [
        f"{order_text(order)}<br>z = {vector(codes)}"
        for order, codes in zip(outcomes.orders[keep], outcomes.codes[keep], strict=True)
    ]
    plain = {"color": translucent(NEUTRAL, 0.7), "line": {"width": 2, "color": NEUTRAL}}
    if marker["symbol"] == "circle":
        plain["line"] = {"width": 0}
    return go.Scatter(
        x=outcomes.bounds[keep],
        y=outcomes.losses[keep],
        mode="markers",
        name=name,
        marker={**plain, **marker},
        text=said,
        hovertemplate=(
            f"<b>{name}</b><br>%{{text}}<br>bound %{{x:.4g}}<br>loss %{{y:.4g}}<extra></extra>"
        ),
    )


def _line(x: list[float], y: list[float], name: str, color: str, dash: str) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        name=name,
        line={"color": color, "width": 1.5, "dash": dash},
        hovertemplate=f"{name}: %{{x:.4g}}<extra></extra>" if x[0] == x[1] else None,
        hoverinfo=None if x[0] == x[1] else "skip",
    )
