"""What a picture of nearest plane adds when GPTQ has a line wrong."""

import numpy as np

from app.figures.narration import sentences
from app.figures.numbers import short, symbol, vector
from app.figures.palette import NEUTRAL
from app.figures.stepped import Trace, scatter, scatter_3d
from lattice_core import Problem, RoundingTrace


def broken_target(problem: Problem, trace: RoundingTrace, step: int) -> Trace:
    """Where the broken run's weights stand in the lattice; in the right world that is the target now."""
    place = problem.lattice.point(trace.coordinates_after(min(step, problem.size)))
    name = "wrong weights"
    look = {"mode": "markers", "name": name, "hovertemplate": f"{name}<extra></extra>"}
    xyz: dict[str, list[float | None]] = {
        axis: [float(value) if step else None]
        for axis, value in zip("xyz", np.atleast_1d(place), strict=False)
    }
    if problem.size == 3:
        return scatter_3d(**xyz, **look, marker={"symbol": "x", "size": 6, "color": NEUTRAL})
    marker = {"symbol": "x", "size": 14, "color": NEUTRAL, "line": {"width": 1}}
    return scatter(**xyz, **look, marker=marker)


def broken_sentences(problem: Problem, trace: RoundingTrace) -> list[str]:
    """The sentences of the right algorithm, and what the broken one does instead."""
    start, *steps, result = sentences(problem)
    said = [start]
    for sentence, right, broken in zip(steps, problem.babai.steps, trace.steps, strict=True):
        there = short(broken.center)
        same = np.isclose(broken.center, right.center)
        where = "as it should" if same else f"not at {short(right.center)}"
        name = symbol("w", broken.index)
        said.append(
            f"{sentence} Broken GPTQ has {name} at {there}, {where}, and rounds it to {short(broken.code)}."
        )
    losses = short(problem.loss_of(problem.babai.codes)), short(problem.loss_of(trace.codes))
    said.append(
        f"{result} Broken GPTQ ends at z = {vector(trace.codes)}, with loss {losses[1]} instead of {losses[0]}."
    )
    return said
