"""The squared error of each step beside the most it can be; below, their sum under the bound."""

from collections.abc import Iterable, Sequence

import numpy as np

from app.figures.bar_panel import bar_labels, rectangles
from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, LEG, NEUTRAL, translucent
from app.figures.plane import NBSP
from app.figures.stepped import Trace, scatter
from lattice_core import Problem, gram_schmidt_lengths
from lattice_core.inputs import FloatArray

TALL = (-0.36, 0.06)  # a bar, from its row down; its label stands above it
LABEL = 0.26
GAP = 0.3  # more room above the sum


def step_limits(problem: Problem) -> FloatArray:
    """The most each step can add, ``¼ D_j s_j²``, (c,), in the order of rounding."""
    lengths = gram_schmidt_lengths(problem.damped_hessian, problem.scales, problem.order_indices)
    return lengths[problem.order_indices] ** 2 / 4


def step_losses(problem: Problem) -> FloatArray:
    """What each step adds to the loss, (c,), in the order of rounding."""
    return np.array([step.plane_distance**2 for step in problem.babai.steps])


def is_void(problem: Problem, step: int) -> bool:
    """Whether a code has been clipped by this step: then the bound says nothing (law L9)."""
    return any(taken.clipped for taken in problem.babai.steps[:step])


def axes(problem: Problem, domain: tuple[float, float]) -> dict:
    """Axes x2, y2: squared distance across, one row a step and one for their sum."""
    limits, losses = step_limits(problem), step_losses(problem)
    return {
        "xaxis2": {
            "anchor": "y2",
            "automargin": False,
            "domain": list(domain),
            "range": [0, 1.04 * max(limits.sum(), losses.sum())],
            "nticks": 5,
            "zeroline": True,
            "showgrid": False,
            "fixedrange": True,
            "exponentformat": "power",
            "title": {"text": "squared distance"},
        },
        "yaxis2": {
            "anchor": "x2",
            "automargin": False,
            "domain": [0.08, 1],
            "range": [-problem.size - GAP - 0.64, 0.55],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
    }


def moving_traces(problem: Problem, step: int) -> list[Trace]:
    """Frame `step`: the squares so far, the most they can be, a third of the sum, labels."""
    limits, losses = step_limits(problem), step_losses(problem)
    sums = np.cumsum(np.append(0.0, losses))
    rows = [-float(k) for k in range(problem.size)]
    below = -problem.size - GAP
    done = range(min(step, problem.size))
    bars = [(0.0, losses[k], rows[k]) for k in done]
    bars += [(sums[k], sums[k + 1], below) for k in done]
    clipped = [taken.clipped and k < step for k, taken in enumerate(problem.babai.steps)]
    void = is_void(problem, step)
    outlines = [(0.0, float(limits[k]), rows[k], clipped[k]) for k in range(problem.size)]
    outlines.append((0.0, float(limits.sum()), below, void))
    traces = [
        rectangles(
            _tall(bars),
            "squared error of a step",
            {"fillcolor": translucent(LEG, 0.6), "line": {"color": LEG, "width": 2}},
        ),
        rectangles(
            _tall(bar for *bar, crossed in outlines if not crossed),
            "most it can be",
            {"fillcolor": "rgba(0, 0, 0, 0)", "line": {"color": ANSWER, "width": 2.5}},
        ),
        _third(float(limits.sum()) / 3, below, void),
        bar_labels(
            [row + LABEL for row in (*rows, below)],
            [*_step_labels(problem, step), _sum_label(problem, step)],
            size=14,
        ),
    ]
    if problem.babai.clipped:  # else the legend would speak of clipping where there is none
        traces.append(
            rectangles(
                _tall(bar for *bar, crossed in outlines if crossed),
                "void: a code is clipped",
                {
                    "fillcolor": "rgba(0, 0, 0, 0)",
                    "line": {"color": ANSWER, "width": 3, "dash": "dash"},
                },
            )
        )
    return traces


def _tall(bars: Iterable[Sequence[float]]) -> list[tuple[float, float, float, float]]:
    """From (start, end, row) to (start, end, bottom, top)."""
    low, high = TALL
    return [(start, end, row + low, row + high) for start, end, row in bars]


def _third(place: float, row: float, void: bool) -> Trace:
    """Where the loss is on average: a mark in the bar of the sum."""
    low, high = TALL
    return scatter(
        x=[None] if void else [place, place],
        y=[None] if void else [row + low, row + high],
        xaxis="x2",
        yaxis="y2",
        mode="lines+text",
        name="a third of the bound",
        text=["⅓", NBSP],
        textposition="bottom center",
        line={"color": NEUTRAL, "width": 2, "dash": "dot"},
        hoverinfo="skip",
    )


def _step_labels(problem: Problem, step: int) -> list[str]:
    texts = []
    steps = zip(problem.babai.steps, step_losses(problem), step_limits(problem), strict=True)
    for k, (taken, loss, limit) in enumerate(steps, start=1):
        name = f"step {k}, {symbol('z', taken.index)}:"
        if k > step:
            text = f"{name} … ≤ {short(limit)}"
        elif taken.clipped:
            text = f"{name} {short(loss)} <s>≤ {short(limit)}</s> clipped"
        else:
            text = f"{name} {short(loss)} ≤ {short(limit)} ({percent(loss / limit)})"
        texts.append(f"<b>{text}</b>" if k == step else text)
    return texts


def _sum_label(problem: Problem, step: int) -> str:
    bound = float(step_limits(problem).sum())
    loss = float(step_losses(problem)[:step].sum())
    name = "loss" if step >= problem.size else "loss so far"
    if is_void(problem, step):
        return f"<b>{name} {short(loss)} <s>≤ bound {short(bound)}</s></b> void: a code is clipped"
    if step == 0:
        return f"<b>{name} 0 ≤ bound {short(bound)}</b>"
    return f"<b>{name} {short(loss)} ≤ bound {short(bound)}</b> ({percent(loss / bound)})"


def percent(share: float) -> str:
    """``29 %``, or ``0.3 %`` where it is small."""
    digits = 0 if share >= 0.0995 or share == 0 else 1
    return f"{100 * share:.{digits}f}{NBSP}%"
