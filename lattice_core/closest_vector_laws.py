"""Live checks for the lesson on the closest vector: problems with two inputs. See `lattice_core.laws`."""

from dataclasses import replace

import numpy as np

from lattice_core import convex_polygon
from lattice_core.closest_vector import closest_vector
from lattice_core.disagreement import ROUNDINGS, rounding_cell
from lattice_core.lattice import Lattice
from lattice_core.laws import LawCheck, equal, equal_answers, half_way
from lattice_core.nearest_plane import nearest_plane, round_off
from lattice_core.placement import Placement
from lattice_core.problem import Problem
from lattice_core.rounding_answers import rounding_answers

ANOTHER_TURN = 30  # degrees, where the picture itself is not turned


def loss_is_squared_distance(problem: Problem) -> LawCheck:
    """L1: the loss of each answer, from its weights and from the lattice."""
    answers = rounding_answers(problem).values()
    left = np.array([answer.loss for answer in answers])
    right = np.array([answer.squared_distance for answer in answers])
    return LawCheck(
        "L1",
        "Quantizing is a closest vector problem",
        r"The loss $(q-w)^\top \bar H (q-w)$ of quantized weights $q_j = s_j z_j$ is the squared "
        r"distance $\lVert Bz - y \rVert^2$ from the target to a lattice point. So the codes with the least "
        "loss are those of the closest point. Here for round-off, nearest plane and closest.",
        "[C] Theorem 1",
        "losses, from the weights",
        left,
        "=",
        "squared distances, in the lattice",
        right,
        equal(left, right, size=problem.lattice.determinant),
    )


def turning_changes_nothing(problem: Problem, placement: Placement) -> LawCheck:
    """L1: the picture turned and turned over, as it is on show, has the same answers."""
    turned = replace(placement, degrees=placement.degrees or ANOTHER_TURN)
    basis = turned.basis(problem.lattice)
    left = _answers(problem, problem.lattice.basis)
    right = _answers(problem, basis)
    holds = equal_answers(left, right, size=problem.lattice.determinant)
    centers = [*problem.babai.centers, *np.divide(problem.weights, problem.scales)]
    over = " and turned over" if turned.mirrored else ""
    return LawCheck(
        "L1",
        "Turning the picture changes nothing",
        r"Any factor $\mathcal X$ with $\mathcal X^\top \mathcal X = \bar H$ gives a lattice with the same "
        "lengths and angles, so the same codes and loss. On the left the upper Cholesky factor, on "
        f"the right the same turned by {turned.degrees}°{over}: "
        f"$b_1$ is then ({basis[0, 0]:.4g}, {basis[1, 0]:.4g}).",
        "[C] Theorem 1",
        "codes of all three, and the least loss",
        left,
        "=",
        "the same, picture turned",
        right,
        holds,
        void="" if holds else half_way(centers),
    )


def cells_have_one_area(problem: Problem) -> LawCheck:
    """L10 in the plane: the cells of all three roundings have the determinant as their area."""
    areas = [
        convex_polygon.area(rounding_cell(problem.lattice, rounding, problem.order_indices))
        for rounding in ROUNDINGS
    ]
    left, right = np.array(areas), problem.lattice.determinant
    return LawCheck(
        "L10",
        "All three cells have the same area",
        r"Copies of a cell around all lattice points fill the plane without overlap, one cell a point. "
        r"So every cell has the area $\lvert\det B\rvert = s_1 s_2 \sqrt{\det \bar H}$, "
        "whatever its shape.",
        "tilings by a lattice; determinant of a triangular factor",
        "areas for round-off, nearest plane, closest",
        left,
        "=",
        r"$\lvert\det B\rvert$",
        right,
        equal(left, np.full(len(left), right), size=right),
    )


def _answers(problem: Problem, basis: np.ndarray) -> np.ndarray:
    """Codes of the three roundings on another factor's lattice, and the least loss."""
    lattice = Lattice(basis)
    target = lattice.point(np.divide(problem.weights, problem.scales))
    closest = closest_vector(lattice, target, problem.grid)
    return np.array(
        [
            *round_off(lattice, target, problem.grid),
            *nearest_plane(lattice, target, problem.order_indices, problem.grid).codes,
            *closest,
            np.sum((lattice.point(closest) - target) ** 2),
        ]
    )
