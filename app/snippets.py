"""The lines of Python that reproduce what a lesson shows. A test runs each in a fresh interpreter."""

from lattice_core import Problem


def nearest_plane_snippet(problem: Problem) -> str:
    """Babai's steps on the problem's lattice."""
    return f"""\
from lattice_core import {_grid_import(problem)}Lattice, nearest_plane

basis = {_nested(problem.lattice.basis)}  # basis vectors are the columns
target = {_flat(problem.target)}
order = {problem.order_indices.tolist()}  # order[0] is rounded first
trace = nearest_plane(Lattice(basis), target, order, grid={_grid(problem)})
for step in trace.steps:
    print(step.index, step.center, step.code, step.plane_distance)
print(trace.codes, trace.squared_distance)
"""


def both_algorithms_snippet(problem: Problem) -> str:
    """GPTQ and Babai side by side."""
    return f"""\
import numpy as np
from lattice_core import {_grid_import(problem)}Lattice, damped, gptq, nearest_plane

hessian = damped({_nested(problem.hessian)}, damping={problem.damping!r})
weights = np.array({_flat(problem.weights)})
scales = np.array({_flat(problem.scales)})
order = {problem.order_indices.tolist()}  # order[0] is quantized first
grid = {_grid(problem)}

lattice = Lattice.from_hessian(hessian, scales)
babai = nearest_plane(lattice, lattice.point(weights / scales), order, grid)
published = gptq(hessian, weights, scales, order, grid)
for picture, algebra in zip(babai.steps, published.steps):
    print(picture.index, picture.center, algebra.center, algebra.code)
assert (babai.codes == published.codes).all()
print(published.codes, published.squared_distance)
"""


def error_and_bound_snippet(problem: Problem) -> str:
    """Each step's square beside the most it can be, then many targets."""
    return f"""\
import numpy as np
from lattice_core import {_grid_import(problem)}Lattice, absolute_bound, damped, gram_schmidt_lengths
from lattice_core import nearest_plane, nearest_plane_of_many, relative_bound, targets_in_box

hessian = damped({_nested(problem.hessian)}, damping={problem.damping!r})
weights = np.array({_flat(problem.weights)})
scales = np.array({_flat(problem.scales)})
order = {problem.order_indices.tolist()}  # order[0] is rounded first

lattice = Lattice.from_hessian(hessian, scales)
trace = nearest_plane(lattice, lattice.point(weights / scales), order, grid={_grid(problem)})
edges = gram_schmidt_lengths(hessian, scales, order)
for step in trace.steps:
    print(step.index, step.plane_distance**2, edges[step.index] ** 2 / 4)
bound = absolute_bound(hessian, scales, order)
print(trace.squared_distance, bound, "void" if trace.clipped else "holds")

rng = np.random.default_rng(0)
targets = targets_in_box(lattice, trace.codes, order, count=5000, rng=rng)
many = nearest_plane_of_many(lattice, targets, order)
print(many.squared_distances.mean() / bound, relative_bound(hessian, scales, order))
"""


def every_order_snippet(problem: Problem) -> str:
    """The named orders among all of them."""
    return f"""\
from lattice_core import {_grid_import(problem)}ORDERS, bound_floor, damped, every_order

hessian = damped({_nested(problem.hessian)}, damping={problem.damping!r})
weights = {_flat(problem.weights)}
scales = {_flat(problem.scales)}

outcomes = every_order(hessian, weights, scales, grid={_grid(problem)})  # all c! orders
print(outcomes.bounds.min(), bound_floor(hessian, scales))
for name, resolve in ORDERS.items():
    row = outcomes.row(resolve(hessian))
    print(name, outcomes.orders[row], outcomes.bounds[row], outcomes.codes[row], outcomes.losses[row])
"""


def problem_in_python(problem: Problem) -> str:
    """The expression that makes the problem again, on lines of its own."""
    return f"""\
Problem(
    hessian={_nested(problem.hessian)},
    weights={list(problem.weights)},
    scales={list(problem.scales)},
    order={problem.order!r},
    bits={problem.bits},
    damping={problem.damping!r},
)"""


def _grid(problem: Problem) -> str:
    return "None" if problem.bits is None else f"IntegerGrid({problem.bits})"


def _grid_import(problem: Problem) -> str:
    return "" if problem.bits is None else "IntegerGrid, "


def _flat(values: object) -> str:
    return str([float(value) for value in values])  # type: ignore[attr-defined]


def _nested(rows: object) -> str:
    return "[" + ", ".join(_flat(row) for row in rows) + "]"  # type: ignore[attr-defined]
