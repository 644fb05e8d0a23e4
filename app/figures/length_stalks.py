"""Gram-Schmidt lengths on a logarithmic scale, as stalks from their geometric mean.

The mean is the same for every basis of a lattice. So the stalks above it and below it add up to
nothing, and a better basis has shorter ones.
"""

from collections.abc import Sequence

import numpy as np

from app.figures.numbers import short, symbol
from app.figures.palette import NEUTRAL, PLANE
from app.figures.plane import NBSP
from app.figures.stepped import Trace, scatter
from lattice_core.inputs import FloatArray


def stalks(before: FloatArray, now: FloatArray) -> list[Trace]:
    """The lengths (c,) of a basis beside those of the first, on the axes x2 and y2."""
    positions = np.arange(1, len(now) + 1)
    mean = float(np.exp(np.log(before).mean()))
    return [
        _trace(
            [0.5, len(positions) + 0.5],
            [mean, mean],
            name="geometric mean",
            mode="lines",
            line={"color": NEUTRAL, "width": 1.5, "dash": "longdash"},
        ),
        _trace(
            positions,
            before,
            name="length before",
            mode="markers",
            marker={"symbol": "line-ew", "size": 22, "line": {"width": 3, "color": NEUTRAL}},
        ),
        _trace(
            [x for j in positions for x in (int(j), int(j), None)],
            [y for d in now for y in (mean, float(d), None)],
            name="stalks",
            mode="lines",
            line={"color": PLANE, "width": 6},
        ),
        _trace(
            positions,
            now,
            name="length now",
            mode="markers+text",
            marker={"symbol": "circle", "size": 12, "color": PLANE},
            text=[f"{3 * NBSP}{short(d)}" for d in now],
            textposition="middle right",
            textfont={"size": 14},
        ),
    ]


def stalk_axes(all_lengths: Sequence[FloatArray], domain: tuple[float, float]) -> dict:
    """Axes x2 and y2 that hold the lengths of all bases of a run."""
    c = len(all_lengths[0])
    logarithms = np.log10(np.concatenate(all_lengths))
    room = max(0.1, 0.12 * float(np.ptp(logarithms)))
    fixed = {"showgrid": False, "zeroline": False, "fixedrange": True, "automargin": False}
    return {
        "xaxis2": {
            **fixed,
            "anchor": "y2",
            "domain": list(domain),
            "range": [0.5, 1.35 * c + 0.5],  # room for the last length
            "tickvals": list(range(1, c + 1)),
            "ticktext": [symbol("d", j) for j in range(c)],
            "title": {"text": "Gram-Schmidt lengths"},
        },
        "yaxis2": {
            **fixed,
            "anchor": "x2",
            "type": "log",
            "domain": [0.12, 1],
            "range": [float(logarithms.min()) - room, float(logarithms.max()) + room],
            "showticklabels": False,
        },
    }


def _trace(x: object, y: object, **look: object) -> Trace:
    return scatter(x=x, y=y, xaxis="x2", yaxis="y2", hoverinfo="skip", **look)
