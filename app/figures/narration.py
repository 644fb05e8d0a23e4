"""What happens in each step, in words: under the figure, for screen readers, in downloads."""

from app.figures.numbers import short, symbol, vector
from lattice_core import Problem, RoundingStep, absolute_bound

_PLANES = {1: "lines", 2: "planes"}


def sentences(problem: Problem) -> list[str]:
    """One sentence group for each frame: the start, c steps, the result."""
    steps = problem.babai.steps
    return [
        _start(problem),
        *(_step(problem, step, k) for k, step in enumerate(steps, start=1)),
        _result(problem),
    ]


def _start(problem: Problem) -> str:
    order = ", then ".join(symbol("w", int(j)) for j in problem.order_indices)
    points = "Each grey point is a choice of integer codes. " if problem.size <= 3 else ""
    return (
        f"The target y stands at {vector(problem.babai.start)} in units of the basis vectors. "
        f"{points}We round {order}."
    )


def _step(problem: Problem, step: RoundingStep, k: int) -> str:
    name = symbol("z", step.index)
    free = problem.size - k
    if free == 0:
        family = "on the line chosen the lattice is a row of points"
    else:
        where = "the lattice lies on" if k == 1 else "inside the plane chosen the lattice lies on"
        family = f"{where} parallel {_PLANES.get(free, f'{free}-dimensional subspaces')}"
    choice = f"The nearest has {name} = {short(step.code)}"
    if step.clipped:
        choice = (
            f"The nearest integer is {short(round(step.center))}, but {problem.bits} bits end at "
            f"{short(step.code)}: clipped to {name} = {short(step.code)}"
        )
    which = "integer" if problem.bits is None else "admissible integer"
    return (
        f"Step {k}: {family}, one for each {which} {name}. "
        f"Counted in their distance, the target stands at {short(step.center)}, its centre. {choice}, "
        f"{short(step.plane_distance)} away. The target moves straight onto it."
    )


def _result(problem: Problem) -> str:
    trace = problem.babai
    squares = " + ".join(short(step.plane_distance**2) for step in trace.steps)
    bound = absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    if trace.clipped:
        verdict = "A code was clipped, so the error may leave the box and the bound says nothing."
    else:
        verdict = (
            f"The error stays inside the box, so the loss cannot exceed {short(bound)}, "
            "its value at a corner."
        )
    return (
        f"Done: z = {vector(trace.codes)}. The moves are at right angles, so their squares add up: "
        f"{squares} = {short(trace.squared_distance)}, the loss. {verdict}"
    )
