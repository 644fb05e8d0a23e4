"""How much of its bound the loss uses: a histogram over many targets, or over the rows of a layer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, LEG, NEUTRAL, TARGET, translucent
from lattice_core.inputs import FloatArray

CLEAR = "rgba(0, 0, 0, 0)"
WIDTH = 0.025  # of a bin
FARTHEST = 3.0  # what lies beyond is counted in the last bin


@dataclass(frozen=True)
class Mark:
    """A vertical line in the histogram, named in the legend."""

    name: str
    place: float
    color: str = NEUTRAL
    dash: str = "solid"


A_THIRD = Mark("a third, the mean of law L7", 1 / 3, ANSWER, "dash")


def bound_mark(void: np.ndarray) -> Mark:
    """The bound itself, where a corner of the box is; crossed out as far as codes are clipped."""
    if void.all():
        return Mark("<s>the bound</s> void", 1.0, NEUTRAL, "longdash")
    if void.any():
        return Mark("the bound, void where a code is clipped", 1.0, NEUTRAL, "longdash")
    return Mark("the bound, at a corner", 1.0, NEUTRAL, "solid")


def mean_mark(shares: FloatArray, of: str) -> Mark:
    """The mean of what is shown."""
    return Mark(f"mean of these {of}", float(np.mean(shares)), LEG, "dot")


def target_mark(share: float) -> Mark:
    """The target on show."""
    return Mark("the target above", share, TARGET, "dashdot")


def share_histogram(
    shares: FloatArray,
    void: np.ndarray,
    marks: Sequence[Mark],
    *,
    of: str = "targets",
    height: int = 380,
) -> go.Figure:
    """Counts by loss over bound; what is clipped is hatched and stacked on the rest.

    Parameters
    ----------
    shares : (m,) array
        Loss over bound.
    void : (m,) bool array
        Where a code is clipped, so that the bound is void.
    marks : sequence of Mark
    of : str
        What is counted.
    height : int
        In pixels.
    """
    end = min(max(1.0, float(shares.max(initial=0.0))), FARTHEST)
    edges = np.arange(0, np.ceil(end / WIDTH - 1e-9) + 1) * WIDTH
    shown = np.minimum(shares, edges[-1] - WIDTH / 2)
    kept, clipped = (np.histogram(shown[keep], edges)[0] for keep in (~void, void))
    more = [f"{low:.3g} … {low + WIDTH:.3g}" for low in edges[:-1]]
    if shares.max(initial=0.0) > edges[-1]:
        more[-1] = f"{edges[-2]:.3g} or more"
    top = float((kept + clipped).max(initial=1))
    bars = []
    if not void.all():
        bars.append(_bars(edges, kept, more, "no code clipped", of))
    if void.any():
        bars.append(_bars(edges, clipped, more, "a code clipped: bound void", of))
    lines = [_line(mark, edges[-1], top) for mark in marks]
    return go.Figure(
        [*bars, *lines],
        go.Layout(
            height=height,
            barmode="stack",
            bargap=0.04,
            margin={"l": 10, "r": 10, "t": 10, "b": 10},
            paper_bgcolor=CLEAR,
            plot_bgcolor=CLEAR,
            legend={
                "orientation": "h",
                "x": 0,
                "xanchor": "left",
                "y": 0,
                "yref": "container",
                "yanchor": "bottom",
            },
            xaxis={
                "title": {"text": "loss ÷ bound"},
                "range": [0, float(edges[-1]) + WIDTH],
                "automargin": True,
            },
            yaxis={"title": {"text": of}, "automargin": True, "range": [0, 1.05 * top]},
        ),
    )


def row_histogram(shares: FloatArray, void: np.ndarray) -> go.Figure:
    """The rows of a layer, with a third, their mean and the bound marked; arguments as above."""
    marks = [A_THIRD, mean_mark(shares, "rows"), bound_mark(void)]
    return share_histogram(shares, void, marks, of="rows", height=310)


def _bars(edges: FloatArray, counts: np.ndarray, bins: list[str], name: str, of: str) -> go.Bar:
    void = "void" in name
    return go.Bar(
        x=edges[:-1] + WIDTH / 2,
        y=counts,
        width=WIDTH,
        customdata=bins,
        name=name,
        marker={
            "color": translucent(NEUTRAL if void else LEG, 0.35 if void else 0.6),
            "line": {"color": NEUTRAL if void else LEG, "width": 1},
            "pattern": {"shape": "/" if void else "", "size": 6, "fgcolor": NEUTRAL},
        },
        hovertemplate=f"%{{customdata}}: %{{y}} {of}<extra>{name}</extra>",
    )


def _line(mark: Mark, end: float, top: float) -> go.Scatter:
    place = min(mark.place, end)
    return go.Scatter(
        x=[place, place],
        y=[0, 1.05 * top],
        mode="lines",
        name=mark.name,
        line={"color": mark.color, "dash": mark.dash, "width": 2.5},
        hovertemplate=f"{mark.name}: {mark.place:.4g}<extra></extra>",
    )
