"""LLL's swaps as a permutation that sorts itself, beside the profile of Gram-Schmidt lengths."""

import numpy as np
import plotly.graph_objects as go

from app.figures import plane
from app.figures.palette import ANSWER, NEUTRAL, PLANE
from app.figures.stepped import Trace, scatter, stepped_figure
from lattice_core.inputs import FloatArray
from lattice_core.sorting_path import SortingPath


def sorting_figure(path: SortingPath) -> go.Figure:
    """One frame for each look at LLL; left each input's place beside min-pivot's, right the lengths."""
    c = len(path.goal)
    positions = np.arange(1, c + 1)
    still = [
        scatter(
            x=[1, c],
            y=[1, c],
            mode="lines",
            name="min-pivot's order",
            line={"color": ANSWER, "width": 2, "dash": "dash"},
            hoverinfo="skip",
        ),
        _dots(positions, path.frames[0].ranks + 1, "at the start", "circle-open", 7, NEUTRAL),
        _profile(path.frames[0].lengths, "lengths at the start", NEUTRAL, "dot"),
        _profile(path.goal_lengths, "lengths in min-pivot's order", ANSWER, "dash"),
    ]

    def moving(k: int) -> list[Trace]:
        frame = path.frames[k]
        moved = _dots(positions, frame.ranks + 1, "inputs now", "circle", 9, PLANE)
        moved |= {
            "customdata": frame.arrangement,
            "hovertemplate": "place %{x}, in min-pivot's order %{y}<br>input number %{customdata}"
            "<extra></extra>",
        }
        return [moved, _profile(frame.lengths, "lengths now", PLANE, "solid")]

    return stepped_figure(
        still,
        moving,
        sorting_sentences(path),
        {**_axes(path), **plane.SURROUNDINGS, "margin": {"l": 60, "r": 8, "t": 8, "b": 110}},
        narrow={
            "xaxis": {"domain": [0, 1]},
            "yaxis": {"domain": [0.5, 1]},
            "xaxis2": {"domain": [0, 1]},
            "yaxis2": {"domain": [0.08, 0.38]},
            "margin": {"b": 150},
            "height": 760,
        },
    )


def sorting_sentences(path: SortingPath) -> list[str]:
    """The counts of each frame, and what they say at the start and at the end."""
    said = []
    for k, frame in enumerate(path.frames):
        pairs = len(path.goal) * (len(path.goal) - 1) // 2
        counts = (
            f"{frame.inversions} of {pairs} pairs of inputs stand in the opposite order to "
            f"min-pivot's; the sum of D is {frame.pivot_sum / path.goal_sum:.4f} times min-pivot's."
        )
        if k == 0:
            said.append(f"The start. {counts} On the dashed line all would be sorted.")
            continue
        done = (
            f"After {frame.swaps} swaps of neighbours (and {frame.size_reductions} size reductions, "
            f"which move nobody): {counts}"
        )
        last = k == len(path.frames) - 1
        said.append(f"{done} {_ending(path)}" if last else done)
    return said


def _ending(path: SortingPath) -> str:
    last = path.frames[-1]
    if last.inversions == 0:
        return "LLL is done, and has found min-pivot's order, input by input."
    return (
        "LLL is done. Pairs still out of order are nearly as good either way: Lovász's test with this "
        "δ asks for no more."
        if last.pivot_sum > path.goal_sum * (1 - 1e-6)
        else "LLL is done. It has mixed inputs, and is below what min-pivot's order reaches."
    )


def _dots(x: object, y: object, name: str, shape: str, size: int, color: str) -> Trace:
    return scatter(
        x=x,
        y=y,
        mode="markers",
        name=name,
        marker={"symbol": shape, "size": size, "color": color},
        hoverinfo="skip",
    )


def _profile(lengths: FloatArray, name: str, color: str, dash: str) -> Trace:
    return scatter(
        x=np.arange(1, len(lengths) + 1),
        y=lengths,
        xaxis="x2",
        yaxis="y2",
        mode="lines",
        name=name,
        line={"color": color, "dash": dash, "width": 3 if dash == "solid" else 2},
        hoverinfo="skip",
    )


def _axes(path: SortingPath) -> dict:
    c = len(path.goal)
    logarithms = np.log10(
        np.concatenate([path.goal_lengths, *(frame.lengths for frame in path.frames)])
    )
    fixed = {"showgrid": False, "zeroline": False, "fixedrange": True, "automargin": False}
    place = {"range": [0, c + 1], "tickvals": [1, *range(8, c + 1, 8)]}
    return {
        "xaxis": {**fixed, **place, "domain": [0, 0.44], "title": {"text": "place now"}},
        "yaxis": {
            **fixed,
            **place,
            "title": {"text": "place in min-pivot's order", "standoff": 24},
        },
        "xaxis2": {
            **fixed,
            **place,
            "anchor": "y2",
            "domain": [0.56, 1],
            "title": {"text": "place now: rounded last … first"},
        },
        "yaxis2": {
            **fixed,
            "anchor": "x2",
            "type": "log",
            "nticks": 4,
            "range": [float(logarithms.min()) - 0.05, float(logarithms.max()) + 0.05],
            "title": {"text": "Gram-Schmidt length", "standoff": 24},
        },
    }
