"""The lines of Python shown on a page reproduce its numbers in a fresh interpreter."""

import subprocess
import sys
from dataclasses import replace

import pytest

from app.snippets import both_algorithms_snippet, nearest_plane_snippet
from lattice_core import PRESETS, random_problem


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
