"""A problem as the query of a link, and back. Pure: no streamlit here.

A link holds only what differs from its preset, in words a reader can guess:
``?problem=skewed&weights=0.3,-0.2&order=act_order&bits=2&damping=0.1&step=2``. A random problem is
its size and seed (``problem=random&inputs=3&seed=7``); any other carries the upper triangle of H,
the scales and the weights (``problem=custom&hessian=…&scales=…&weights=…``), up to four inputs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from app.lesson_options import OPTIONS
from app.session_link import NAMES, cut
from lattice_core import ORDERS, PRESETS, Problem, random_problem

DEFAULT = "skewed"
MOST_LINKED_INPUTS = 4
MOST_STEPS = 70  # of any lesson; one with fewer shows its last


@dataclass(frozen=True)
class Link:
    """What a link says: the problem, the step; and what in it made no sense."""

    problem: Problem
    step: int = 0
    notices: tuple[str, ...] = ()


def to_query(problem: Problem, step: int) -> dict[str, str]:
    """The query parameters that restore this state."""
    query = {"problem": problem.name}
    if problem.name == "random":
        base = random_problem(problem.size, problem.seed or 0)
        query |= {"inputs": str(problem.size), "seed": str(problem.seed or 0)}
    elif problem.name in PRESETS:
        base = PRESETS[problem.name].problem
    else:
        triangle = np.array(problem.hessian)[np.triu_indices(problem.size)]
        query |= {"hessian": _numbers(triangle), "scales": _numbers(problem.scales)}
        base = None
    if base is None or problem.weights != base.weights:
        query["weights"] = _numbers(problem.weights)
    usual = base or Problem  # the class holds the defaults of its fields
    if problem.order != usual.order:
        query["order"] = problem.order
    if problem.bits != usual.bits:
        query["bits"] = "none" if problem.bits is None else str(problem.bits)
    if problem.damping != usual.damping:
        query["damping"] = repr(problem.damping)
    if step:
        query["step"] = str(step)
    return query


def from_query(query: Mapping[str, str]) -> Link:
    """The state that a link describes; what makes no sense is left out, with a notice."""
    notices: list[str] = []
    problem = _base(query, notices)
    # Weights that came with a problem that could not be shown mean nothing here.
    foreign = bool(notices) or problem.name == "custom"
    for name, change in _CHANGES.items():
        if name not in query or (name == "weights" and foreign):
            continue
        try:
            problem = change(problem, query[name])
        except (ValueError, OverflowError) as error:
            notices.append(f"{name}={cut(query[name])} was ignored: {error}")
    step = _step(query.get("step", "0"), notices)
    known = {"problem", "inputs", "seed", "hessian", "scales", "step", *_CHANGES, *OPTIONS, *NAMES}
    unknown = sorted(set(query) - known - {"embed", "embed_options"})
    if unknown:
        notices.append(f"Unknown in the link, ignored: {cut(', '.join(unknown))}.")
    return Link(problem, step, tuple(notices))


def _base(query: Mapping[str, str], notices: list[str]) -> Problem:
    name = query.get("problem", DEFAULT)
    try:
        if name in PRESETS:
            return PRESETS[name].problem
        if name == "random":
            seed = _whole(query.get("seed", "0"))
            if not 0 <= seed < 2**32:
                raise ValueError(f"seed is {seed}; 0 … 2³²−1 was wanted.")
            return random_problem(_whole(query.get("inputs", "2")), seed)
        if name == "custom":
            return _custom(query)
        raise ValueError(f"one of {', '.join([*PRESETS, 'random', 'custom'])} was wanted.")
    except (KeyError, ValueError, OverflowError) as error:
        reason = f"{error.args[0]} is missing." if isinstance(error, KeyError) else str(error)
        notices.append(
            f"problem={cut(name)} was ignored: {reason} The first preset is shown in its place."
        )
        return PRESETS[DEFAULT].problem


def _custom(query: Mapping[str, str]) -> Problem:
    scales = _parsed(query["scales"])
    size = len(scales)
    if not 2 <= size <= MOST_LINKED_INPUTS:
        raise ValueError(f"{size} scales came; a link carries 2 … {MOST_LINKED_INPUTS} inputs.")
    triangle = _parsed(query["hessian"])
    rows, columns = np.triu_indices(size)
    if len(triangle) != len(rows):
        raise ValueError(f"hessian has {len(triangle)} numbers; {len(rows)} were wanted.")
    hessian = np.empty((size, size))
    hessian[rows, columns] = hessian[columns, rows] = triangle
    damping = _number(query.get("damping", "0"))
    return Problem(tuple(map(tuple, hessian)), _parsed(query["weights"]), scales, damping=damping)


def _with_weights(problem: Problem, text: str) -> Problem:
    return replace(problem, weights=_parsed(text))


def _with_order(problem: Problem, text: str) -> Problem:
    if text not in ORDERS:
        raise ValueError(f"one of {', '.join(ORDERS)} was wanted.")
    return replace(problem, order=text)


def _with_bits(problem: Problem, text: str) -> Problem:
    return replace(problem, bits=None if text == "none" else _whole(text))


def _with_damping(problem: Problem, text: str) -> Problem:
    return replace(problem, damping=_number(text))


_CHANGES = {
    "weights": _with_weights,
    "order": _with_order,
    "bits": _with_bits,
    "damping": _with_damping,
}


def _step(text: str, notices: list[str]) -> int:
    if text.isascii() and text.isdigit() and int(text) <= MOST_STEPS:
        return int(text)
    notices.append(
        f"step={cut(text)} was ignored: a whole number from 0 to {MOST_STEPS} was wanted."
    )
    return 0


def _parsed(text: str) -> tuple[float, ...]:
    return tuple(_number(part) for part in text.split(","))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"“{cut(text)}” came; a number was wanted.") from None


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"“{cut(text)}” came; a whole number was wanted.") from None


def _numbers(values: object) -> str:
    return ",".join(repr(float(value)) for value in np.asarray(values))  # exact, and short
