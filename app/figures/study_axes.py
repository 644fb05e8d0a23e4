"""What the figures of the study have in common: series of points, logarithmic axes, the room around. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, floor, inf, log10
from typing import Any

CLEAR = "rgba(0, 0, 0, 0)"
BELOW = {"orientation": "h", "x": 0, "y": -0.17, "xanchor": "left", "yanchor": "top"}
# Ticks within a power of ten, by how far the axis reaches.
STEPS: tuple[tuple[float, tuple[float, ...]], ...] = (
    (3, (1, 1.2, 1.4, 1.6, 1.8, 2, 2.2, 2.5, 3, 3.5, 4, 5, 6, 7, 8)),
    (30, (1, 1.5, 2, 3, 4, 6, 8)),
    (300, (1, 2, 5)),
    (inf, (1,)),
)


@dataclass(frozen=True)
class Point:
    """One model.

    Attributes
    ----------
    x, y : float
    hover : str
        All its numbers, in plotly's HTML.
    hollow : bool
        Drawn as an outline.
    """

    x: float
    y: float
    hover: str
    hollow: bool = False


@dataclass(frozen=True)
class Series:
    """Models that belong together.

    Attributes
    ----------
    name : str
        In the legend.
    color, symbol : str
    points : sequence of Point
    dash : str
        Of the line that joins them; empty for none.
    """

    name: str
    color: str
    symbol: str
    points: Sequence[Point]
    dash: str = ""
    size: int = field(default=11)

    @property
    def symbols(self) -> list[str]:
        """One for each point."""
        return [f"{self.symbol}-open" if point.hollow else self.symbol for point in self.points]


def log_axis(
    title: str,
    least: float,
    most: float,
    *,
    percent: bool = False,
    room: float = 1.15,
) -> dict[str, Any]:
    """A logarithmic axis with plain numbers at its ticks: the fewer, the more powers of ten it has."""
    low, high = least / room, most * room
    steps = next(steps for many, steps in STEPS if high / low < many)
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    every = ceil(len(decades) / 12)
    ticks = [m * 10.0**k for k in decades[::every] for m in steps if low <= m * 10.0**k <= high]
    scale, unit = (100, " %") if percent else (1, "")
    return {
        "type": "log",
        "title": {"text": title},
        "automargin": True,
        "range": [log10(low), log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{scale * tick:,.10g}{unit}" for tick in ticks],
    }


def layout(height: int, x: dict[str, Any], y: dict[str, Any]) -> dict[str, Any]:
    """A figure with its legend below, where a narrow screen has room for it."""
    return {
        "height": height,
        "margin": {"l": 10, "r": 10, "t": 10, "b": 10},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "legend": BELOW,
        "xaxis": {"automargin": True, **x},
        "yaxis": {"automargin": True, **y},
    }
