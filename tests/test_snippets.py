"""The lines of Python shown on a page reproduce its numbers in a fresh interpreter."""

import subprocess
import sys
from dataclasses import replace

import pytest

from app.snippets import (
    both_algorithms_snippet,
    error_and_bound_snippet,
    every_order_snippet,
    nearest_plane_snippet,
)
from lattice_core import ORDERS, PRESETS, absolute_bound, random_problem, relative_bound


@pytest.mark.parametrize("make", [nearest_plane_snippet, both_algorithms_snippet])
@pytest.mark.parametrize(
    "problem",
    [
        PRESETS["real_three_inputs"].problem,
        PRESETS["clipping_bites"].problem,
        replace(random_problem(3, 2), order="min_pivot"),
    ],
    ids=["real", "clipped", "random"],
)
def test_snippet_prints_the_pages_answer(make, problem) -> None:
    run = subprocess.run(
        [sys.executable, "-c", make(problem)], capture_output=True, text=True, check=True
    )
    *steps, answer = run.stdout.splitlines()
    assert answer.startswith(str(problem.babai.codes))
    assert float(answer.split("]")[1]) == pytest.approx(problem.babai.squared_distance)
    assert [int(line.split()[0]) for line in steps] == problem.order_indices.tolist()


@pytest.mark.parametrize("name", ["clipping_bites", "real_three_inputs"])
def test_snippet_of_all_orders_prints_the_named_ones(name) -> None:
    problem = PRESETS[name].problem
    run = subprocess.run(
        [sys.executable, "-c", every_order_snippet(problem)],
        capture_output=True,
        text=True,
        check=True,
    )
    limits, *rows = run.stdout.splitlines()
    assert float(limits.split()[0]) >= float(limits.split()[1])
    for order, row in zip(ORDERS, rows, strict=True):
        shown = replace(problem, order=order)
        bound = absolute_bound(shown.damped_hessian, shown.scales, shown.order_indices)
        assert row.startswith(f"{order} {shown.order_indices} {bound:.6g}"[:-2])
        assert f"{shown.babai.codes} " in row
        assert float(row.split()[-1]) == pytest.approx(shown.babai.squared_distance)


@pytest.mark.parametrize("name", ["clipping_bites", "real_three_inputs"])
def test_snippet_of_the_bound_prints_each_square_under_the_most_it_can_be(name) -> None:
    problem = replace(PRESETS[name].problem, order="act_order")
    run = subprocess.run(
        [sys.executable, "-c", error_and_bound_snippet(problem)],
        capture_output=True,
        text=True,
        check=True,
    )
    *steps, answer, sample = [line.split() for line in run.stdout.splitlines()]
    assert [int(step[0]) for step in steps] == problem.order_indices.tolist()
    squares = [float(step[1]) for step in steps]
    assert squares == pytest.approx([step.plane_distance**2 for step in problem.babai.steps])
    of = (problem.damped_hessian, problem.scales, problem.order_indices)
    assert sum(float(step[2]) for step in steps) == pytest.approx(absolute_bound(*of))
    assert [float(answer[0]), float(answer[1])] == pytest.approx(
        [sum(squares), absolute_bound(*of)]
    )
    assert answer[2] == ("void" if problem.babai.clipped else "holds")
    assert [float(text) for text in sample] == pytest.approx([1 / 3, relative_bound(*of)], rel=0.06)
