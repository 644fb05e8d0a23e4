"""What happens in each step of min-pivot, in words: under the figure, for screen readers."""

from app.figures.numbers import short, symbol
from lattice_core import GramSchmidtStep, Problem, min_pivot_steps


def pivot_sentences(problem: Problem) -> list[str]:
    """One sentence group for each frame: the start, c steps, the result."""
    steps = min_pivot_steps(problem.damped_hessian)
    return [_start(steps), *(_step(steps, k) for k in range(1, len(steps) + 1)), _result(steps)]


def _start(steps: tuple[GramSchmidtStep, ...]) -> str:
    return (
        f"Each input is an arrow, {_listed(_names(steps))}. Its length is the size of the input on "
        "the sample text. We look for the shortest. It will be rounded last: min-pivot builds the "
        "order from its end."
    )


def _step(steps: tuple[GramSchmidtStep, ...], k: int) -> str:
    step, c = steps[k - 1], len(steps)
    name = symbol("x", step.index)
    length = short(step.lengths[step.index])
    place = {1: "last", c: "first"}.get(k, f"number {c + 1 - k}")
    turn = f"So {symbol('w', step.index)} is rounded {place}."
    if k == 1:
        return f"Step 1: {name} is the shortest, {length}. {_rivals(steps, 1)} {turn}"
    gone = _listed([symbol("x", s.index) for s in steps[: k - 1]])
    start = f"Step {k}: whatever lies along {gone} is projected out of the rest."
    if k == c:
        return f"{start} Of {name} a length of {length} is left, the last edge. {turn}"
    return f"{start} Of {name} the least is left, {length}. {_rivals(steps, k)} {turn}"


def _rivals(steps: tuple[GramSchmidtStep, ...], k: int) -> str:
    lengths = steps[k - 1].lengths
    longer = sorted(step.index for step in steps[k:])
    said = _listed([f"{symbol('x', j)} {short(lengths[j])}" for j in longer])
    return f"{'The other' if len(longer) == 1 else 'The others'}: {said}."


def _result(steps: tuple[GramSchmidtStep, ...]) -> str:
    taken = _listed([symbol("x", step.index) for step in steps], "then")
    rounded = _listed([symbol("w", step.index) for step in reversed(steps)], "then")
    lengths = " · ".join(short(step.lengths[step.index]) for step in steps)
    volume = 1.0
    for step in steps:
        volume *= float(step.lengths[step.index])
    return (
        f"Done. Taken: {taken}. That is the pivot order. Read backwards it is the order of rounding: "
        f"{rounded}. The lengths left over are the edges of the box before scaling by the grid "
        f"spacings, of volume {lengths} = {short(volume)}. Every order gives this volume; the "
        "nearer to a cube, the better."
    )


def _names(steps: tuple[GramSchmidtStep, ...]) -> list[str]:
    return [symbol("x", j) for j in range(len(steps))]


def _listed(words: list[str], last: str = "and") -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(words) == 1:
        return words[0]
    comma = ", " if last == "then" else " "
    return f"{', '.join(words[:-1])}{comma}{last} {words[-1]}"
