"""A grid of codes in the coordinates of a reduced basis: the square becomes a slanted one."""

import numpy as np
import plotly.graph_objects as go

from app.figures.palette import ANSWER, NEUTRAL, PLANE, translucent
from lattice_core import IntegerGrid
from lattice_core.inputs import FloatArray, IntArray

CLEAR = "rgba(0, 0, 0, 0)"


def skewed_grid(
    grid: IntegerGrid, codes: IntArray, reduced_codes: IntArray, to_codes: IntArray
) -> go.Figure:
    """Two pictures of the same codes, each with the axes of its basis.

    Parameters
    ----------
    grid : IntegerGrid
    codes, reduced_codes : (2,) int array
        Nearest plane's answer in the reduced basis, as codes of the weights and of that basis.
    to_codes : (2, 2) int array
        From codes of the reduced basis to codes of the weights.
    """
    to_reduced = np.linalg.inv(to_codes)
    edge = np.arange(grid.low, grid.high + 1)
    admissible = np.array([(a, b) for a in edge for b in edge])
    low, high = grid.low - 0.5, grid.high + 0.5
    frame = np.array([[low, low], [high, low], [high, high], [low, high], [low, low]])
    traces = []
    for place, (turn, found) in enumerate(((np.eye(2), codes), (to_reduced, reduced_codes)), 1):
        axes = {"xaxis": f"x{place}", "yaxis": f"y{place}", "showlegend": place == 1}
        traces += [
            _outline(frame @ turn.T, axes),
            _points(admissible @ turn.T, "codes of the grid", "circle", 9, NEUTRAL, axes),
            _points(found[None], "found in the reduced basis", "diamond", 15, ANSWER, axes),
        ]
    return go.Figure(
        traces, _layout(np.vstack([frame, codes]), np.vstack([frame, codes]) @ to_reduced.T)
    )


def _outline(corners: FloatArray, axes: dict) -> go.Scatter:
    return go.Scatter(
        x=corners[:, 0],
        y=corners[:, 1],
        mode="lines",
        fill="toself",
        fillcolor=translucent(PLANE, 0.12),
        line={"color": PLANE, "width": 2},
        name="the grid",
        hoverinfo="skip",
        **axes,
    )


def _points(
    points: FloatArray, name: str, shape: str, size: int, color: str, axes: dict
) -> go.Scatter:
    return go.Scatter(
        x=points[:, 0],
        y=points[:, 1],
        mode="markers",
        name=name,
        marker={"symbol": shape, "size": size, "color": color},
        hovertemplate=f"{name}: (%{{x:.0f}}, %{{y:.0f}})<extra></extra>",
        **axes,
    )


def _layout(seen: FloatArray, seen_reduced: FloatArray) -> go.Layout:
    axes: dict = {}
    for place, (points, letter, domain) in enumerate(
        ((seen, "z", [0, 0.44]), (seen_reduced, "z′", [0.56, 1])), 1
    ):
        whole = {"zeroline": True, "dtick": _tick(points), "showgrid": True}
        axes[f"xaxis{place}"] = {
            **whole,
            "domain": domain,
            "anchor": f"y{place}",
            "title": {"text": f"{letter}₁"},
            "range": [points[:, 0].min() - 0.7, points[:, 0].max() + 0.7],
        }
        axes[f"yaxis{place}"] = {
            **whole,
            "anchor": f"x{place}",
            "title": {"text": f"{letter}₂"},
            "range": [points[:, 1].min() - 0.7, points[:, 1].max() + 0.7],
        }
    return go.Layout(
        height=340,
        margin={"l": 10, "r": 10, "t": 10, "b": 10},
        paper_bgcolor=CLEAR,
        plot_bgcolor=CLEAR,
        legend={"orientation": "h", "x": 0, "y": -0.22, "xanchor": "left", "yanchor": "top"},
        **axes,
    )


def _tick(points: FloatArray) -> int:
    return max(1, int(np.ptp(points)) // 6)
