"""Putting a stepped figure together: what stays, what moves, and what the stepper needs to know."""

from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import cache, cached_property
from typing import Any

import plotly.graph_objects as go
import plotly.io as pio

from app.figures.symbol_marks import Marks

# A trace is a plain dict, and so is the figure on its way to the browser: plotly's classes check every
# attribute, which takes five times as long as all else that is done to answer a drag.
Trace = dict[str, Any]


class SteppedFigure:
    """A figure with frames: sent as it is, checked by plotly only when somebody looks into it.

    Parameters
    ----------
    described : dict
        ``data``, ``layout`` and ``frames``, as plotly's JSON has them.
    """

    def __init__(self, described: dict[str, Any]) -> None:
        self._described = described

    def to_json(self) -> str:
        """What the browser draws."""
        return self._json

    @cached_property
    def _json(self) -> str:
        layout = {"template": _template(), **self._described["layout"]}
        text: str = pio.to_json(
            self._described | {"layout": layout}, validate=False, remove_uids=False
        )
        return text

    @cached_property
    def checked(self) -> go.Figure:
        """The same as plotly's own figure; an attribute that plotly does not know is an error."""
        return go.Figure(self._described)

    @property
    def data(self) -> tuple[Any, ...]:
        """The traces, checked."""
        return self.checked.data

    @property
    def layout(self) -> go.Layout:
        """The layout, checked."""
        return self.checked.layout

    @property
    def frames(self) -> tuple[go.Frame, ...]:
        """The frames, checked."""
        return self.checked.frames


@cache
def _template() -> dict[str, Any]:
    """Plotly's usual look, which `checked` has too."""
    template: dict[str, Any] = pio.templates[pio.templates.default].to_plotly_json()
    return template


def scatter(**attributes: object) -> Trace:
    """A 2-D trace of points, lines or text."""
    return {"type": "scatter", **attributes}


def scatter_3d(**attributes: object) -> Trace:
    """A 3-D trace of points, lines or text."""
    return {"type": "scatter3d", **attributes}


def mesh(**attributes: object) -> Trace:
    """A 3-D trace of triangles."""
    return {"type": "mesh3d", **attributes}


# What the legend names, once each; the sentences name the rest.
LEGEND = frozenset(
    {
        "lattice points",
        "outside the grid",
        "target y",
        "nearest plane",
        "error of a step",
        "before this step",
        "answer B z",
        "box of the error",
        "original weight",
        "weight now",
        "code",
        "pushed to the others",
        "squared error of a step",
        "most it can be",
        "void: a code is clipped",
        "inputs",
        "left over",
        "shortest: taken",
        "taken before",
        "projected out",
        "box of these edges",
        "cell of the closest point",
        "cell of round-off",
        "box of nearest plane",
        "round-off misses",
        "nearest plane misses",
        "goes on",
        "looked at",
        "dropped",
        "nearest plane's path",
        "best so far",
        "wrong weights",
        "round-off cell",
        "rounded to nearest",
        "error on the grid",
        "error, kept",
        "most, unclipped",
        "answer, kept",
        "box, codes kept",
        "codes of the grid",
        "pushed to it",
        "arrival a",
        "outlier aside",
        "each factor",
        "at most this",
        "still possible",
        "tried on a sample",
        "tried",
        "taken",
        "the two rarest",
        "merged",
        "codes",
        "basis now",
        "basis before",
        "box before",
        "answer before",
        "length before",
        "length now",
        "min-pivot's order",
        "at the start",
        "inputs now",
    }
)


def stepped_figure(
    still: list[Trace],
    moving: Callable[[int], list[Trace]],
    sentences: Sequence[str],
    layout: dict,
    *,
    handles: dict[str, int] | None = None,
    symbols: Callable[[int], Marks] | None = None,
    narrow: dict | None = None,
) -> SteppedFigure:
    """A figure with one frame for each sentence.

    Parameters
    ----------
    still : list of traces
        Drawn first, the same in every frame.
    moving : callable
        ``moving(k)``: the traces of frame k; as many, and of the same kinds, for every k.
    sentences : sequence of str
        What happens in each frame.
    layout : dict
        Plotly layout.
    handles : dict of int, optional
        The points that may be dragged: by name, their indices in `still`.
    symbols : callable, optional
        ``symbols(k)``: what lights up in frame k for the symbols of its formulas.
    narrow : dict, optional
        Layout patch for narrow screens.
    """
    meta = {"sentences": list(sentences), "handles": handles or {}, "narrow": narrow or {}}
    if symbols:
        meta["symbols"] = [symbols(k) for k in range(len(sentences))]
    pictures = [moving(k) for k in range(len(sentences))]
    named: set[str] = set()
    for copies in [*([trace] for trace in still), *map(list, zip(*pictures, strict=True))]:
        name = copies[0]["name"]
        for trace in copies:
            trace["showlegend"] = name in LEGEND and name not in named
        named.add(name)
    indices = list(range(len(still), len(still) + len(pictures[0])))
    frames = [
        {"name": str(k), "data": picture, "traces": indices} for k, picture in enumerate(pictures)
    ]
    return SteppedFigure(
        {"data": still + pictures[0], "layout": {"meta": meta, **layout}, "frames": frames}
    )


def standalone_html(figure: SteppedFigure, title: str) -> str:
    """The figure as one self-contained page with plotly's own slider in place of the stepper."""
    page = deepcopy(figure.checked)
    sentences = figure.layout.meta["sentences"]
    for frame, sentence in zip(page.frames, sentences, strict=True):
        frame.layout = {"title": {"text": _wrapped(sentence)}}
    show = {
        "mode": "immediate",
        "frame": {"duration": 0, "redraw": True},
        "transition": {"duration": 0},
    }
    page.update_layout(
        template="plotly_white",
        height=700,
        margin={"l": 24, "r": 24, "t": 120, "b": 210, "autoexpand": False},
        legend={"orientation": "h", "yref": "paper", "y": -0.09, "yanchor": "top"},
        title={"text": _wrapped(sentences[0]), "font": {"size": 14}},
        sliders=[
            {
                "currentvalue": {"prefix": "step "},
                "y": -0.22,
                "steps": [
                    {"label": str(k), "method": "animate", "args": [[str(k)], show]}
                    for k in range(len(sentences))
                ],
            }
        ],
    )
    html = page.to_html(include_plotlyjs=True, full_html=True, auto_play=False)
    return html.replace("<head>", f"<head><title>{title}</title>", 1)


def _wrapped(sentence: str, width: int = 110) -> str:
    lines = [""]
    for word in sentence.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word + " "
    return "<br>".join(line.strip() for line in lines)
