"""The live checks of laws L7 and L8: they hold where they should, and fail in a wrong world."""

from dataclasses import replace

import numpy as np
import pytest

import lattice_core.bound_laws
from lattice_core import (
    ORDERS,
    PRESETS,
    Problem,
    closest_vector,
    nearest_plane_of_many,
    random_problem,
    relative_bound,
)
from lattice_core.bound_laws import (
    a_third_on_average,
    drawn_targets,
    loss_is_near_the_least,
    shares_of_the_bound,
)

PROBLEMS = {name: preset.problem for name, preset in PRESETS.items()} | {
    f"random {size}": random_problem(size, 3) for size in (2, 3, 4, 5, 6)
}


def sample_of(problem: Problem, count: int = 2000, seed: int = 0):
    targets = drawn_targets(problem, count, seed)
    return nearest_plane_of_many(problem.lattice, targets, problem.order_indices, problem.grid)


def nearness(problem: Problem):
    return loss_is_near_the_least(
        problem, closest_vector(problem.lattice, problem.target, problem.grid)
    )


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_a_third_on_average_holds(name, order) -> None:
    problem = replace(PROBLEMS[name], order=order, bits=None)
    sample = sample_of(problem)
    check = a_third_on_average(problem, sample)
    assert check.holds
    assert not check.void
    assert check.left == pytest.approx(shares_of_the_bound(problem, sample).mean())
    low, high = check.right
    assert low < 1 / 3 < high
    assert high - low < 0.12


def test_third_is_not_found_with_the_undamped_hessians_bound(monkeypatch) -> None:
    problem = replace(PRESETS["real_three_inputs"].problem, damping=0.3)
    sample = sample_of(problem)
    assert a_third_on_average(problem, sample).holds
    undamped = replace(problem, damping=0.0)
    wrong = lattice_core.bound_laws.absolute_bound(
        undamped.damped_hessian, problem.scales, problem.order_indices
    )
    monkeypatch.setattr(lattice_core.bound_laws, "absolute_bound", lambda *of: wrong)
    assert not a_third_on_average(problem, sample).holds


def test_third_is_not_found_where_the_targets_stand_still() -> None:
    problem = random_problem(3, 0)
    alone = nearest_plane_of_many(
        problem.lattice, np.tile(problem.target, (2000, 1)), problem.order_indices
    )
    assert not a_third_on_average(problem, alone).holds


def test_clipped_sample_voids_the_third_and_is_counted() -> None:
    problem = PRESETS["clipping_bites"].problem
    sample = sample_of(problem)
    count = int(sample.clipped.sum())
    assert count > 0
    assert a_third_on_average(problem, sample).void == (
        f"{count:,} of 2,000 targets have a clipped code (law L9)."
    )


def test_targets_are_drawn_anew_for_another_seed_and_the_same_for_one() -> None:
    problem = random_problem(4, 1)
    first = drawn_targets(problem, 10, 0)
    np.testing.assert_array_equal(first, drawn_targets(problem, 10, 0))
    assert (first != drawn_targets(problem, 10, 1)).all()


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_loss_is_near_the_least_or_clipped(name, order) -> None:
    problem = replace(PROBLEMS[name], order=order)
    check = nearness(problem)
    assert check.left >= 1 - 1e-9
    assert check.holds or check.void
    assert bool(check.void) == problem.babai.clipped


def test_nearly_attained_relative_bound_and_a_target_on_the_lattice() -> None:
    far = PRESETS["far_from_best"].problem
    check = nearness(far)
    assert 0.98 * check.right < check.left <= check.right == pytest.approx(101)
    assert nearness(replace(far, weights=(0.5, 1.0))).left == 1


def test_relative_bound_fails_for_another_orders_box(monkeypatch) -> None:
    def of_front_to_back(hessian, scales, order):
        return relative_bound(hessian, scales, order[::-1])

    far = PRESETS["far_from_best"].problem
    monkeypatch.setattr(lattice_core.bound_laws, "relative_bound", of_front_to_back)
    assert not nearness(far).holds
