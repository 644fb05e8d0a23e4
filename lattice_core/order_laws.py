"""Live checks of the laws about the greedy order; [C] is Chen et al., arXiv:2507.18553v4."""

import numpy as np

from lattice_core.bounds import pivots
from lattice_core.gram_schmidt import min_pivot_steps
from lattice_core.lattice import Lattice
from lattice_core.laws import TOLERANCE, LawCheck
from lattice_core.orders import resolve_order
from lattice_core.problem import Problem


def min_pivot_takes_the_shortest(problem: Problem) -> LawCheck:
    """L11: min-pivot's smallest Schur complement is the shortest arrow left over."""
    order = resolve_order("min_pivot", problem.damped_hessian)
    taken = np.sqrt(pivots(problem.damped_hessian, order))[order[::-1]]
    steps = min_pivot_steps(problem.damped_hessian)
    left = np.array([step.lengths[step.residuals.any(axis=0)].min() for step in steps])
    return LawCheck(
        "L11",
        "Min-pivot takes the shortest arrow left",
        "The order comes from the algebra: the smallest diagonal entry that elimination has left (of the Schur "
        "complement). "
        "In the picture that is the shortest arrow once those taken before are projected out.",
        "[C] Algorithm 3",
        r"$\sqrt{D_j}$ in pivot order, by the algebra",
        taken,
        "=",
        "shortest left, in the picture",
        left,
        bool(np.abs(taken - left).max() <= TOLERANCE * left.max()),
    )


def greedy_pivots_satisfy_lovasz(problem: Problem) -> LawCheck:
    """L12: the lattice-reduction condition of Lovász, δ = 1, before size reduction."""
    order = resolve_order("min_pivot", problem.damped_hessian)
    _, triangle = Lattice.from_hessian(problem.damped_hessian, 1.0).gram_schmidt(order)
    squares, beside = np.diag(triangle) ** 2, np.diag(triangle, k=1) ** 2
    left, right = squares[:-1], beside + squares[1:]
    return LawCheck(
        "L12",
        "Min-pivot's order satisfies Lovász's condition",
        r"In pivot order $R_{jj}^2 \le R_{j,j+1}^2 + R_{j+1,j+1}^2$ for every neighbouring pair: "
        "the arrow taken was no longer than the next one was at that moment. It is one of "
        "the two conditions that *Lattice reduction* puts on a basis.",
        "greedy choice; [C] Algorithm 3",
        r"$R_{jj}^2$",
        left,
        "≤",
        r"$R_{j,j+1}^2 + R_{j+1,j+1}^2$",
        right,
        bool(np.all(left <= right * (1 + TOLERANCE))),
    )
