"""SSQR on a row, weight by weight: what fits the grid, what is kept aside, what is pushed on."""

import plotly.graph_objects as go

from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, LEG, NEUTRAL, PLANE, TARGET, translucent
from app.figures.plane import SURROUNDINGS
from app.figures.stepped import Trace, scatter, stepped_figure
from lattice_core.toy_row import ToyRun

NONE: list[float | None] = [None]


def outlier_figure(run: ToyRun, *, forgets: bool = False) -> go.Figure:
    """Weights along the order of settling, in grid spacings, over the band that the grid covers.

    Parameters
    ----------
    run : ToyRun
    forgets : bool
        Whether the run comes from the world that forgets the outliers' error; for the words.
    """
    c = len(run.row.weights)
    weights = run.row.weights / run.row.scale
    arrivals = [step.arrival / run.row.scale for step in run.trace.steps]
    reach = max(1.0, *(abs(v) for v in [*weights, *arrivals]), float(-run.row.grid.low)) + 0.8
    names = [symbol("w", step.index) for step in run.trace.steps]
    layout = {
        **SURROUNDINGS,
        "xaxis": {
            "range": [-0.6, c - 0.4],
            "tickvals": list(range(c)),
            "ticktext": names,
            "title": {"text": "settled first … last"},
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {
            "range": [-reach, reach],
            "title": {"text": "in grid spacings"},
            "dtick": 1 if reach < 9 else 2,
            "zeroline": True,
            "fixedrange": True,
            "automargin": True,
        },
        "margin": {"l": 44, "r": 8, "t": 8, "b": 100, "autoexpand": False},
    }
    return stepped_figure(
        [_band(run, c), _originals(run)],
        lambda k: _frame(run, k),
        sentences(run, forgets=forgets),
        layout,
        narrow={
            "height": 460,
            "xaxis": {"tickfont": {"size": 11}, "tickangle": 0},
            "yaxis": {"title": {"text": ""}},
            "margin": {"b": 140, "l": 28},
        },
    )


def _band(run: ToyRun, c: int) -> Trace:
    low, high = run.row.grid.low - 0.5, run.row.grid.high + 0.5
    return scatter(
        x=[-0.6, c - 0.4, c - 0.4, -0.6, -0.6],
        y=[low, low, high, high, low],
        mode="lines",
        fill="toself",
        fillcolor=translucent(PLANE, 0.1),
        line={"color": PLANE, "width": 1, "dash": "dot"},
        name="codes of the grid",
        hoverinfo="skip",
    )


def _originals(run: ToyRun) -> Trace:
    steps = run.trace.steps
    return scatter(
        x=list(range(len(steps))),
        y=[float(run.row.weights[step.index]) / run.row.scale for step in steps],
        mode="markers",
        name="original weight",
        marker={"symbol": "circle-open", "size": 11, "color": NEUTRAL, "line": {"width": 2}},
        hovertemplate="weight %{y:.3f} spacings<extra></extra>",
    )


def _frame(run: ToyRun, k: int) -> list[Trace]:
    """After k weights are settled."""
    unit = run.row.scale
    done = list(enumerate(run.trace.steps))[:k]
    fits = [(place, step) for place, step in done if not step.outlier]
    aside = [(place, step) for place, step in done if step.outlier]
    legs = [
        (place, height)
        for place, step in done
        for height in (float(run.row.weights[step.index]) / unit, step.arrival / unit, None)
    ]
    return [
        scatter(
            x=[place for place, _ in legs] or NONE,
            y=[height for _, height in legs] or NONE,
            mode="lines",
            name="pushed to it",
            line={"color": LEG, "width": 4},
            hoverinfo="skip",
        ),
        _points(
            [(place, step.arrival / unit) for place, step in done[-1:]],
            "arrival a",
            {"symbol": "circle", "size": 13, "color": TARGET},
        ),
        _points(
            [(place, float(step.code)) for place, step in fits],
            "code",
            {"symbol": "diamond", "size": 13, "color": ANSWER},
        ),
        _points(
            [(place, step.value / unit) for place, step in aside],
            "outlier aside",
            {"symbol": "x", "size": 13, "color": TARGET},
        ),
    ]


def _points(points: list[tuple[int, float]], name: str, marker: dict) -> Trace:
    return scatter(
        x=[x for x, _ in points] or NONE,
        y=[y for _, y in points] or NONE,
        mode="markers",
        name=name,
        marker=marker,
        hovertemplate=f"{name} %{{y:.3f}} spacings<extra></extra>",
    )


def sentences(run: ToyRun, *, forgets: bool) -> list[str]:
    """One for each frame: the start, c steps, the result."""
    grid, unit = run.row.grid, run.row.scale
    start = (
        f"Fourteen weights, two of them large. The scale is {short(unit)}, and {run.row.bits} bits hold the codes "
        f"{short(grid.low)} … {short(grid.high)}: the shaded band. Weights are settled from the last to the first."
    )
    return [
        start,
        *(_step(run, k, forgets) for k in range(1, len(run.trace.steps) + 1)),
        _result(run),
    ]


def _step(run: ToyRun, k: int, forgets: bool) -> str:
    step, unit = run.trace.steps[k - 1], run.row.scale
    weight = float(run.row.weights[step.index])
    name = symbol("w", step.index)
    arrives = f"{name} = {short(weight)}, with the errors pushed to it a = {short(step.arrival)}"
    spacings = f"{short(step.arrival / unit)} spacings"
    if not step.outlier:
        return (
            f"Step {k}: {arrives}, which is {spacings}: code {short(step.code)}, value {short(step.value)}. "
            f"Pushed on: w − v = {short(step.pushed)}."
        )
    on = (
        f"This world pushes nothing on, though w − v is {short(weight - step.value)}."
        if forgets
        else f"Pushed on: w − v = {short(step.pushed)}, not 0, for v carries what arrived."
    )
    return (
        f"Step {k}: {arrives}, which is {spacings}: outside the grid. It becomes an outlier: code 0, and "
        f"v = {short(step.value)} is stored in 16 bits. {on}"
    )


def _result(run: ToyRun) -> str:
    count = run.trace.outliers
    kept = "no outlier" if count == 0 else f"{count} outlier{'s' if count > 1 else ''}"
    return (
        f"Done: {kept} among {len(run.trace.steps)} weights. The loss is {short(run.loss)}; the steps add up to "
        f"Σ D (a − v)² = {short(run.trace.cost)}."
    )
