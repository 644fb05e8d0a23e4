"""The lines of Python of the lesson Beyond Babai."""

from app.snippets import problem_in_python
from lattice_core import Problem


def beyond_babai_snippet(problem: Problem) -> str:
    """Every search on the problem's lattice."""
    return f"""\
from lattice_core import Problem
from lattice_core.coordinate_descent import coordinate_descent
from lattice_core.enumeration import enumerate_closest, partial_codes_within
from lattice_core.k_best import k_best
from lattice_core.klein import klein

problem = {problem_in_python(problem)}
where = (problem.lattice, problem.target)
how = dict(order=problem.order_indices, grid=problem.grid)

babai = problem.babai.squared_distance
print("nearest plane", problem.babai.codes, babai)
for k in (1, 2, 4):
    search = k_best(*where, k, **how)
    print("K-best", k, search.codes, search.squared_distance, search.work)
dice = klein(*where, runs=8, temperature=0.3, seed=0, **how)
print("Klein", dice.codes, dice.squared_distance, dice.work)
moves = coordinate_descent(*where, **how)
print("coordinate descent", moves.codes, moves.squared_distance, moves.work)
exact = enumerate_closest(*where, **how)  # looks at 20,000 nodes at most, and says so
print("exact", exact.codes, exact.squared_distance, exact.work, exact.stopped)

counts = partial_codes_within(*where, babai, **how)  # from this K on K-best is exact
assert exact.stopped or k_best(*where, int(counts.max()), **how).squared_distance <= exact.squared_distance * (1 + 1e-9)
"""
