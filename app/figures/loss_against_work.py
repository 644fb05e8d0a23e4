"""Loss over the least possible against the work of finding it, a line a search. Pure."""

from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.numbers import percent, short
from app.figures.palette import ANSWER, LEG, PLANE, TARGET
from app.figures.study_axes import layout, log_axis
from lattice_core.loss_against_work import WorkPoint

# Of each search: name, colour, symbol, dash.
LOOKS = {
    "k_best": ("K-best", PLANE, "circle", "solid"),
    "klein": ("Klein's dice, best of N", LEG, "square", "dot"),
    "coordinate_descent": ("coordinate descent", TARGET, "triangle-up", "solid"),
    "enumeration": ("exact enumeration", ANSWER, "diamond", "solid"),
}
LETTERS = {"k_best": "K", "klein": "N"}


def loss_against_work_plot(points: Sequence[WorkPoint]) -> go.Figure:
    """Both axes logarithmic; the first point of K-best, K = 1, is nearest plane."""
    traces = []
    for search, (name, color, symbol, dash) in LOOKS.items():
        own = [point for point in points if point.search == search]
        letter = LETTERS.get(search)
        traces.append(
            go.Scatter(
                x=[point.work for point in own],
                y=[point.ratio for point in own],
                mode="lines+markers+text",
                name=name,
                text=[f"{letter}={point.setting}" if letter else "" for point in own],
                textposition="top center" if search == "klein" else "bottom center",
                textfont={"size": 11},
                line={"color": color, "dash": dash, "width": 2},
                marker={"color": color, "symbol": symbol, "size": 11},
                hovertext=[_hover(point, name, letter) for point in own],
                hovertemplate="%{hovertext}<extra></extra>",
            )
        )
    works = [point.work for point in points]
    ratios = [point.ratio for point in points]
    figure = go.Figure(
        traces,
        layout(
            420,
            log_axis("centres computed for a target", min(works), max(works), room=1.35),
            log_axis("mean loss ÷ mean least loss", 0.98, max(max(ratios), 1.05), room=1.12),
        ),
    )
    figure.add_hline(y=1, line={"color": ANSWER, "dash": "dash", "width": 1.5})
    return figure


def _hover(point: WorkPoint, name: str, letter: str | None) -> str:
    setting = f", {letter} = {point.setting}" if letter else ""
    return (
        f"{name}{setting}<br>{short(point.work)} centres<br>{short(point.ratio)} times the least loss<br>"
        f"closest point found for {percent(point.exact)} of the targets"
    )
