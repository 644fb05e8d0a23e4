"""The symbols of the formulas and what lights up for them in the figures: the same set, with the step's own numbers."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import numpy as np
import plotly.graph_objects as go
import pytest
from test_pages import open_page

from app.figures.number_lines import lockstep_figure
from app.figures.plane import plane_figure
from app.figures.space import space_figure
from app.linked_formula import babai_formulas, gptq_formulas
from app.linked_formula.parts import number
from lattice_core import PRESETS, Problem, pivots, propagation_shares, random_problem

PROBLEMS = {
    "two": PRESETS["skewed"].problem,
    "two, clipped, other order": replace(
        PRESETS["clipping_bites"].problem, order="front_to_back", bits=2
    ),
    "three": PRESETS["three_inputs"].problem,
    "three, act-order": replace(random_problem(3, 4), order="act_order", bits=2),
}
STEPS = [(name, step) for name, p in PROBLEMS.items() for step in range(1, p.size + 1)]


@cache
def frames(draw: Callable[[Problem], go.Figure], problem: Problem) -> list[dict]:
    """What lights up in each frame."""
    return draw(problem).layout.meta["symbols"]


def lattice_marks(problem: Problem, step: int) -> dict:
    return frames(plane_figure if problem.size == 2 else space_figure, problem)[step]


def lockstep_marks(problem: Problem, step: int) -> dict:
    return frames(lockstep_figure, problem)[step]


def arrow(marks: list[dict], panel: str) -> np.ndarray:
    """The vector of the one arrow or length of a symbol in one panel."""
    (points,) = [m["points"] for m in marks if m["panel"] == panel and m["kind"] != "point"]
    return np.subtract(points[-1], points[0])


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_each_symbol_lights_something_up_and_nothing_lights_up_without_one(name, step) -> None:
    problem = PROBLEMS[name]
    babai = babai_formulas(problem, step).symbols
    assert set(lattice_marks(problem, step)) == babai
    both = lockstep_marks(problem, step)
    assert set(both) == babai | gptq_formulas(problem, step).symbols
    picture = "xy" if problem.size == 2 else "scene"
    for symbol, marks in both.items():
        assert {mark["panel"] for mark in marks} == {picture, "x2y2"}, symbol
        assert all(np.isfinite(mark["points"]).all() for mark in marks)


@pytest.mark.parametrize("name", PROBLEMS)
def test_before_the_first_and_after_the_last_step_nothing_can_be_pointed_at(name) -> None:
    marks = frames(lockstep_figure, PROBLEMS[name])
    assert marks[0] == {} == marks[-1]


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_lengths_are_those_of_the_step(name, step) -> None:
    problem = PROBLEMS[name]
    marks = lockstep_marks(problem, step)
    taken = problem.babai.steps[step - 1]
    picture = "xy" if problem.size == 2 else "scene"
    leg, star = arrow(marks["distance"], picture), arrow(marks["star"], picture)
    np.testing.assert_allclose(np.linalg.norm(leg), taken.plane_distance, atol=1e-8)
    squared = pivots(problem.damped_hessian, problem.order_indices)[taken.index]
    np.testing.assert_allclose(star @ star, squared * problem.scales[taken.index] ** 2)
    tail = np.array(marks["residual"][0]["points"][0])
    ends = [star @ (end - tail) / (star @ star) for end in marks["star"][0]["points"]]
    np.testing.assert_allclose(ends, np.rint(ends), atol=1e-7)  # on two neighbouring planes
    assert taken.clipped or ends[0] - 1e-7 <= taken.center <= ends[1] + 1e-7
    np.testing.assert_allclose(leg, (taken.code - taken.center) * star, atol=1e-8)
    residual = arrow(marks["residual"], picture)
    np.testing.assert_allclose(star @ residual / (star @ star), taken.center, atol=1e-7)
    assert arrow(marks["error"], "x2y2")[0] == pytest.approx(taken.code - taken.center, abs=1e-8)


@pytest.mark.parametrize(("name", "step"), STEPS)
def test_error_and_pushes_add_up_to_the_leg(name, step) -> None:
    problem = PROBLEMS[name]
    marks = lockstep_marks(problem, step)
    picture = "xy" if problem.size == 2 else "scene"
    free = [int(k) for k in problem.order_indices[step:]]
    moves = [arrow(marks[key], picture) for key in ("error", *(f"share {k + 1}" for k in free))]
    np.testing.assert_allclose(sum(moves), arrow(marks["distance"], picture), atol=1e-8)
    taken = problem.gptq.steps[step - 1]
    error = (taken.center - taken.code) * problem.scales[taken.index]
    shares = propagation_shares(problem.damped_hessian, problem.order_indices[step - 1 :])
    for k, share in zip(free, shares, strict=True):
        pushed = arrow(marks[f"share {k + 1}"], "x2y2")[0] * problem.scales[k]
        assert pushed == pytest.approx(-share * error, abs=1e-8)


@pytest.mark.parametrize("weights", [(0.26, 0.355), (0.5, 0.5)], ids=["moves", "no error"])
def test_push_formula_adds_up_and_its_share_is_the_hessians(weights) -> None:
    problem = replace(PRESETS["skewed"].problem, weights=weights)
    push = gptq_formulas(problem, 1).lines[-1]
    words = "".join(part for part in push if isinstance(part, str)).replace("−", "-")
    before, share, error, after = map(float, re.findall(r"-?\d+\.?\d*", words))
    assert share == pytest.approx(-0.78)  # −(⟨b₁, b₂⟩ / ⟨b₁, b₁⟩) of the preset's basis
    assert after == pytest.approx(before - share * error, abs=1e-3)


@pytest.mark.parametrize(
    ("value", "text"), [(0.25, "0.25"), (-2.5e6, "−2.5·10⁶"), (1.2e-5, "1.2·10⁻⁵"), (0, "0")]
)
def test_numbers_in_formulas(value, text) -> None:
    assert number(value) == text


def test_page_hands_the_browser_the_formulas_of_every_step() -> None:
    problem = PRESETS["skewed"].problem
    data = [
        json.loads(part.proto.json)
        for part in open_page("gptq_is_babai.py", problem, 1).get("bidi_component")
    ]
    (formulas,) = [each for each in data if "steps" in each]
    assert (formulas["stepper"], formulas["step"]) == ("lockstep_stepper_2", 1)
    assert [len(frame) for frame in formulas["steps"]] == [1, 2, 2, 1]
    shown = json.dumps(formulas["steps"][1], ensure_ascii=False)
    for number_shown in ("0.71", "0.1469"):  # w₁ after the push: 0.26 − (−0.78) · (−0.145)
        assert number_shown in shown
