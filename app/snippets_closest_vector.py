"""The lines of Python of the lesson on the closest vector."""

from lattice_core import Problem


def closest_vector_snippet(problem: Problem) -> str:
    """The three answers with their losses, and the shares of targets that two of them miss."""
    hessian = [[float(entry) for entry in row] for row in problem.hessian]
    return f"""\
from lattice_core import Problem
from lattice_core.disagreement import disagreement_share
from lattice_core.rounding_answers import rounding_answers

problem = Problem(
    hessian={hessian},
    weights={list(problem.weights)},
    scales={list(problem.scales)},
    order={problem.order!r},
    bits={problem.bits},
    damping={problem.damping!r},
)
for rounding, answer in rounding_answers(problem).items():
    print(rounding, answer.codes, answer.squared_distance, answer.loss)
for rounding in ("round_off", "nearest_plane"):
    print(disagreement_share(problem.lattice, rounding, "closest", problem.order_indices))
"""
