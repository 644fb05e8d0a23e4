"""The lines of Python of the lesson on the closest vector."""

from app.snippets import problem_in_python
from lattice_core import Problem


def closest_vector_snippet(problem: Problem) -> str:
    """The three answers with their losses, and the shares of targets that two of them miss."""
    return f"""\
from lattice_core import Problem
from lattice_core.disagreement import disagreement_share
from lattice_core.rounding_answers import rounding_answers

problem = {problem_in_python(problem)}
for rounding, answer in rounding_answers(problem).items():
    print(rounding, answer.codes, answer.squared_distance, answer.loss)
for rounding in ("round_off", "nearest_plane"):
    print(disagreement_share(problem.lattice, rounding, "closest", problem.order_indices))
"""
