"""What lights up in the figure for each symbol of a step's formulas: an arrow, a length or a point.

Both panels show the same thing: in the lattice (``"xy"`` or ``"scene"``) and on the number lines of the weights
(``"x2y2"``). The stepper draws a mark over the figure when its symbol is pointed at, and says which symbol's mark
the pointer is on; see ``meta["symbols"]`` in `app.stepper`. The formulas are in `app.linked_formula`.
"""

import numpy as np

from app.figures.numbers import short, symbol
from app.figures.window import Window
from lattice_core import Problem, RoundingStep
from lattice_core.inputs import FloatArray

# By symbol. A mark has "panel", "kind" ("arrow", "line", "point"), "points" in the coordinates of the panel, and
# "label", what the figure writes beside it.
Marks = dict[str, list[dict]]
LINES = "x2y2"


def babai_marks(problem: Problem, window: Window, step: int) -> Marks:
    """In the lattice, the symbols of Babai's formulas in one step."""
    if not 1 <= step <= problem.size:
        return {}
    taken, before, now = _step(problem, step)
    j = taken.index
    star = _star(problem, step)
    down, up = taken.center - np.floor(taken.center), np.floor(taken.center) + 1 - taken.center
    chosen = problem.babai.order[: step - 1]
    tail = problem.lattice.basis[:, chosen] @ problem.babai.codes[chosen]
    foot = now if taken.center >= taken.code else now - star
    panel = _panel(problem)
    found = {
        "center": _shown(
            symbol("ζ", j),
            _mark(panel, "point", before),
            _mark(panel, "line", before - down * star, before + up * star),
        ),
        "code": _shown(
            f"{symbol('z', j)} = {short(taken.code)}", _plane_chosen(problem, window, step, now)
        ),
        "distance": _shown("distance", _mark(panel, "arrow", before, now)),
        "star": _shown(symbol("b*", j), _mark(panel, "arrow", foot, foot + star)),
        "residual": _shown("r", _mark(panel, "arrow", tail, problem.target)),
        "target": _shown("y", _mark(panel, "point", problem.target)),
    }
    start = window.quiet_point(problem.lattice.basis)
    for k in (*map(int, chosen), j):
        tip = start + problem.lattice.basis[:, k]
        found[f"basis {k + 1}"] = _shown(symbol("b", k), _mark(panel, "arrow", start, tip))
    return found


def push_marks(problem: Problem, step: int) -> Marks:
    """In the lattice, GPTQ's step: the error goes along b_j, the pushes along the others, the sum is the leg."""
    if not 1 <= step <= problem.size:
        return {}
    taken, before, _ = _step(problem, step)
    panel = _panel(problem)
    basis = problem.lattice.basis
    moves = taken.coordinates - problem.babai.coordinates_after(step - 1)
    place = before + moves[taken.index] * basis[:, taken.index]
    # A length, not an arrow: the weight moves by q − w, and its error is w − q.
    found = {"error": _shown(_error_label(taken), _mark(panel, "line", before, place))}
    for k in _free(problem, step):
        tip = place + moves[k] * basis[:, k]
        found[_share(k)] = _shown(f"push to {symbol('w', k)}", _mark(panel, "arrow", place, tip))
        place = tip
    for k in (taken.index, *_free(problem, step)):
        found[f"weight {k + 1}"] = _shown(symbol("w", k), _mark(panel, "point", before))
    return found


