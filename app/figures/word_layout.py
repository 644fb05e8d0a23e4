"""Which bit of which word belongs to which weight."""

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, LEG, ON_TINT, PLANE, TARGET, tint

CLEAR = "rgba(0, 0, 0, 0)"
TINTS = [tint(color, 0.45) for color in (PLANE, TARGET, ANSWER, LEG)]


def word_layout(owners: np.ndarray, width: int, slot_size: int) -> go.Figure:
    """A column of fields for each word; the colour is the slot, the number the column of W.

    Parameters
    ----------
    owners : (words, 32) int array
        The column that each bit belongs to, bit 0 first.
    width : int
        Bits of a field.
    slot_size : int
        Columns of a slot.
    """
    fields = owners[:, ::width].T  # (fields, words), lowest bits first
    slots = fields // slot_size
    ends = [(first, first + width - 1) for first in range(0, 32, width)]
    labels = [f"{last}–{first}" if width > 1 else str(first) for first, last in ends]
    step = 1 / len(TINTS)
    scale = [(k * step + edge * step, tint) for k, tint in enumerate(TINTS) for edge in (0, 1)]
    hover = [
        [
            f"word {word}, bits {labels[row]}<br>column {column}, slot {column // slot_size}"
            for word, column in enumerate(columns)
        ]
        for row, columns in enumerate(fields)
    ]
    return go.Figure(
        go.Heatmap(
            z=slots % len(TINTS) + 0.5,
            zmin=0,
            zmax=len(TINTS),
            colorscale=scale,
            showscale=False,
            x=[str(word) for word in range(len(owners))],
            y=labels,
            text=fields,
            texttemplate="%{text}",
            textfont={"color": ON_TINT},
            customdata=hover,
            hovertemplate="%{customdata}<extra></extra>",
            xgap=2,
            ygap=1,
        ),
        go.Layout(
            height=90 + max(20, 30 - len(labels) // 2) * len(labels),
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            xaxis={
                "title": {"text": "32-bit word of the unit"},
                "type": "category",
                "side": "bottom",
                "showgrid": False,
                "automargin": True,
            },
            yaxis={
                "title": {"text": "bits of the word"},
                "type": "category",
                "showgrid": False,
                "automargin": True,
            },
        ),
    )
