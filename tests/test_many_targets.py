"""Many targets at once: each as alone, spread as promised, and laws L6 to L9 on all of them."""

import numpy as np
import pytest
from small_problems import assert_close, lopsided_order, random_lattice

from lattice_core import (
    PRESETS,
    IntegerGrid,
    Lattice,
    absolute_bound,
    closest_codes_of_many,
    closest_vector,
    loss_ratios,
    nearest_plane,
    nearest_plane_of_many,
    relative_bound,
    targets_in_box,
    targets_over_grid,
    vectors_within,
)
from lattice_core.bound_laws import share_error

SIZES = (1, 2, 3, 5, 7)


@pytest.mark.parametrize("grid", [None, IntegerGrid(1), IntegerGrid(3)], ids=str)
@pytest.mark.parametrize("size", SIZES)
def test_each_of_many_is_rounded_as_alone(size, grid, rng) -> None:
    lattice = random_lattice(rng, size, size + 2, 30)
    order = lopsided_order(rng, size)
    targets = 3 * rng.standard_normal((40, size + 2))
    many = nearest_plane_of_many(lattice, targets, order, grid)
    for target, codes, loss, clipped in zip(
        targets, many.codes, many.squared_distances, many.clipped, strict=True
    ):
        alone = nearest_plane(lattice, target, order, grid)
        assert codes.tolist() == alone.codes.tolist()
        assert_close(loss, alone.squared_distance)
        assert clipped == alone.clipped
    assert many.clipped.any() == (grid is not None)


def test_order_is_back_to_front_unless_given(rng) -> None:
    lattice = random_lattice(rng, 4, condition=100)
    targets = rng.standard_normal((50, 4))
    ours = nearest_plane_of_many(lattice, targets)
    assert (ours.codes == nearest_plane_of_many(lattice, targets, [3, 2, 1, 0]).codes).all()
    assert (ours.codes != nearest_plane_of_many(lattice, targets, [0, 1, 2, 3]).codes).any()


def test_given_targets_are_not_changed(rng) -> None:
    targets = rng.standard_normal((5, 3))
    kept = targets.copy()
    nearest_plane_of_many(random_lattice(rng, 3), targets)
    np.testing.assert_array_equal(targets, kept)


@pytest.mark.parametrize("size", SIZES)
def test_targets_in_the_box_go_to_its_point_and_fill_it(size, rng) -> None:
    lattice = random_lattice(rng, size, size + 1, 30)
    order, codes = lopsided_order(rng, size), rng.integers(-5, 6, size)
    targets = targets_in_box(lattice, codes, order, count=4000, rng=rng)
    many = nearest_plane_of_many(lattice, targets, order)
    assert (many.codes == codes).all()
    assert not many.clipped.any()
    directions, triangle = lattice.gram_schmidt(order)
    places = (targets - lattice.point(codes)) @ directions / np.diag(triangle)
    assert np.abs(places).max() <= 0.5 + 1e-9
    assert np.abs(places.mean(axis=0)).max() < 5 / np.sqrt(12 * 4000)  # 5 standard errors
    assert np.abs((places**2).mean(axis=0) - 1 / 12).max() < 5 / np.sqrt(180 * 4000)


def mean_share(lattice: Lattice, targets: np.ndarray, order: np.ndarray) -> float:
    many = nearest_plane_of_many(lattice, targets, order)
    bound = absolute_bound(lattice.gram, 1.0, order)
    assert many.squared_distances.max() <= bound * (1 + 1e-9)  # law L6
    return float(many.squared_distances.mean() / bound)


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_mean_loss_is_a_third_of_the_bound_over_the_box_and_over_whole_cells(size, rng) -> None:
    """Law L7: whatever region of whole cells the targets are spread over."""
    count = 4000
    lattice = random_lattice(rng, size, condition=30)
    order = lopsided_order(rng, size)
    edges = np.diag(lattice.gram_schmidt(order)[1]) ** 2
    error = np.sqrt(16 / 180 * np.sum(edges**2) / np.sum(edges) ** 2 / count)
    box = targets_in_box(lattice, np.zeros(size), order, count=count, rng=rng)
    cells = targets_over_grid(lattice, IntegerGrid(2), 0.5, count=count, rng=rng)
    for targets in (box, cells):
        assert abs(mean_share(lattice, targets, order) - 1 / 3) < 4 * error


def test_standard_error_is_that_of_repeated_draws(rng) -> None:
    problem = PRESETS["three_inputs"].problem
    lattice, order = problem.lattice, problem.order_indices
    means = [
        mean_share(lattice, targets_in_box(lattice, [0, 0, 0], order, count=50, rng=rng), order)
        for _ in range(1000)
    ]
    assert np.std(means) == pytest.approx(share_error(problem, 50), rel=0.1)


