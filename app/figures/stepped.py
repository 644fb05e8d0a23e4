"""Putting a stepped figure together: what stays, what moves, and what the stepper needs to know."""

from collections.abc import Callable, Sequence
from copy import deepcopy

import plotly.graph_objects as go

Traces = list[go.Scatter | go.Scatter3d | go.Mesh3d]

# What the legend names, once each; the sentences name the rest.
LEGEND = frozenset(
    {
        "lattice points",
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
    }
)


def stepped_figure(
    still: Traces,
    moving: Callable[[int], Traces],
    sentences: Sequence[str],
    layout: dict,
    *,
    target_trace: int | None = None,
    narrow: dict | None = None,
) -> go.Figure:
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
    target_trace : int, optional
        Index in `still` of the point that may be dragged.
    narrow : dict, optional
        Layout patch for narrow screens.
    """
    meta = {"sentences": list(sentences), "target_trace": target_trace, "narrow": narrow or {}}
    pictures = [moving(k) for k in range(len(sentences))]
    named: set[str] = set()
    for place, trace in enumerate(still + pictures[0]):
        shown = trace.name in LEGEND and trace.name not in named
        named.add(trace.name)
        copies = [trace] if place < len(still) else [p[place - len(still)] for p in pictures]
        for copy in copies:
            copy.showlegend = shown
    indices = list(range(len(still), len(still) + len(pictures[0])))
    frames = [go.Frame(name=str(k), data=p, traces=indices) for k, p in enumerate(pictures)]
    return go.Figure(still + pictures[0], go.Layout(meta=meta, **layout), frames)


def standalone_html(figure: go.Figure, title: str) -> str:
    """The figure as one self-contained page with plotly's own slider in place of the stepper."""
    page = go.Figure(deepcopy(figure.to_dict()))
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
        height=640,
        margin={"t": 120, "b": 90},
        title={"text": _wrapped(sentences[0]), "font": {"size": 14}},
        sliders=[
            {
                "currentvalue": {"prefix": "step "},
                "steps": [
                    {"label": str(k), "method": "animate", "args": [[str(k)], show]}
                    for k in range(len(sentences))
                ],
            }
        ],
    )
    html = page.to_html(include_plotlyjs=True, full_html=True)
    return html.replace("<head>", f"<head><title>{title}</title>", 1)


def _wrapped(sentence: str, width: int = 110) -> str:
    lines = [""]
    for word in sentence.split():
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += word + " "
    return "<br>".join(line.strip() for line in lines)
