"""What each move of LLL does and why, in words."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from app.figures.numbers import short, symbol, vector
from lattice_core import Problem
from lattice_core.reduced_problem import ReductionStage


def reduction_sentences(
    problem: Problem, stages: Sequence[ReductionStage], delta: float
) -> list[str]:
    """One sentence group for each frame: the start, the moves, the result."""
    moves = [
        _move(k, before, stage, delta)
        for k, (before, stage) in enumerate(pairwise(stages), start=1)
    ]
    return [_start(problem, stages[0]), *moves, _result(problem, stages)]


def _start(problem: Problem, first: ReductionStage) -> str:
    order = problem.order_indices[::-1]
    sorted_ = (
        ""
        if (order == np.arange(problem.size)).all()
        else " The vectors are sorted so that the one rounded last comes first: "
        + ", ".join(f"{symbol('b', k)} was {symbol('b', int(j))}" for k, j in enumerate(order))
        + "."
    )
    return (
        f"The basis as it is given. Its Gram-Schmidt lengths are {vector(first.lengths)}: they are the "
        f"edges of the box, and the bound is a quarter of the sum of their squares, "
        f"{short(first.bound)}.{sorted_} All grey points stay where they are; only the arrows will change."
    )


def _move(k: int, before: ReductionStage, stage: ReductionStage, delta: float) -> str:
    move = stage.move
    assert move is not None
    vector_k, other = symbol("b", move.index), symbol("b", move.partner)
    if move.kind == "size_reduction":
        triangle = before.lattice.gram_schmidt()[1]
        ratio = triangle[move.partner, move.index] / triangle[move.partner, move.partner]
        sign = "subtracted from" if move.multiple > 0 else "added to"
        times = "" if abs(move.multiple) == 1 else f"{abs(move.multiple)} times "
        return (
            f"Move {k}, size reduction: along {other}{' (less what came before it)' if move.partner else ''} "
            f"{vector_k} reaches {short(ratio)} of its length. That is more than half, so {times}{other} is {sign} "
            f"{vector_k}, which becomes {_change(before, stage, move.index)}. No Gram-Schmidt length "
            "changes, so neither does the answer."
        )
    test = (
        f"{delta:g} times the squared length of {other} is {short(move.lovasz_bound)}, that of "
        f"{vector_k} is {short(move.lovasz_length)}"
    )
    apart = ", both less what came before" if move.index > 1 else ""
    if move.kind == "kept":
        return (
            f"Move {k}, Lovász's test of {other} and {vector_k}{apart}: {test}. The later vector is "
            "long enough: both stay where they are."
        )
    return (
        f"Move {k}, Lovász's test of {other} and {vector_k}{apart}: {test}. The later one is shorter: "
        f"the two are exchanged. The lengths become {vector(stage.lengths)}"
        f"{_new_answer(before, stage)}."
    )


def _change(before: ReductionStage, stage: ReductionStage, index: int) -> str:
    old, new = (np.linalg.norm(s.lattice.basis[:, index]) for s in (before, stage))
    if abs(old - new) < 1e-9 * old:
        return "another vector of the same length"
    return f"{'shorter' if new < old else 'longer'}, from {short(old)} to {short(new)}"


def _new_answer(before: ReductionStage, stage: ReductionStage) -> str:
    if (before.codes == stage.codes).all():
        return ", and nearest plane still finds the same point"
    return (
        f", and nearest plane finds another point: the loss goes from {short(before.loss)} to "
        f"{short(stage.loss)}"
    )


def _result(problem: Problem, stages: Sequence[ReductionStage]) -> str:
    first, last = stages[0], stages[-1]
    moves = len(stages) - 1
    opening = (
        f"Done after {moves} move{'' if moves == 1 else 's'}: the basis is reduced. The bound went from "
        f"{short(first.bound)} to {short(last.bound)}."
    )
    if (first.codes == last.codes).all():
        answer = f"This target keeps its answer, z = {vector(last.codes)}, and its loss {short(last.loss)}."
    else:
        verdict = (
            "Better here"
            if last.loss < first.loss
            else "Worse for this target, though the bound is smaller"
            if last.bound < first.bound * (1 - 1e-9)
            else "Worse for this target"
        )
        answer = (
            f"Before, the answer was z = {vector(first.codes)} with loss {short(first.loss)}; now it is "
            f"z = {vector(last.codes)} with {short(last.loss)}. {verdict}."
        )
    outside = ""
    if problem.grid and ((last.codes < problem.grid.low) | (last.codes > problem.grid.high)).any():
        outside = f" But {problem.bits} bits do not have these codes."
    return f"{opening} {answer}{outside}"
