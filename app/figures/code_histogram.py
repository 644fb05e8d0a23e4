"""How often each code of a layer occurs, and how long its word is."""

from collections.abc import Mapping

import plotly.graph_objects as go

from app.figures.numbers import percent, short
from app.figures.palette import ANSWER, LEG, TARGET, translucent

CLEAR = "rgba(0, 0, 0, 0)"


def code_histogram(
    counts: Mapping[int, int], words: Mapping[int, str], grid: tuple[int, int]
) -> go.Figure:
    """How often each code occurs, and the length of its word.

    Parameters
    ----------
    counts, words : mapping
        By code.
    grid : (low, high)
        The codes of a grid of nearly the same size; others are hatched.
    """
    codes = sorted(counts)
    total = sum(counts.values())
    bars = []
    for out, name, color in ((False, "on the grid", ANSWER), (True, "beyond it", LEG)):
        of_kind = [code for code in codes if (not grid[0] <= code <= grid[1]) == out]
        bars.append(
            go.Bar(
                x=of_kind,
                y=[counts[code] / total for code in of_kind],
                name=name,
                marker={
                    "color": translucent(color, 0.6),
                    "line": {"color": color, "width": 1},
                    "pattern": {"shape": "/" if out else "", "size": 6},
                },
                customdata=[[counts[code], words[code]] for code in of_kind],
                hovertemplate="code %{x}: %{customdata[0]:,} times, word %{customdata[1]}<extra></extra>",
            )
        )
    lengths = go.Scatter(
        x=codes,
        y=[len(words[code]) for code in codes],
        yaxis="y2",
        mode="markers",
        name="bits of its word",
        marker={"symbol": "line-ew", "size": 9, "line": {"width": 2.5, "color": TARGET}},
        hovertemplate="code %{x}: %{y} bits<extra></extra>",
    )
    return go.Figure(
        [*bars, lengths],
        go.Layout(
            height=330,
            bargap=0.1,
            barmode="overlay",
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom"},
            xaxis={"title": {"text": "code"}, "automargin": True},
            yaxis={
                "title": {"text": "share of the codes"},
                "tickformat": ".0%",
                "automargin": True,
            },
            yaxis2={
                "overlaying": "y",
                "side": "right",
                "title": {"text": "bits"},
                "range": [0, 1.08 * max(map(len, words.values()))],
                "tickmode": "linear",
                "dtick": 4,
                "showgrid": False,
                "automargin": True,
            },
        ),
    )


def shares_of(counts: Mapping[int, int]) -> str:
    """The most frequent codes in words."""
    total = sum(counts.values())
    frequent = sorted(counts, key=lambda code: -counts[code])[:3]
    return ", ".join(f"{short(code)} ({percent(counts[code] / total)})" for code in frequent)
