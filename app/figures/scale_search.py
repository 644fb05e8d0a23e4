"""A search for a scale as steps: each trial on the curve that it searches, and what is left between."""

import math
from collections.abc import Sequence

import plotly.graph_objects as go

from app.figures.numbers import percent, short
from app.figures.palette import ANSWER, LEG, NEUTRAL, PLANE, TARGET, translucent
from app.figures.plane import SURROUNDINGS
from app.figures.stepped import Trace, scatter, stepped_figure
from app.figures.ticks import one_two_five
from lattice_core.inputs import FloatArray
from lattice_core.scale_search import ScaleTrial

NONE: list[float | None] = [None]


def search_figure(
    trials: Sequence[ScaleTrial],
    target: float,
    *,
    curve: tuple[FloatArray, FloatArray] | None,
    steps: bool = False,
    share: bool = False,
    start: str,
    end: str,
) -> go.Figure:
    """One frame before, one for each trial, one for the result.

    Parameters
    ----------
    trials : sequence of ScaleTrial
    target : float
        What may not be exceeded.
    curve : (factors, measured), optional
        The function that is searched.
    steps : bool
        Whether the curve is drawn as a step function.
    share : bool
        Whether what is measured is a share; otherwise bits a weight.
    start, end : str
        Sentences for the first and the last frame.
    """
    factors = [trial.factor for trial in trials]
    heights = [trial.measured for trial in trials]
    if curve:
        factors, heights = [*factors, *curve[0]], [*heights, *curve[1]]
    x_axis = one_two_five(min(factors), max(factors))
    reach = max(*heights, target)
    floor = 0.0 if share else max(0.0, min(*heights, target) - 0.1 * reach)
    ends = (10 ** x_axis["range"][0], 10 ** x_axis["range"][1])
    y_range = [floor - 0.03 * (reach - floor), reach + 0.1 * (reach - floor)]
    title = "outlier rate" if share else "bits a weight"
    layout = {
        **SURROUNDINGS,
        "margin": {"l": 56, "r": 10, "t": 8, "b": 100, "autoexpand": False},
        "xaxis": {
            "type": "log",
            **x_axis,
            "title": {"text": "scale factor"},
            "showgrid": False,
            "fixedrange": True,
        },
        "yaxis": {
            "range": y_range,
            "title": {"text": title},
            "tickformat": ".1%" if share else "",
            "fixedrange": True,
            "zeroline": False,
        },
    }
    still = [_target(ends, target)]
    if curve:
        still.insert(0, _curve(curve, steps))
    last = len(trials) + 1
    return stepped_figure(
        still,
        lambda k: _frame(trials, min(k, len(trials)), k == last, ends, y_range),
        [start, *(_sentence(trials, k, target, share) for k in range(1, last)), end],
        layout,
        narrow={"height": 440, "margin": {"b": 140}},
    )


def _curve(curve: tuple[FloatArray, FloatArray], steps: bool) -> Trace:
    return scatter(
        x=curve[0].tolist(),
        y=curve[1].tolist(),
        mode="lines",
        name="each factor",
        line={"color": NEUTRAL, "width": 2, "shape": "hv" if steps else "linear"},
        hovertemplate="factor %{x:.3f}: %{y:.4g}<extra></extra>",
    )


def _target(ends: tuple[float, float], target: float) -> Trace:
    return scatter(
        x=list(ends),
        y=[target, target],
        mode="lines",
        name="at most this",
        line={"color": PLANE, "width": 2, "dash": "dash"},
        hovertemplate=f"at most {target:.4g}<extra></extra>",
    )


def _frame(
    trials: Sequence[ScaleTrial],
    k: int,
    done: bool,
    ends: tuple[float, float],
    y_range: list[float],
) -> list[Trace]:
    tried = trials[:k]
    low, high = (tried[-1].too_small, tried[-1].enough) if tried else (0.0, math.inf)
    low, high = max(low, ends[0]), min(high, ends[1])
    found = trials[-1].enough if done else None
    at = next((t.measured for t in reversed(trials) if t.factor == found), None)
    samples = []
    if any(trial.sample for trial in trials):
        of_rows = [trial for trial in tried if trial.sample]
        samples.append(_marks(of_rows, "tried on a sample", "circle-open", LEG, 1))
    return [
        scatter(
            x=[low, high, high, low, low],
            y=[y_range[0], y_range[0], y_range[1], y_range[1], y_range[0]],
            mode="lines",
            fill="toself",
            fillcolor=translucent(PLANE, 0.1),
            line={"color": PLANE, "width": 1, "dash": "dot"},
            name="still possible",
            hoverinfo="skip",
        ),
        *samples,
        _marks(
            [t for t in tried if not t.sample],
            "tried",
            "circle",
            LEG,
            1 + sum(t.sample for t in tried),
        ),
        scatter(
            x=[tried[-1].factor] if tried and not done else NONE,
            y=[tried[-1].measured] if tried and not done else NONE,
            mode="markers",
            name="this trial",
            marker={"symbol": "circle-open", "size": 22, "color": TARGET, "line": {"width": 3}},
            hoverinfo="skip",
        ),
        scatter(
            x=[found] if at is not None else NONE,
            y=[at] if at is not None else NONE,
            mode="markers",
            name="taken",
            marker={"symbol": "diamond", "size": 16, "color": ANSWER},
            hovertemplate="factor %{x:.4f}: %{y:.4g}<extra></extra>",
        ),
    ]


def _marks(trials: Sequence[ScaleTrial], name: str, mark: str, color: str, first: int) -> Trace:
    return scatter(
        x=[t.factor for t in trials] or NONE,
        y=[t.measured for t in trials] or NONE,
        mode="markers+text",
        name=name,
        text=[str(first + i) for i in range(len(trials))] or None,
        textposition="top center",
        marker={"symbol": mark, "size": 11, "color": color, "line": {"width": 2, "color": color}},
        hovertemplate="factor %{x:.4f}: %{y:.4g}<extra></extra>",
    )


def _sentence(trials: Sequence[ScaleTrial], k: int, target: float, share: bool) -> str:
    trial = trials[k - 1]
    amount = percent(trial.measured) + " of the weights are outliers" if share else ""
    amount = amount or f"{trial.measured:.3f} bits a weight"
    most = percent(target) if share else f"{target:.3g} bits"
    verdict = (
        f"too many for {most}, so a larger factor is needed"
        if trial.too_small >= trial.factor
        else f"few enough for {most}, so a smaller factor may do"
    )
    where = " on some of the rows, without tables" if trial.sample else ""
    left = (
        f"between {trial.too_small:.4f} and {trial.enough:.4f}"
        if trial.too_small and trial.enough < math.inf
        else f"above {trial.too_small:.4f}"
        if trial.too_small
        else f"below {trial.enough:.4f}"
    )
    return f"Trial {k}: factor {short(trial.factor)}{where}. {amount}: {verdict}. Left: {left}."
