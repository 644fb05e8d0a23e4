"""Bars in the right panel of a stepped figure, axes x2 and y2: outlines of any bars in one trace, and their labels."""

from collections.abc import Iterable, Sequence

from app.figures.stepped import Trace, scatter


def rectangles(bars: Iterable[tuple[float, float, float, float]], name: str, look: dict) -> Trace:
    """Bars (start, end, bottom, top) in one trace."""
    x: list[float | None] = []
    y: list[float | None] = []
    for start, end, bottom, top in bars:
        x += [start, end, end, start, start, None]
        y += [bottom, bottom, top, top, bottom, None]
    return scatter(
        x=x or [None],
        y=y or [None],
        xaxis="x2",
        yaxis="y2",
        mode="lines",
        fill="toself",
        name=name,
        hoverinfo="skip",
        **look,
    )


def bar_labels(heights: Sequence[float], texts: Sequence[str], size: int) -> Trace:
    """Texts above the bars, from the panel's left edge."""
    return scatter(
        x=[0.0] * len(heights),
        y=list(heights),
        xaxis="x2",
        yaxis="y2",
        mode="text",
        name="labels",
        text=list(texts),
        textposition="middle right",
        textfont={"size": size},
        cliponaxis=False,
        hoverinfo="skip",
    )
