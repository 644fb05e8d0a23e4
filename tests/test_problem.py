"""The lessons' problem: its presets keep what their texts promise, its copies are equal."""

import dataclasses

import numpy as np
import pytest
from small_problems import assert_close, assert_same_steps

from lattice_core import (
    ORDERS,
    PRESETS,
    IntegerGrid,
    Problem,
    RoundingTrace,
    closest_vector,
    nearest_plane,
    random_problem,
    round_off,
)
from lattice_core.problem import MOST_INPUTS


def preset(name: str) -> Problem:
    return PRESETS[name].problem


def loss_of(problem: Problem, codes: np.ndarray) -> float:
    return float(np.sum((problem.lattice.point(codes) - problem.target) ** 2))


def in_each_order(problem: Problem) -> dict[str, RoundingTrace]:
    return {name: dataclasses.replace(problem, order=name).babai for name in ORDERS}


@pytest.mark.parametrize("name", PRESETS)
def test_preset_is_a_whole_problem(name) -> None:
    problem = preset(name)
    assert problem.name == name
    assert 2 <= problem.size <= MOST_INPUTS
    assert PRESETS[name].title
    assert PRESETS[name].about.endswith(".")
    assert_same_steps(problem.gptq, problem.babai)
    assert_close(problem.lattice.point(np.divide(problem.weights, problem.scales)), problem.target)
    # No preset stands on a tie, where a page would show one of two answers by chance.
    for trace in in_each_order(problem).values():
        assert np.abs(np.abs(trace.centers - np.floor(trace.centers)) - 0.5).min() > 1e-3


def test_skewed_is_where_rounding_each_weight_by_itself_fails() -> None:
    problem = preset("skewed")
    hessian = np.array(problem.hessian)
    assert hessian[0, 1] / np.sqrt(hessian[0, 0] * hessian[1, 1]) > 0.8
    rounded = round_off(problem.lattice, problem.target)
    assert problem.babai.codes.tolist() == closest_vector(problem.lattice, problem.target).tolist()
    assert loss_of(problem, rounded) > 2 * problem.babai.squared_distance


def test_nearly_orthogonal_is_where_all_methods_agree_almost_everywhere(rng) -> None:
    problem = preset("nearly_orthogonal")
    agree = []
    for coordinates in [problem.babai.start, *rng.uniform(-1, 1, (60, 2))]:
        moved = problem.with_target(problem.lattice.point(coordinates))
        answers = [trace.codes.tolist() for trace in in_each_order(moved).values()]
        answers.append(round_off(moved.lattice, moved.target).tolist())
        answers.append(closest_vector(moved.lattice, moved.target).tolist())
        agree.append(all(answer == answers[0] for answer in answers))
    assert agree[0]
    assert np.mean(agree) > 0.8


def test_order_matters_where_it_says_so() -> None:
    for name in ("order_matters", "three_orders"):
        traces = in_each_order(preset(name))
        assert len({tuple(trace.codes) for trace in traces.values()}) > 1
        losses = [trace.squared_distance for trace in traces.values()]
        assert max(losses) > 1.2 * min(losses)


def test_clipping_bites_only_the_weight_rounded_last() -> None:
    problem = preset("clipping_bites")
    assert problem.grid == IntegerGrid(2)
    assert [step.clipped for step in problem.babai.steps] == [False, True]
    unclipped = dataclasses.replace(problem, bits=None).babai
    assert unclipped.codes[problem.order_indices[-1]] == problem.grid.high + 1
    assert unclipped.squared_distance < problem.babai.squared_distance


def test_three_orders_has_four_different_orders_and_three_answers() -> None:
    traces = in_each_order(preset("three_orders"))
    assert len({tuple(trace.order) for trace in traces.values()}) == 4
    assert len({tuple(trace.codes) for trace in traces.values()}) == 3


def test_real_slices_say_where_they_come_from() -> None:
    for shown in PRESETS.values():
        if "real layer" in shown.title:
            assert shown.provenance.startswith("Recorded ")
            assert "tokens of text" in shown.about
            assert shown.problem.damping == 0.01


@pytest.mark.parametrize("size", range(2, MOST_INPUTS + 1))
def test_random_problem_is_its_seed(size) -> None:
    problem = random_problem(size, seed=7)
    assert problem == random_problem(size, seed=7)
    other = random_problem(size, seed=8)
    assert problem.hessian != other.hessian
    assert problem.weights != other.weights
    assert (problem.size, problem.name, problem.seed) == (size, "random", 7)
    assert_same_steps(problem.gptq, problem.babai)


def test_problem_is_a_value() -> None:
    problem = random_problem(3, seed=0)
    copy = Problem(
        hessian=np.array(problem.hessian),
        weights=np.array(problem.weights),
        scales=np.array(problem.scales),
        damping=problem.damping,
        name="random",
        seed=0,
    )
    assert copy == problem
    assert hash(copy) == hash(problem)
    assert len({problem, copy, random_problem(3, seed=1)}) == 2
    assert problem.babai is problem.babai  # computed once, and no part of what is compared
    assert copy == problem
    with pytest.raises(dataclasses.FrozenInstanceError):
        problem.damping = 1.0


@pytest.mark.parametrize("name", PRESETS)
def test_target_can_be_moved_and_moved_back(name, rng) -> None:
    problem = preset(name)
    point = problem.target + rng.standard_normal(problem.size)
    moved = problem.with_target(point)
    assert_close(moved.target, point)
    assert moved.hessian == problem.hessian
    assert moved.scales == problem.scales
    assert_close(moved.with_target(problem.target).weights, problem.weights)


def test_order_is_resolved_on_the_damped_hessian_without_the_scales() -> None:
    # The scaled basis has its columns the other way round in length.
    problem = Problem(np.diag([1.0, 4.0]), (0.3, 0.4), (9.0, 0.1), order="act_order")
    assert problem.order_indices.tolist() == [1, 0]
    assert problem.babai.order.tolist() == problem.gptq.order.tolist() == [1, 0]


def test_damping_reaches_the_lattice_and_both_algorithms() -> None:
    singular, scales = np.ones((3, 3)), np.array([0.5, 0.4, 0.3])
    problem = Problem(singular, (0.3, 0.9, -0.7), scales, damping=0.1)
    assert_close(problem.damped_hessian, singular + 0.1 * np.eye(3))
    assert_close(problem.lattice.gram, scales[:, None] * problem.damped_hessian * scales)
    assert_same_steps(problem.gptq, problem.babai)
    assert_same_steps(
        problem.babai, nearest_plane(problem.lattice, problem.target, problem.order_indices)
    )
