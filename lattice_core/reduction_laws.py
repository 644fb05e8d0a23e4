"""Live checks of the laws about reduced bases, L12 and L13; what [C] says is in `order_laws`."""

import numpy as np

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.lattice import Lattice
from lattice_core.laws import TOLERANCE, LawCheck, equal, equal_answers, half_way
from lattice_core.many_targets import loss_ratios
from lattice_core.nearest_plane import nearest_plane
from lattice_core.problem import Problem
from lattice_core.reduced_problem import ReductionStage
from lattice_core.reduction_steps import size_reduction

LLL_PAPER = "[LLL] Lenstra, Lenstra, Lovász 1982"


def size_reduction_keeps_the_point(problem: Problem) -> LawCheck:
    """L12: subtracting multiples of earlier vectors, without a swap, changes no answer."""
    start = Lattice(problem.lattice.basis[:, problem.order_indices[::-1]])
    transform = size_reduction(start)
    before = nearest_plane(start, problem.target)
    after = nearest_plane(Lattice(start.basis @ transform), problem.target)
    left = np.append(before.codes, before.squared_distance)
    right = np.append(transform @ after.codes, after.squared_distance)
    return LawCheck(
        "L12",
        "Size reduction alone changes no answer",
        "It adds multiples of vectors rounded **later** to one rounded earlier. That moves every "
        "plane within itself: the same planes are as far apart as before. Only a swap can change "
        "where nearest plane ends.",
        "each Gram-Schmidt vector stays as it is",
        "codes $z$ and loss, basis as it was",
        left,
        "=",
        "$z = T z'$ and loss, size-reduced",
        right,
        equal_answers(left, right, size=float(np.trace(start.gram)) / 4)
        or _tied(before.centers, left, right),
    )


def transform_is_unimodular(stage: ReductionStage) -> LawCheck:
    """L13: T is integer with determinant ±1."""
    determinant = float(exact_determinant(stage.transform))
    return LawCheck(
        "L13",
        "The lattice stays the same",
        "Every move multiplies the basis by an integer matrix of determinant $\\pm 1$. Its inverse "
        "is integer too, so each basis makes the points of the other, and no more.",
        LLL_PAPER,
        r"$\lvert\det T\rvert$, in exact integers",
        abs(determinant),
        "=",
        "one",
        1.0,
        abs(determinant) == 1,
    )


def codes_come_back(problem: Problem, stage: ReductionStage) -> LawCheck:
    """L13: ``B T z′ = B z``."""
    left = stage.lattice.point(stage.reduced_codes)
    right = problem.lattice.point(stage.codes)
    return LawCheck(
        "L13",
        "Codes come back through T",
        "Nearest plane finds codes $z'$ in the reduced basis. The codes of the weights are "
        "$z = T z'$, and both name one lattice point. One $T$ serves all rows of a layer as long as "
        "they share their grid spacings up to a factor.",
        "$(BT)\\,z' = B\\,(Tz')$",
        "point $B T z'$",
        left,
        "=",
        "point $B z$",
        right,
        equal(left, right, size=float(np.linalg.norm(problem.lattice.basis, axis=0).max())),
    )


def volume_stays(before: ReductionStage, after: ReductionStage) -> LawCheck:
    """L10 for bases: the product of the Gram-Schmidt lengths is the lattice's volume."""
    left, right = float(np.prod(before.lengths)), float(np.prod(after.lengths))
    return LawCheck(
        "L10",
        "The volume of the box stays",
        "The product of the Gram-Schmidt lengths is the volume of a cell, and every basis of a lattice "
        "has the same. Reduction can only share the lengths out more evenly, as an order does.",
        r"$\lvert\det T\rvert = 1$",
        r"$\prod_j d_j$ before",
        left,
        "=",
        r"$\prod_j d_j$ after",
        right,
        equal(left, right, size=left),
    )


def reduced_loss_is_near_the_least(
    problem: Problem, stage: ReductionStage, closest: IntArray
) -> LawCheck:
    """L8 in a reduced basis: loss over least possible loss, at most γ²."""
    ratio = float(loss_ratios(problem.lattice, [problem.target], [stage.codes], [closest])[0])
    return LawCheck(
        "L8",
        "In a reduced basis the answer is never far from the best",
        r"Law L8 holds in every basis: nearest plane loses at most $\gamma^2 = \max_j \sum_{i\le j} "
        r"d_i^2/d_j^2$ times the least. After LLL the lengths cannot fall fast, so $\gamma^2$ is "
        "below a number that depends on $c$ and $\\delta$ alone. That was Babai's theorem.",
        "Babai 1986; [C] with a looser constant",
        "loss over least loss, after",
        ratio,
        "≤",
        r"$\gamma^2$ after",
        stage.relative_bound,
        ratio <= stage.relative_bound * (1 + TOLERANCE),
    )


def exact_determinant(matrix: IntArray) -> int:
    """By Bareiss's elimination, in integers of any size."""
    rows = [[int(entry) for entry in row] for row in matrix]
    sign, previous = 1, 1
    for k in range(len(rows) - 1):
        pivot = next((i for i in range(k, len(rows)) if rows[i][k]), None)
        if pivot is None:
            return 0
        if pivot != k:
            rows[k], rows[pivot], sign = rows[pivot], rows[k], -sign
        for row in rows[k + 1 :]:
            for j in range(k + 1, len(rows)):
                row[j] = (row[j] * rows[k][k] - row[k] * rows[k][j]) // previous
        previous = rows[k][k]
    return sign * rows[-1][-1]


def _tied(centers: FloatArray, left: FloatArray, right: FloatArray) -> bool:
    """Whether a centre half way between two codes, rounded either way, explains other codes."""
    return bool(half_way(centers)) and equal(left[-1], right[-1], size=0.0)
