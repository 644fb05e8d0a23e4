"""One line of an algorithm wrong: exactly the laws concerned fail, and the right world keeps them."""

from dataclasses import replace

import numpy as np
import pytest

from lattice_core import ORDERS, PRESETS, Problem, gptq, laws, random_problem, round_off
from lattice_core.outlier_row import (
    outliers_keep_the_bound,
    outliers_keep_the_sum,
    ssqr_row,
)
from lattice_core.wrong_worlds import (
    GPTQ_WORLDS,
    first_wrong_step,
    forgetful_ssqr_row,
    gptq_in_world,
    legs_of_codes,
)

BREAKS = random_problem(3, 40)  # both worlds exceed the bound here


def verdicts(problem: Problem, world: str, step: int) -> dict[str, bool]:
    trace = gptq_in_world(problem, world)
    checks = {
        "babai": laws.gptq_is_babai(problem, trace),
        "projection": laws.propagation_is_projection(problem, step, trace),
        "composing": laws.nothing_to_gain_by_composing(problem, step, trace),
        "squares": laws.squares_add_up(problem, trace),
        "bound": laws.loss_is_bounded(problem, trace),
        "factor": laws.factor_does_not_matter(problem),
        "determinant": laws.determinant_is_order_free(problem),
    }
    return {name: check.holds for name, check in checks.items()}


@pytest.mark.parametrize(("world", "step"), [("no_propagation", 1), ("whole_inverse", 2)])
def test_wrong_world_breaks_the_laws_of_the_push_and_no_others(world, step) -> None:
    assert all(verdicts(BREAKS, "right", step).values())
    broken = verdicts(BREAKS, world, step)
    kept = {name for name, holds in broken.items() if holds}
    assert kept == {"factor", "determinant"}
    assert first_wrong_step(BREAKS, gptq_in_world(BREAKS, world)) == step


@pytest.mark.parametrize("order", ORDERS)
def test_right_world_is_gptq_and_nothing_is_wrong_in_it(order) -> None:
    problem = replace(BREAKS, order=order)
    assert gptq_in_world(problem, "right") is problem.gptq
    assert first_wrong_step(problem, problem.gptq) is None


@pytest.mark.parametrize("name", PRESETS)
def test_propagating_nothing_is_rounding_to_nearest(name) -> None:
    problem = PRESETS[name].problem
    trace = gptq_in_world(problem, "no_propagation")
    nearest = round_off(problem.lattice, problem.target, problem.grid)
    np.testing.assert_array_equal(trace.codes, nearest)


@pytest.mark.parametrize("seed", range(5))
def test_whole_inverse_is_right_with_two_inputs_and_in_the_first_step(seed) -> None:
    two = random_problem(2, seed)
    assert first_wrong_step(two, gptq_in_world(two, "whole_inverse")) is None
    four = random_problem(4, seed)
    assert first_wrong_step(four, gptq_in_world(four, "whole_inverse")) == 2


def test_independent_inputs_forgive_both_worlds() -> None:
    alone = Problem([[2.0, 0, 0], [0, 1.0, 0], [0, 0, 3.0]], (0.3, 0.8, -0.4), (0.5, 0.5, 0.5))
    for world in GPTQ_WORLDS:
        assert first_wrong_step(alone, gptq_in_world(alone, world)) is None


@pytest.mark.parametrize("world", GPTQ_WORLDS)
def test_legs_of_any_codes_add_up_to_their_loss(world) -> None:
    codes = gptq_in_world(BREAKS, world).codes
    off_by, squares = legs_of_codes(BREAKS, codes)
    np.testing.assert_allclose(squares.sum(), BREAKS.loss_of(codes))
    assert off_by.max() > 0.5
    right, _ = legs_of_codes(BREAKS, BREAKS.babai.codes)
    np.testing.assert_allclose(right, [abs(s.center - s.code) for s in BREAKS.babai.steps])


def test_unknown_world_is_refused() -> None:
    with pytest.raises(ValueError, match="one of right, no_propagation, whole_inverse was wanted"):
        gptq_in_world(BREAKS, "upside_down")


@pytest.mark.parametrize("size", range(2, 7))
@pytest.mark.parametrize("seed", range(4))
def test_outliers_kept_aside_keep_sum_and_bound(size, seed) -> None:  # law L19
    problem = replace(random_problem(size, seed), bits=2)
    run = ssqr_row(
        problem.damped_hessian,
        problem.weights,
        problem.scales,
        problem.order_indices,
        grid=problem.grid,
    )
    assert outliers_keep_the_sum(problem, run).holds
    assert outliers_keep_the_bound(problem, run).holds
    assert run.outliers == sum(step.code == 0 and step.outlier for step in run.steps) > 0


def test_a_grid_that_holds_everything_leaves_gptq() -> None:
    problem = replace(random_problem(5, 1), bits=8)
    row = problem.damped_hessian, problem.weights, problem.scales, problem.order_indices
    run = ssqr_row(*row, grid=problem.grid)
    trace = gptq(*row)
    assert run.outliers == 0
    np.testing.assert_array_equal(run.codes, trace.codes)
    np.testing.assert_allclose(run.cost, trace.squared_distance)
    np.testing.assert_allclose(
        [step.arrival / problem.scales[step.index] for step in run.steps], trace.centers
    )


def test_forgetting_the_outliers_error_breaks_the_sum() -> None:  # law L19
    problem = replace(random_problem(4, 0), bits=2)
    row = problem.damped_hessian, problem.weights, problem.scales, problem.order_indices
    run = forgetful_ssqr_row(*row, grid=problem.grid)
    assert any(step.outlier and step.pushed == 0 for step in run.steps)
    assert not outliers_keep_the_sum(problem, run).holds


def test_one_row_is_what_the_layer_does() -> None:
    torch = pytest.importorskip("torch")
    from lattice_core.layers import quantize_layer

    problem = replace(random_problem(6, 2), bits=2, damping=0.01)
    layer = quantize_layer(
        torch.tensor([problem.weights], dtype=torch.float64),
        torch.tensor(problem.hessian, dtype=torch.float64),
        method="ssqr",
        bits=2,
        outlier_rate=0.4,
        damping=0.01,
        order=problem.order,
    )
    scales = np.asarray(layer.scales, dtype=np.float64).ravel()
    run = ssqr_row(
        problem.damped_hessian,
        problem.weights,
        np.broadcast_to(scales, 6),
        problem.order_indices,
        grid=problem.grid,
    )
    np.testing.assert_array_equal(run.codes, layer.codes[0].numpy())
    np.testing.assert_allclose(run.cost, layer.loss)
