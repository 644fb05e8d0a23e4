"""How many times as fast as 16-bit weights, against the number of rows of x."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from app.figures.contender_marks import COLORS, DASHES, NAMES, SYMBOLS
from app.figures.palette import NEUTRAL
from app.figures.ticks import one_two_five

CLEAR = "rgba(0, 0, 0, 0)"


def batch_ratio(
    ratios: Mapping[str, Mapping[int, float]], limits: Mapping[int, float]
) -> go.Figure:
    """One line for each who multiplies.

    Parameters
    ----------
    ratios : mapping
        By contender, then by rows of x: the baseline's time over the contender's.
    limits : mapping
        By rows of x: what the bytes alone would allow ours.
    """
    batches: Sequence[int] = sorted(set(limits) | {m for found in ratios.values() for m in found})
    traces = [_line(name, sorted(found.items())) for name, found in ratios.items()]
    traces.append(
        go.Scatter(
            x=sorted(limits),
            y=[limits[m] for m in sorted(limits)],
            mode="lines",
            name="limit of ours: bytes and one launch",
            line={"color": NEUTRAL, "width": 2, "dash": "dash"},
            hovertemplate="limit %{y:.2f} times<extra></extra>",
        )
    )
    highest = max(
        [1.2, *limits.values(), *(y for found in ratios.values() for y in found.values())]
    )
    return go.Figure(
        traces,
        go.Layout(
            height=430,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={"orientation": "h", "x": 0, "y": -0.2, "xanchor": "left", "yanchor": "top"},
            xaxis={
                "title": {"text": "rows of x (texts generated at once)"},
                "type": "log",
                "automargin": True,
                **one_two_five(batches[0], batches[-1]),
                "tickvals": list(batches),
                "ticktext": [str(m) for m in batches],
            },
            yaxis={
                "title": {"text": "times as fast as 16-bit weights"},
                "range": [0, 1.08 * highest],
                "automargin": True,
            },
        ),
    )


def _line(name: str, found: Sequence[tuple[int, float]]) -> go.Scatter:
    return go.Scatter(
        x=[m for m, _ in found],
        y=[ratio for _, ratio in found],
        mode="lines+markers",
        name=NAMES[name],
        line={"color": COLORS[name], "dash": DASHES[name], "width": 2},
        marker={"symbol": SYMBOLS[name], "size": 9},
        hovertemplate=f"<b>{NAMES[name]}</b><br>%{{x}} rows of x<br>%{{y:.2f}} times<extra></extra>",
    )
