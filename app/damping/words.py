"""The question of the lesson, and the number to remember."""

from collections.abc import Sequence
from math import inf

from app import lesson
from app.figures.damping_path import damping_name
from app.figures.numbers import vector
from app.quiz import predict
from lattice_core import Problem
from lattice_core.damping_path import DampedRounding, becomes_nearest, rounded_to_nearest
from lattice_core.recorded_damping_study import recorded_damping_study

ANSWERS = {
    0.0: "Always: also without damping",
    0.3: "At most λ = 0.3 is needed",
    10.0: "λ = 1 to 10 is needed",
    100.0: "λ = 100 is needed",
    inf: "Not even λ = 100 is enough",
}


def nearest_quiz(problem: Problem, path: Sequence[DampedRounding]) -> None:
    """From which λ on nearest plane rounds like round-to-nearest."""
    first = becomes_nearest(problem, path)
    right = ANSWERS[min(limit for limit in ANSWERS if first <= limit)]
    before = path[0].codes
    start = (
        f"With the least damping nearest plane finds {vector(before)}; rounding to nearest takes "
        f"{vector(rounded_to_nearest(problem))}."
    )
    predict(
        "Rounding each weight by itself ignores the angles between the basis vectors. How much damping, of "
        "the λ in the picture, makes nearest plane find the same codes, and keeps it there?",
        list(ANSWERS.values()),
        right,
        f"{start} Of an error, about $H_{{ij}}$ over the pivot is passed on. Damping leaves $H_{{ij}}$ "
        "as it is and raises the pivot, so what is passed on shrinks like $1/\\lambda$. A code changes "
        "when it no longer carries the centre past a half.",
        key=f"damping {problem!r}",
    )


def trap_sentence(path: Sequence[DampedRounding]) -> str:
    """Which losses are above the bound of H alone, and where."""
    parts = []
    for name, loss in (("damped", "The damped loss"), ("undamped", "the loss on the data itself")):
        where = [damping_name(step.damping) for step in path if name in step.exceeds]
        if where:
            parts.append(f"{loss} is above it at λ = **{', '.join(where)}**")
    return " and ".join(parts) + "." if parts else "Here both losses happen to stay below it."


def number_to_remember() -> None:
    """What the usual damping costs layers that have seen few tokens."""
    study = recorded_damping_study()
    few, many = study.tokens[0], study.tokens[-1]
    best = [study.best(layer, few) for layer in study.layers]
    lesson.takeaway(
        f"{study.middle_of_usual_over_best(few):.2f} times",
        f"With the usual λ = 0.01 a real layer that is calibrated with {few:,} tokens has this many times the "
        f"least loss on held-out text (the median of {len(best)} layers). The best λ is then {min(best):g} to "
        f"{max(best):g}. With {many:,} tokens it has {study.middle_of_usual_over_best(many):.2f} times the least.",
        command=study.command,
        date=study.date,
        doubt="“Least” is over the λ of a coarse list, for one model, one grid and one draw of the text. "
        "What a layer loses is not what the model loses. And damping cannot tell an input that was never "
        "seen from one that is always small. More calibration text can, and does better than any λ.",
    )