def test_targets_over_a_grid_reach_as_far_as_asked(rng) -> None:
    lattice = random_lattice(rng, 2)
    targets = targets_over_grid(lattice, IntegerGrid(2), 1.5, count=3000, rng=rng)
    coordinates = targets @ np.linalg.inv(lattice.basis).T
    assert_close(np.rint(coordinates.min() * 10), -35)
    assert_close(np.rint(coordinates.max() * 10), 25)


def test_clipping_voids_the_bound_of_the_clipped_alone(rng) -> None:
    """Law L9: shares beyond 1 appear, and only where a code is clipped."""
    problem = PRESETS["clipping_bites"].problem
    targets = targets_over_grid(problem.lattice, problem.grid, 1.0, count=3000, rng=rng)
    many = nearest_plane_of_many(problem.lattice, targets, problem.order_indices, problem.grid)
    bound = absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    beyond = many.squared_distances > bound * (1 + 1e-9)
    assert 0 < np.count_nonzero(beyond) < np.count_nonzero(many.clipped) < 3000
    assert not (beyond & ~many.clipped).any()


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_closest_of_many_are_those_found_one_by_one(size, rng) -> None:
    lattice = random_lattice(rng, size, size + 1, 20)
    targets = 2 * rng.standard_normal((60, size + 1))
    order = lopsided_order(rng, size)
    closest = closest_codes_of_many(lattice, targets, order)
    for target, codes in zip(targets, closest, strict=True):
        assert codes.tolist() == closest_vector(lattice, target).tolist()
    assert (closest == closest_codes_of_many(lattice, targets)).all()


def test_ties_keep_nearest_planes_codes() -> None:
    lattice = Lattice(np.eye(2))
    targets = [[0.5, 0.5], [1.5, 0.0], [0.0, 0.0]]
    codes = nearest_plane_of_many(lattice, targets).codes
    assert (closest_codes_of_many(lattice, targets) == codes).all()


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_vectors_within_a_radius_are_all_of_them(size, rng) -> None:
    lattice = random_lattice(rng, size, size + 1, 10)
    radius = 1.7
    codes = vectors_within(lattice, radius)
    assert not codes[0].any()
    reach = int(np.ceil(radius * np.linalg.norm(np.linalg.pinv(lattice.basis), axis=1).max()))
    candidates, points = lattice.points_near(np.zeros(size), reach)
    short = candidates[np.linalg.norm(points, axis=1) <= radius]
    assert len(short) > 1
    assert set(map(tuple, codes.tolist())) == set(map(tuple, short.astype(int).tolist()))
    assert len(codes) == len(short)


@pytest.mark.parametrize("condition", [3, 30])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_no_loss_is_more_than_gamma_squared_times_the_least(size, condition, rng) -> None:
    """Law L8, with the exact closest vectors."""
    lattice = random_lattice(rng, size, condition=condition)
    order = lopsided_order(rng, size)
    targets = targets_in_box(lattice, np.zeros(size), order, count=300, rng=rng)
    codes = nearest_plane_of_many(lattice, targets, order).codes
    ratios = loss_ratios(lattice, targets, codes, closest_codes_of_many(lattice, targets, order))
    assert ratios.min() >= 1 - 1e-9
    assert ratios.max() <= relative_bound(lattice.gram, 1.0, order) * (1 + 1e-9)


def test_relative_bound_is_nearly_attained() -> None:
    """Law L8 for d = (10, 1): a close call at the short step, then half of the long edge."""
    problem = PRESETS["far_from_best"].problem
    limit = relative_bound(problem.damped_hessian, problem.scales, problem.order_indices)
    assert limit == pytest.approx(101)
    targets = problem.target[None]
    closest = closest_codes_of_many(problem.lattice, targets, problem.order_indices)
    (ratio,) = loss_ratios(problem.lattice, targets, problem.babai.codes[None], closest)
    assert 0.98 * limit < ratio <= limit
    assert closest[0].tolist() == closest_vector(problem.lattice, problem.target).tolist()


def test_ratio_is_one_at_a_lattice_point() -> None:
    lattice = Lattice([[1.0, 0.3], [0.0, 0.7]])
    assert loss_ratios(lattice, [[0.0, 0.0]], [[0, 0]], [[0, 0]]).tolist() == [1.0]


@pytest.mark.parametrize(
    "targets", [[1.0, 2.0], [[1.0, 2.0, 3.0]], [[np.nan, 1.0]], np.empty((0, 2))]
)
def test_targets_that_do_not_fit_are_an_error(targets) -> None:
    for function in (nearest_plane_of_many, closest_codes_of_many):
        with pytest.raises(ValueError, match="targets"):
            function(Lattice(np.eye(2)), targets)


def test_too_many_comparisons_are_an_error_that_says_what_to_do() -> None:
    skewed = Lattice([[1.0, 0.3], [0.0, 1e-7]])
    with pytest.raises(ValueError, match="fewer targets"):
        closest_codes_of_many(skewed, [[0.2, 0.0]])
