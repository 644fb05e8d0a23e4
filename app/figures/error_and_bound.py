"""The loss growing step by step under its bound, beside the box that the bound comes from."""

from dataclasses import replace
from types import ModuleType

import numpy as np
import plotly.graph_objects as go

from app.figures import bound_bars, plane, space
from app.figures.bound_bars import is_void, percent, step_limits, step_losses
from app.figures.numbers import short, symbol
from app.figures.stepped import Trace, stepped_figure
from app.figures.window import Window, window_around
from lattice_core import Problem

BOX = "box of the error"
# Room for four rows of the legend, which has the names of both pictures.
SURROUNDINGS = {**plane.SURROUNDINGS, "margin": {**plane.SURROUNDINGS["margin"], "b": 112}}


def error_figure(problem: Problem) -> go.Figure:
    """Bars for any number of inputs; with two or three, the lattice and the box beside them.

    With two inputs the target can be dragged.
    """
    if problem.size not in (2, 3):
        return stepped_figure(
            [],
            lambda step: bound_bars.moving_traces(problem, step),
            sentences(problem),
            {**bound_bars.axes(problem, (0, 1)), **plane.SURROUNDINGS},
            narrow={"height": 520},
        )
    window = _close_up(problem)
    if problem.size == 2:
        picture: ModuleType = plane
        layout = plane.axes(window, domain=(0, 0.46))
        patch = {"xaxis": {"domain": [0, 1]}, "yaxis": {"domain": [0.48, 1]}}
    else:
        picture = space
        layout = {"scene": {**space.scene(window), "domain": {"x": [0, 0.5], "y": [0, 1]}}}
        patch = {"scene": {"domain": {"x": [0, 1], "y": [0.48, 1]}}}
    still = [t for t in picture.still_traces(problem, window) if "basis" not in t["name"]]
    box = _box(picture, problem, window)
    return stepped_figure(
        still,
        lambda step: (
            _with_box(picture.moving_traces(problem, window, step), box, is_void(problem, step))
            + bound_bars.moving_traces(problem, step)
        ),
        sentences(problem),
        {**layout, **bound_bars.axes(problem, (0.52, 1)), **SURROUNDINGS},
        handles={"target": len(still) - 1} if problem.size == 2 else None,
        narrow={
            **patch,
            "xaxis2": {"domain": [0, 1]},
            "yaxis2": {"domain": [0.05, 0.42]},
            "margin": {"b": 140},
            "height": 820,
        },
    )


def _close_up(problem: Problem) -> Window:
    """A window that the box around the answer nearly fills; after clipping the target is in it too."""
    answer = problem.lattice.point(problem.babai.codes)
    box = np.abs(problem.lattice.nearest_plane_box(problem.order_indices)).max()
    half = max(1.6 * float(box), 1.5 * float(np.abs(problem.target - answer).max()))
    return replace(window_around(problem), center=answer, half=half)


def _box(picture: ModuleType, problem: Problem, window: Window) -> Trace:
    """The box around the answer, which those pictures show in their last frame alone."""
    last = picture.moving_traces(problem, window, problem.size + 1)
    (box,) = [trace for trace in last if trace["name"] == BOX]
    return box


def _with_box(traces: list[Trace], box: Trace, void: bool) -> list[Trace]:
    """The traces with the box in every frame; dashed and empty once the bound is void."""
    if void:
        line = {**box["line"], "dash": "dash"}
        box = {**box, "line": line} | ({"fill": "none"} if "fill" in box else {})
    return [box.copy() if trace["name"] == BOX else trace for trace in traces]


def sentences(problem: Problem) -> list[str]:
    """One sentence group for each frame: the start, c steps, the result."""
    return [
        _start(problem),
        *(_step(problem, k) for k in range(1, problem.size + 1)),
        _result(problem),
    ]


def _start(problem: Problem) -> str:
    bound = short(float(step_limits(problem).sum()))
    opening = (
        "The loss is the squared distance from the target to the lattice point it is rounded to: a "
        f"sum of {problem.size} squares, one a step. Each has a largest value. Together these are "
        f"the bound, {bound}."
    )
    if problem.size > 3:
        return opening
    cut = "" if problem.grid is None else " and need no clipping"
    return f"{opening} In the green box are the targets that have this answer{cut}."


def _step(problem: Problem, k: int) -> str:
    taken = problem.babai.steps[k - 1]
    loss, limit = step_losses(problem)[k - 1], step_limits(problem)[k - 1]
    so_far = short(step_losses(problem)[:k].sum())
    edge = short(2 * limit**0.5)
    opening = (
        f"Step {k}: {symbol('z', taken.index)} = {short(taken.code)}. Its planes are {edge} apart, and "
        f"the target is {short(abs(taken.center - taken.code))} of that away from the one chosen. "
        f"This adds {short(taken.plane_distance)}² = {short(loss)} to the loss."
    )
    if taken.clipped:
        return (
            f"{opening} {problem.bits} bits have no nearer code, so it is more than half way, which "
            f"would add {short(limit)}. From here on the bound is void. So far: {so_far}."
        )
    return f"{opening} Half way is the most: (½ · {edge})² = {short(limit)}. So far: {so_far}."


def _result(problem: Problem) -> str:
    bound = float(step_limits(problem).sum())
    loss = float(step_losses(problem).sum())
    if problem.babai.clipped:
        compared = (
            f"The loss is {short(loss / bound)} times as large."
            if loss > bound
            else "The loss happens to be no larger, but nothing keeps it there."
        )
        return (
            f"Done: the loss is {short(loss)}. A code is clipped, so the bound {short(bound)} is void. "
            f"{compared}"
        )
    share = loss / bound
    if share > 1 - 1e-6:
        where = "Every plane is half way: the target is at a corner of the box, the worst place."
    elif share < 1e-9:
        where = "The target is a lattice point: nothing is lost."
    else:
        where = "They are equal only at a corner of the box, where every plane is half way."
    return (
        f"Done: the loss is {short(loss)}, which is {percent(share)} of the bound {short(bound)}. "
        f"{where}"
    )
