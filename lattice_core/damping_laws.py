"""The laws of damping as live checks: L14 on both sides, its limit, and L6 with the right pivots."""

from dataclasses import replace
from math import inf

import numpy as np

from lattice_core.damping_path import DampedRounding, appended_lattice, rounded_to_nearest
from lattice_core.inputs import FloatArray
from lattice_core.laws import TOLERANCE, LawCheck, equal_answers, half_way
from lattice_core.nearest_plane import nearest_plane
from lattice_core.problem import Problem

FAR = 1e8  # a λ that stands for ∞: the other weights move a centre by less than a millionth


def damping_appends_inputs(problem: Problem, damping: float) -> LawCheck:
    """L14: nearest plane on X over μI against GPTQ on ``H + μ²I``, codes and loss."""
    damped_problem = replace(problem, damping=damping)
    lattice, target = appended_lattice(problem, damping)
    below = nearest_plane(lattice, target, damped_problem.order_indices, problem.grid)
    gptq = damped_problem.gptq
    left = np.append(below.codes, below.squared_distance)
    error = gptq.codes * np.array(problem.scales) - np.array(problem.weights)
    right = np.append(gptq.codes, error @ damped_problem.damped_hessian @ error)
    return LawCheck(
        "L14",
        "Damping is a block of inputs",
        "Append $\\mu I$ below $X$ and $\\mu w$ below $Xw$, with $\\mu^2 = \\bar\\lambda$. Nearest plane on "
        f"these vectors of {2 * problem.size} numbers finds what GPTQ finds with $H + \\mu^2 I$.",
        "[B]",
        "codes and loss, nearest plane on $X$ over $\\mu I$",
        left,
        "=",
        "codes and loss, GPTQ on $H + \\mu^2 I$",
        right,
        equal_answers(left, right, size=float(np.trace(lattice.gram)) / 4),
        void=half_way(gptq.centers),
    )


def much_damping_rounds_to_nearest(problem: Problem) -> LawCheck:
    """L14's limit: GPTQ's codes with λ = 10⁸ are those of rounding each weight by itself."""
    left = replace(problem, damping=FAR).gptq.codes
    right = rounded_to_nearest(problem)
    return LawCheck(
        "L14",
        "Without end, it rounds to nearest",
        "Let $\\mu$ grow. The basis vectors come to stand at right angles, and no error is passed on. "
        "Here $\\lambda = 10^8$.",
        "[B]",
        r"codes of GPTQ, $\lambda = 10^8$",
        left.astype(float),
        "=",
        "each weight rounded by itself",
        right.astype(float),
        bool((left == right).all()),
        void=half_way(np.divide(problem.weights, problem.scales)),
    )


def losses_stand_in_line(step: DampedRounding) -> LawCheck:
    """L6 with damping: undamped ≤ damped ≤ bound of the damped Hessian."""
    losses = np.array([step.undamped_loss, step.damped_loss])
    limits = np.array([step.damped_loss, step.bound])
    return LawCheck(
        "L6",
        "Undamped, damped, bound: in this order",
        "The damped loss counts the errors of the weights as well, so it is never the smaller one. "
        "Its bound needs the pivots $D_j$ of the **damped** Hessian.",
        "[C] Theorem 5; [B]",
        "undamped loss, damped loss",
        losses,
        "≤",
        r"damped loss, bound with $\bar H$",
        limits,
        _ordered(losses, limits),
        void=_clipped(step),
    )


def undamped_pivots_bound_less(step: DampedRounding) -> LawCheck:
    """Why the bound of H alone is the wrong one: damping raises every pivot."""
    left, right = step.undamped_bound, step.bound
    return LawCheck(
        "L6",
        "Damping raises the bound",
        "Each pivot is a squared distance, and appended coordinates make distances longer: the bound of "
        "$H$ alone is the smaller one, and nothing promises that these codes keep it.",
        "a Schur complement grows with its matrix",
        "bound with $H$ alone",
        left,
        "≤",
        r"bound with $\bar H$",
        right,
        left <= right * (1 + TOLERANCE),
    )


def _clipped(step: DampedRounding) -> str:
    return "a code is clipped (law L9)." if step.clipped else ""


def _ordered(left: FloatArray, right: FloatArray) -> bool:
    return bool(np.all((left <= right * (1 + TOLERANCE)) | (right == inf)))
