"""The lattice with two inputs while a search goes through it: lines that go on, points looked at. Pure."""

from collections.abc import Iterable

import numpy as np

from app.figures.palette import ANSWER, NEUTRAL, PLANE, TARGET
from app.figures.search_sentences import shown_steps
from app.figures.stepped import Trace, scatter
from app.figures.window import Window
from lattice_core import Problem
from lattice_core.search_tree import Search, in_input_order


def moving_points(
    problem: Problem, window: Window, search: Search, step: int, done: bool
) -> list[Trace]:
    """Frame `step`: the lines of the first integers kept, whole codes as points, the best of them."""
    steps = search.steps if done else shown_steps(search)[:step]
    kept = {codes for taken in steps for codes in taken.kept}
    whole = {node.codes for taken in steps for node in taken.looked_at if node.level == 2}
    now = set(steps[-1].kept) if steps and not done else set()
    best = [steps[-1].best.codes] if steps and steps[-1].best else []
    return [
        _lines(problem, window, {codes[0] for codes in kept}),
        _points(problem, whole - set(best), "points looked at", "circle-open", 13, PLANE),
        _points(
            problem,
            [codes for codes in now if len(codes) == 2 and codes not in best],
            "points kept",
            "circle",
            11,
            PLANE,
        ),
        _points(
            problem, [search.babai[-1].codes], "nearest plane's answer", "square-open", 19, TARGET
        ),
        _points(problem, best, "best point so far", "diamond", 14, ANSWER),
    ]


def _points(
    problem: Problem,
    codes: Iterable[tuple[int, ...]],
    name: str,
    shape: str,
    size: int,
    color: str,
) -> Trace:
    given = [in_input_order(one, problem.order_indices) for one in sorted(codes)]
    points = [problem.lattice.point(one) for one in given]
    return scatter(
        x=[float(point[0]) for point in points] or [None],
        y=[float(point[1]) for point in points] or [None],
        mode="markers",
        name=name,
        marker={"symbol": shape, "size": size, "color": color, "line": {"width": 2}},
        customdata=[[int(one[0]), int(one[1])] for one in given],
        hovertemplate=name + " z = (%{customdata[0]}, %{customdata[1]})<extra></extra>",
    )


def _lines(problem: Problem, window: Window, codes: set[int]) -> Trace:
    """The line of each integer of the weight rounded first."""
    first, other = problem.order_indices
    along = problem.lattice.basis[:, other]
    along = 4 * window.half * along / np.linalg.norm(along)
    ends: list[list[float | None]] = []
    for code in sorted(codes):
        start = code * problem.lattice.basis[:, first]
        foot = start + along * ((window.center - start) @ along) / (along @ along)
        ends += [(foot - along).tolist(), (foot + along).tolist(), [None, None]]
    return scatter(
        x=[end[0] for end in ends] or [None],
        y=[end[1] for end in ends] or [None],
        mode="lines",
        name="lines that go on",
        line={"color": PLANE if codes else NEUTRAL, "width": 1.5, "dash": "dot"},
        hoverinfo="skip",
    )
