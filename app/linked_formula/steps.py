"""The formulas of one step, filled in with its numbers: Babai's and GPTQ's."""

import numpy as np

from app.figures.numbers import symbol
from app.linked_formula.parts import Formulas, Fraction, Letter, Part, Symbol, number
from lattice_core import Problem, pivots, propagation_shares


def babai_formulas(problem: Problem, step: int) -> Formulas:
    """Step 1 … c of nearest plane: where the target stands between the planes, and how far from the nearest."""
    taken = problem.babai.steps[step - 1]
    j = taken.index
    directions, triangle = problem.lattice.gram_schmidt(problem.order_indices)
    pivot = problem.size - step
    rounded = [int(k) for k in problem.babai.order[: step - 1]]
    remainder = problem.target - problem.lattice.basis[:, rounded] @ problem.babai.codes[rounded]
    length = float(triangle[pivot, pivot])
    along = float(directions[:, pivot] @ remainder)

    center, code, star = _center(j), _code(j, taken.clipped), _star(j)
    residual = Symbol(
        "residual",
        (Letter("r"),),
        "the target less the multiples of basis vectors chosen so far",
    )
    target = Symbol("target", (Letter("y"),), "the target, the weights seen through the inputs")
    chosen = [part for k in rounded for part in (" − ", Letter.of("z", k), " ", _basis(k))]
    norm = Symbol("star", ("‖", *star.shown, "‖"), "the distance between the planes")
    leg = Symbol("distance", ("distance",), "how far the target moves in this step")
    return Formulas(
        f"Babai, step {step}: where the target stands between the planes",
        (
            (star, " = ", _basis(j), _less(problem.size - step)),
            (residual, " = ", target, *chosen),
            (
                center,
                " = ",
                Fraction(("⟨", star, ", ", residual, "⟩"), ("⟨", star, ", ", star, "⟩")),
                " = ",
                Fraction((number(along * length),), (number(length**2),)),
                f" = {number(taken.center)}",
            ),
            (code, f" = {number(taken.code)}", ", clipped" if taken.clipped else ""),
            (
                *(leg, " = ", norm, " · |", center, " − ", code, "|"),
                f" = {number(length)} · {number(abs(taken.center - taken.code))}",
                f" = {number(taken.plane_distance)}",
            ),
        ),
    )


def gptq_formulas(problem: Problem, step: int) -> Formulas:
    """Step 1 … c of GPTQ: the weight rounded, what its error costs, what is pushed to whom."""
    trace = problem.gptq
    taken = trace.steps[step - 1]
    j = taken.index
    scales = np.array(problem.scales)
    before, after = trace.coordinates_after(step - 1) * scales, taken.coordinates * scales
    cost = float(pivots(problem.damped_hessian, problem.order_indices)[j])
    error = Symbol(
        "error", (Letter.of("w", j), " − ", Letter.of("q", j)), "the rounding error of this weight"
    )
    diagonal = Symbol(
        "star", (Letter.of("D", j),), f"what an error costs; D s² = ‖{_star(j).text}‖²"
    )
    quantized = Symbol("code", (Letter.of("q", j),), "the weight on its grid: spacing times code")
    distance = Symbol(
        "distance", ("added to the loss",), "the squared distance to the plane, in the lattice"
    )
    lines: list[tuple[Part, ...]] = [
        (
            *(_center(j), " = ", Fraction((_weight(j),), (_basis(j, spacing=True),)), " = "),
            *(Fraction((number(before[j]),), (number(scales[j]),)), f" = {number(taken.center)}"),
        ),
        (
            *(quantized, " = ", _basis(j, spacing=True), " ", _code(j, taken.clipped)),
            f" = {number(scales[j])} · {number(taken.code)} = {number(after[j])}",
        ),
        (
            *(distance, " = ", diagonal, " (", error, ")² = "),
            f"{number(cost)} · {_signed(before[j] - after[j])}² = {number(taken.plane_distance**2)}",
        ),
    ]
    shares = propagation_shares(problem.damped_hessian, trace.order[step - 1 :])
    for k, share in zip(map(int, trace.order[step:]), shares, strict=True):
        given = Symbol(
            f"share {k + 1}",
            (Letter.of("P", j, k),),
            f"the share of the error that is pushed to {symbol('w', k)}",
        )
        lines.append(
            (
                *(_weight(k), " ← ", _weight(k), " − ", given, " (", error, ")"),
                f" = {number(before[k])} − {_signed(share)} · {_signed(before[j] - after[j])}",
                f" = {number(after[k])}",
            )
        )
    last = step == problem.size
    return Formulas(
        f"GPTQ, step {step}: " + ("the last weight" if last else "what is pushed to whom"),
        tuple(lines),
        ("Nobody is left to take its error.",) if last else _SHARE,
    )


_INVERSE = ("(", Letter("H̄"), "⁻¹)")
_SHARE = (
    *(Letter("P", "jk"), " = ", *_INVERSE, Letter("", "kj"), " / ", *_INVERSE, Letter("", "jj")),
    *(", with ", Letter("H̄"), " the damped Hessian of the weights not yet rounded, j among them."),
)


def _center(j: int) -> Symbol:
    return Symbol("center", (Letter.of("ζ", j),), "the centre: where the target, or weight, stands")


def _code(j: int, clipped: bool) -> Symbol:
    meaning = "the last code of the grid" if clipped else "the code: the integer next to the centre"
    return Symbol("code", (Letter.of("z", j),), meaning)


def _star(j: int) -> Symbol:
    name = Letter.of("b", j, star=True)
    return Symbol("star", (name,), "from one plane to the next, at right angles to them")


def _basis(j: int, *, spacing: bool = False) -> Symbol:
    name = Letter.of("s" if spacing else "b", j)
    return Symbol(f"basis {j + 1}", (name,), "one code more: a spacing, a basis vector")


def _weight(k: int) -> Symbol:
    return Symbol(f"weight {k + 1}", (Letter.of("w", k),), "the weight, as moved so far")


def _less(free: int) -> str:
    """What is taken off a basis vector, where `free` others are still to be rounded."""
    names = {0: "", 1: " less its part along the lines", 2: " less its part along the planes"}
    return names.get(free, " less its part along the subspaces")


def _signed(value: float) -> str:
    text = number(value)
    return f"({text})" if text.startswith("−") else text
