"""The lines of Python of the lesson on damping."""

from app.snippets import problem_in_python
from lattice_core import Problem


def damping_snippet(problem: Problem) -> str:
    """Codes, losses and bounds for growing λ, and the appended block once."""
    return f"""\
from lattice_core import Problem, nearest_plane
from lattice_core.damping_path import appended_lattice, damping_path

problem = {problem_in_python(problem)}
for step in damping_path(problem):
    print(step.damping, step.codes, step.undamped_loss, step.damped_loss, step.bound)

lattice, target = appended_lattice(problem, damping=0.1)  # X over μI, Xw over μw
print(lattice.basis)
damped = Problem(problem.hessian, problem.weights, problem.scales, problem.order, problem.bits, 0.1)
below = nearest_plane(lattice, target, damped.order_indices, damped.grid)
assert (below.codes == damped.gptq.codes).all()
print(below.codes, below.squared_distance)
"""
