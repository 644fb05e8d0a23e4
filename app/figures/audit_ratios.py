"""Losses of alternatives over the loss of an audited layer, on a line with 1 marked. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from app.figures.numbers import short
from app.figures.palette import ANSWER, NEUTRAL, TARGET
from app.figures.ticks import one_two_five

if TYPE_CHECKING:
    from lattice_core.layers.audit_results import Alternative

CLEAR = "rgba(0, 0, 0, 0)"
ALTERNATIVE_NAMES = {
    "min_pivot": "Min-pivot order",
    "act_order": "Act-order",
    "keep_outliers": "No clipping",
    "ssqr": "SSQR, 1 % kept aside",
    "spacing": "Spacing, entropy-coded",
}
SAME = 0.005  # of the ratio: no difference to speak of
SAME_BITS = 0.02  # bits a weight: no more, no fewer
ABOVE = 0.38  # a row's label over its line
LINE = {"width": 2.5}


def audit_ratios(alternatives: Sequence["Alternative"]) -> go.Figure:
    """One line a row, from 1 to the ratio: to the left it saves, to the right it costs.

    Filled marks have the bits of the audited layer, open ones have others.
    """
    rows = {other.name: -place for place, other in enumerate(alternatives)}
    ratios = [other.ratio for other in alternatives if other.ratio > 0]
    axis = one_two_five(min([0.5, *ratios]), max([2.0, *ratios]), room=1.3)
    stems = go.Scatter(
        x=[x for other in alternatives for x in (1.0, other.ratio, None)],
        y=[y for other in alternatives for y in (rows[other.name], rows[other.name], None)],
        mode="lines",
        line={"color": NEUTRAL, "width": 2},
        showlegend=False,
        hoverinfo="skip",
    )
    here = go.Scatter(
        x=[1.0] * len(alternatives),
        y=list(rows.values()),
        mode="markers",
        name="this layer",
        marker={
            "symbol": "line-ns",
            "size": 20,
            "color": NEUTRAL,
            "line": LINE | {"color": NEUTRAL},
        },
        hoverinfo="skip",
    )
    labels = go.Scatter(
        x=[10 ** axis["range"][0]] * len(alternatives),
        y=[row + ABOVE for row in rows.values()],
        mode="text",
        text=[
            f"<b>{ALTERNATIVE_NAMES[other.name]}</b>: {short(other.ratio)}, {_bits(other)}"
            for other in alternatives
        ],
        textposition="middle right",
        textfont={"size": 14},
        cliponaxis=False,
        showlegend=False,
        hoverinfo="skip",
    )
    marks = go.Scatter(
        x=[other.ratio for other in alternatives],
        y=list(rows.values()),
        mode="markers",
        marker={
            "size": 15,
            "symbol": [_symbol(other) for other in alternatives],
            "color": [_color(other.ratio) for other in alternatives],
            "line": LINE | {"color": [_color(other.ratio) for other in alternatives]},
        },
        customdata=[[ALTERNATIVE_NAMES[other.name], _bits(other)] for other in alternatives],
        hovertemplate="<b>%{customdata[0]}</b><br>%{x:.4g} times this loss<br>%{customdata[1]}"
        "<extra></extra>",
        showlegend=False,
    )
    return go.Figure(
        [stems, here, marks, labels, *_legend()],
        go.Layout(
            height=90 + 66 * len(alternatives),
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
            xaxis={
                "title": {"text": "loss ÷ this layer's loss"},
                "type": "log",
                "automargin": True,
                "fixedrange": True,
                **axis,
            },
            yaxis={
                "range": [0.55 - len(alternatives), 0.65],
                "showticklabels": False,
                "showgrid": False,
                "zeroline": False,
                "fixedrange": True,
            },
        ),
    )


def same_bits(other: "Alternative") -> bool:
    """Whether the alternative has the audited layer's bits."""
    return abs(other.bits - other.audited_bits) < SAME_BITS


def bits_apart(other: "Alternative") -> str:
    """``0.31 bits more``."""
    more = other.bits - other.audited_bits
    return f"{abs(more):.2f} bits {'more' if more > 0 else 'fewer'}"


def _bits(other: "Alternative") -> str:
    kind = "entropy" if other.bits_counted == "entropy" else "bits"
    return f"same {kind}" if same_bits(other) else bits_apart(other)


def _color(ratio: float) -> str:
    if abs(ratio - 1) < SAME:
        return NEUTRAL
    return ANSWER if ratio < 1 else TARGET


def _symbol(other: "Alternative") -> str:
    if abs(other.ratio - 1) < SAME:
        shape = "circle"
    else:
        shape = "triangle-left" if other.ratio < 1 else "triangle-right"
    return shape if same_bits(other) else f"{shape}-open"


def _legend() -> list[go.Scatter]:
    looks = {
        "saves": ("triangle-left", ANSWER),
        "costs": ("triangle-right", TARGET),
        "open: with other bits": ("circle-open", NEUTRAL),
    }
    return [
        go.Scatter(
            x=[None],
            y=[None],
            mode="markers",
            name=name,
            marker={
                "symbol": symbol,
                "color": color,
                "size": 12,
                "line": LINE | {"color": color},
            },
        )
        for name, (symbol, color) in looks.items()
    ]