def line_marks(problem: Problem, step: int) -> Marks:
    """On the number lines, the symbols of both algorithms' formulas in one step."""
    if not 1 <= step <= problem.size:
        return {}
    taken = problem.gptq.steps[step - 1]
    j = taken.index
    before = problem.gptq.coordinates_after(step - 1)
    rows = {int(i): -k for k, i in enumerate(problem.order_indices)}

    def along(k: int, kind: str, *places: float) -> dict:
        return _mark(LINES, kind, *([place, rows[k]] for place in places))

    start, codes = problem.gptq.start, problem.gptq.codes
    chosen = [int(k) for k in problem.gptq.order[: step - 1]]
    residual = [along(k, "arrow", codes[k], start[k]) for k in chosen]
    residual += [along(k, "point", start[k]) for k in (j, *_free(problem, step))]
    down = float(np.floor(taken.center))
    leg = along(j, "arrow", taken.center, taken.code)
    found = {
        "center": _shown(symbol("ζ", j), along(j, "point", taken.center)),
        "code": _shown(f"{symbol('z', j)} = {short(taken.code)}", along(j, "point", taken.code)),
        "distance": _shown("distance", leg),
        "error": _shown(_error_label(taken), along(j, "line", taken.center, taken.code)),
        "star": _shown("one spacing", along(j, "line", down, down + 1)),
        "target": _shown("w", *(along(k, "point", start[k]) for k in range(problem.size))),
        "residual": _shown("r", *residual),
    }
    for k in (*chosen, j):
        left = float(np.floor(start[k]))
        found[f"basis {k + 1}"] = _shown(symbol("s", k), along(k, "line", left, left + 1))
    for k in (j, *_free(problem, step)):
        found[f"weight {k + 1}"] = _shown(symbol("w", k), along(k, "point", before[k]))
    for k in _free(problem, step):
        push = along(k, "arrow", before[k], taken.coordinates[k])
        found[_share(k)] = _shown(f"push to {symbol('w', k)}", push)
    return found


def together(*panels: Marks) -> Marks:
    """The marks of several panels under the same symbols."""
    both: Marks = {}
    for marks in panels:
        for key, shown in marks.items():
            both[key] = both.get(key, []) + shown
    return both


def _step(problem: Problem, step: int) -> tuple[RoundingStep, FloatArray, FloatArray]:
    """Babai's step and the target (n,) before and after it."""
    trace, point = problem.babai, problem.lattice.point
    return (
        trace.steps[step - 1],
        point(trace.coordinates_after(step - 1)),
        point(trace.coordinates_after(step)),
    )


def _star(problem: Problem, step: int) -> FloatArray:
    """The Gram-Schmidt vector (n,) of the basis vector rounded in this step."""
    directions, triangle = problem.lattice.gram_schmidt(problem.order_indices)
    pivot = problem.size - step
    return directions[:, pivot] * triangle[pivot, pivot]


def _free(problem: Problem, step: int) -> list[int]:
    """Who takes the error of this step."""
    return [int(k) for k in problem.gptq.order[step:]]


def _plane_chosen(problem: Problem, window: Window, step: int, now: FloatArray) -> dict:
    """The outline of the plane chosen in this step: a square, a line or a point."""
    free = problem.size - step
    panel = _panel(problem)
    if free == 0:
        return _mark(panel, "point", now)
    directions, _ = problem.lattice.gram_schmidt(problem.order_indices)
    along = directions[:, :free]
    middle = now + along @ (along.T @ (window.center - now))
    corners = [[-1], [1]] if free == 1 else [[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]
    reach = 2 * window.half if problem.size == 2 else window.half
    return _mark(panel, "line", *(middle + reach * along @ np.array(signs) for signs in corners))


def _panel(problem: Problem) -> str:
    return "xy" if problem.size == 2 else "scene"


def _share(k: int) -> str:
    return f"share {k + 1}"


def _error_label(taken: RoundingStep) -> str:
    return f"{symbol('w', taken.index)} − {symbol('q', taken.index)}"


def _shown(label: str, *marks: dict) -> list[dict]:
    return [{"label": label, **marks[0]}, *marks[1:]]


def _mark(panel: str, kind: str, *points: FloatArray | list) -> dict:
    return {
        "panel": panel,
        "kind": kind,
        "points": [[round(float(v), 9) for v in point] for point in points],
    }
