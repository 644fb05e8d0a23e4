"""What clipping does in each step, in words."""

from dataclasses import replace

from app.figures.bound_bars import step_limits
from app.figures.numbers import short, symbol, vector
from lattice_core import Problem


def sentences(problem: Problem) -> list[str]:
    """One sentence group for each frame: the start, c steps, the result."""
    kept = replace(problem, bits=None)
    return [
        _start(problem),
        *(_step(problem, kept, k) for k in range(1, problem.size + 1)),
        _result(problem, kept),
    ]


def _start(problem: Problem) -> str:
    if problem.grid is None:
        return (
            "All integers are codes here, so nothing is clipped. Choose a grid of 2 bits to see what "
            "clipping does."
        )
    return (
        f"The target stands at {vector(problem.babai.start)} in grid spacings. A grid of {problem.bits} bits "
        f"has the codes {short(problem.grid.low)} … {short(problem.grid.high)}. Each step is made twice: on "
        "the grid, and with every code kept."
    )


def _step(problem: Problem, kept: Problem, k: int) -> str:
    on_grid, free = problem.babai.steps[k - 1], kept.babai.steps[k - 1]
    name = symbol("z", on_grid.index)
    opening = f"Step {k}: on the grid the centre of {name} is {short(on_grid.center)}"
    if on_grid.clipped:
        away = short(abs(on_grid.center - on_grid.code))
        rest = (
            f", and the nearest code there is {short(on_grid.code)}: clipped, {away} away, more than ½. The "
            f"step costs {short(on_grid.plane_distance**2)}, where {short(step_limits(problem)[k - 1])} "
            "was the most."
        )
    else:
        rest = f", rounded to {short(on_grid.code)}. The step costs {short(on_grid.plane_distance**2)}."
    other = (
        f" With every code kept the centre is {short(free.center)} and the code {short(free.code)}: "
        f"{short(free.plane_distance**2)}."
    )
    return opening + rest + other


def _result(problem: Problem, kept: Problem) -> str:
    loss, free = problem.babai.squared_distance, kept.babai.squared_distance
    bound = short(float(step_limits(problem).sum()))
    if not problem.babai.clipped:
        return (
            f"Done: the codes are {vector(problem.babai.codes)} and none is clipped. The loss {short(loss)} is "
            f"below the bound {bound}, and keeping codes changes nothing."
        )
    box = (
        " The error has left the dashed box, and the target lies in the other."
        if problem.size == 2
        else ""
    )
    times = f", {short(loss / free)} times as much as" if free > 0 else "; nothing is lost by"
    return (
        f"Done: {vector(problem.babai.codes)} on the grid loses {short(loss)}{times} {vector(kept.babai.codes)} "
        f"with every code kept, {short(free)}. Only that one is sure to stay below {bound}.{box}"
    )
