"""Ticks of a logarithmic axis at 1, 2, 5, 10, …, written as plain numbers."""

from math import ceil, floor, log10
from typing import Any


def one_two_five(least: float, most: float, *, room: float = 1.15) -> dict[str, Any]:
    """Range and ticks of an axis that shows these, as plotly wants them."""
    low, high = least / room, most * room
    decades = range(floor(log10(low)), ceil(log10(high)) + 1)
    ticks = [m * 10.0**k for k in decades for m in (1, 2, 5)]
    shown = [tick for tick in ticks if low <= tick <= high]
    return {
        "range": [log10(low), log10(high)],
        "tickvals": shown,
        "ticktext": [f"{tick:,g}" if tick < 1e6 else f"{tick:.0e}" for tick in shown],
    }
