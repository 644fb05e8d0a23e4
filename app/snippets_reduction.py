"""The lines of Python of the lesson *Lattice reduction*."""

from lattice_core import Problem


def reduction_snippet(problem: Problem, delta: float) -> str:
    """LLL move by move, nearest plane before and after, T, and BKZ where fpylll is installed."""
    basis = [[float(entry) for entry in row] for row in problem.lattice.basis]
    target = [float(entry) for entry in problem.target]
    pivot_order = problem.order_indices[::-1].tolist()
    return f"""\
import numpy as np
from lattice_core import Lattice, bkz_reduce, is_lll_reduced, lll_reduce, lll_steps, nearest_plane

basis = np.array({basis})  # basis vectors are the columns
target = {target}
pivot_order = {pivot_order}  # the vector rounded last comes first

start = Lattice(basis[:, pivot_order])
for step in lll_steps(start, delta={delta}):
    print(step.move.kind, step.move.index, step.move.partner, step.move.multiple)

reduction = lll_reduce(start, {delta}, backend="steps")
assert is_lll_reduced(reduction.lattice, {delta})
before, after = nearest_plane(start, target), nearest_plane(reduction.lattice, target)
codes = np.empty(len(target), dtype=int)
codes[pivot_order] = reduction.transform @ after.codes  # z = T z', in input order
print(before.squared_distance, after.squared_distance, codes)

try:
    print(bkz_reduce(start, block_size=10).lattice.basis)
except ValueError as error:  # without the library fpylll
    print(error)
"""
