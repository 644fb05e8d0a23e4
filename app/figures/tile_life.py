"""The life of one tile of W in the kernel: where it lies, and what becomes of one of its words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, NEUTRAL, ON_TINT, PLANE, TARGET, tint, translucent
from app.figures.stepped import Trace, scatter, stepped_figure

# States of a tile on the map.
OTHERS, TO_COME, AT_WORK, DONE, ASIDE = range(5)
STATE_NAMES = ("of other programs", "still to come", "at work", "added up", "its outliers")
STATE_MARKS = ("", "·", "●", "✓", "✕")
STATE_COLORS = (
    translucent(NEUTRAL, 0.12),
    tint(PLANE, 0.35),
    tint(TARGET, 0.75),
    tint(ANSWER, 0.5),
    tint(TARGET, 0.45),
)
CLEARED, PLAIN, FIELD, MAGIC, NO_WORD = range(5)  # kinds of bits
BIT_COLORS = (
    tint(NEUTRAL, 0.15),
    tint(NEUTRAL, 0.4),
    tint(TARGET, 0.6),
    tint(PLANE, 0.45),
    translucent(NEUTRAL, 0.12),
)


@dataclass(frozen=True, eq=False)
class Scene:
    """One frame.

    Attributes
    ----------
    sentence : str
    tiles : (rows, steps) int array
        State of each tile.
    bits : str
        32 digits, bit 31 first; spaces where there is no word to show.
    kinds : (32,) int array
        Kind of each bit.
    halves : (str, str)
        What the upper and the lower half are.
    """

    sentence: str
    tiles: np.ndarray
    bits: str
    kinds: np.ndarray
    halves: tuple[str, str]


def tile_life(scenes: Sequence[Scene], tile_rows: int, tile_columns: int) -> go.Figure:
    """A frame for each scene: the map of tiles above, one word below."""
    return stepped_figure(
        [],
        lambda k: [_map(scenes[k], tile_rows, tile_columns), _bits(scenes[k]), _halves(scenes[k])],
        [scene.sentence for scene in scenes],
        _layout(scenes[0].tiles.shape, tile_rows, tile_columns),
        narrow={"height": 460, "xaxis2": {"tickvals": [31, 16, 0]}},
    )


def _map(scene: Scene, tile_rows: int, tile_columns: int) -> Trace:
    rows, steps = scene.tiles.shape
    return {
        "type": "heatmap",
        "name": "tiles of W",
        "z": scene.tiles.tolist(),
        "x": [(step + 0.5) * tile_columns for step in range(steps)],
        "y": [(row + 0.5) * tile_rows for row in range(rows)],
        "text": [[STATE_MARKS[state] for state in row] for row in scene.tiles],
        "texttemplate": "%{text}",
        "textfont": {"color": ON_TINT},
        "customdata": [[STATE_NAMES[state] for state in row] for row in scene.tiles],
        "hovertemplate": "%{customdata}<extra></extra>",
        **_discrete(STATE_COLORS),
        "xgap": 3,
        "ygap": 3,
    }


def _bits(scene: Scene) -> Trace:
    return {
        "type": "heatmap",
        "name": "one word",
        "z": [scene.kinds.tolist()],
        "x": list(range(31, -1, -1)),
        "y": [0],
        "text": [list(scene.bits)],
        "texttemplate": "%{text}",
        "textfont": {"color": ON_TINT},
        "hovertemplate": "bit %{x}: %{text}<extra></extra>",
        **_discrete(BIT_COLORS),
        "xgap": 1,
        "xaxis": "x2",
        "yaxis": "y2",
    }


def _halves(scene: Scene) -> Trace:
    return scatter(
        name="the halves as numbers",
        x=[23.5, 7.5],
        y=[-0.95, -0.95],
        mode="text",
        text=list(scene.halves),
        textfont={"size": 15},
        hoverinfo="skip",
        xaxis="x2",
        yaxis="y2",
    )


def _discrete(colors: Sequence[str]) -> dict:
    step = 1 / len(colors)
    return {
        "zmin": -0.5,
        "zmax": len(colors) - 0.5,
        "colorscale": [
            [(k + edge) * step, color] for k, color in enumerate(colors) for edge in (0, 1)
        ],
        "showscale": False,
    }


def _layout(shape: tuple[int, ...], tile_rows: int, tile_columns: int) -> dict:
    rows, steps = shape
    return {
        "margin": {"l": 10, "r": 30, "t": 10, "b": 10},
        "xaxis": {
            "title": {"text": "columns of W"},
            "range": [0, steps * tile_columns],
            "tickvals": [step * tile_columns for step in range(0, steps + 1, 2)],
            "showgrid": False,
            "zeroline": False,
            "automargin": True,
        },
        "yaxis": {
            "title": {"text": "rows of W"},
            "range": [rows * tile_rows, 0],
            "tickvals": [row * tile_rows for row in range(0, rows + 1, 2)],
            "showgrid": False,
            "zeroline": False,
            "domain": [0.5, 1],
            "automargin": True,
        },
        "xaxis2": {
            "title": {"text": "bit of one 32-bit word"},
            "range": [31.6, -0.6],
            "tickvals": [31, 24, 16, 15, 8, 0],
            "showgrid": False,
            "zeroline": False,
            "anchor": "y2",
            "automargin": True,
        },
        "yaxis2": {
            "range": [-1.5, 0.6],
            "domain": [0, 0.28],
            "showticklabels": False,
            "ticks": "",
            "showgrid": False,
            "zeroline": False,
            "anchor": "x2",
        },
    }
