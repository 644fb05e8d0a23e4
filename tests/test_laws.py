"""The laws by number, as the project numbers them; sources are in the docstrings of the core.

[C] is Chen et al., arXiv:2507.18553v4; [B] is Birnick, arXiv:2508.01077v2. What a page shows of
these laws is tested in test_law_checks.py; L11 and L12 are in test_orders.py, L13 in
test_reduction.py, L21 in test_gaussian_reference.py.
"""

from itertools import permutations

import numpy as np
import pytest
from small_problems import (
    CONDITIONS,
    GRIDS,
    SIZES,
    assert_close,
    assert_same_steps,
    lopsided_order,
    loss,
    random_hessian,
    random_row,
)

from lattice_core import (
    ORDERS,
    IntegerGrid,
    Lattice,
    RoundingTrace,
    absolute_bound,
    bound_floor,
    closest_vector,
    damped,
    expected_loss,
    gptq,
    gram_schmidt_lengths,
    nearest_plane,
    obq_costs,
    obq_steps,
    pivots,
    relative_bound,
    resolve_order,
)

EVERY_GRID = pytest.mark.parametrize("grid", GRIDS, ids=["all integers", "2 bits", "4 bits"])


def orders_to_try(rng: np.random.Generator, hessian: np.ndarray) -> list[np.ndarray]:
    return [resolve_order(name, hessian) for name in ORDERS] + [lopsided_order(rng, len(hessian))]


def symmetric_root(hessian: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(hessian)
    return vectors * np.sqrt(values) @ vectors.T


@EVERY_GRID
@pytest.mark.parametrize("factor_name", ["rotated", "symmetric root", "inputs themselves"])
def test_L1_any_factor_gives_the_same_codes_and_loss(factor_name, grid, rng) -> None:
    inputs = rng.standard_normal((20, 6)) @ random_hessian(rng, 6, 30)
    hessian = inputs.T @ inputs
    weights, scales = random_row(rng, 6)
    rotation = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    factor = {
        "rotated": rotation @ np.linalg.cholesky(hessian).T,
        "symmetric root": symmetric_root(hessian),
        "inputs themselves": inputs,
    }[factor_name]
    for order in orders_to_try(rng, hessian):
        trace = nearest_plane(Lattice(factor * scales), factor @ weights, order, grid)
        assert_same_steps(trace, gptq(hessian, weights, scales, order, grid))
        assert_close(
            trace.squared_distance, np.sum((factor @ (trace.codes * scales - weights)) ** 2)
        )


@EVERY_GRID
@pytest.mark.parametrize("algorithm", ["gptq", "nearest plane"])
@pytest.mark.parametrize("size", [2, 3, 6, 7])
def test_L2_error_propagation_is_projection(size, algorithm, grid, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    weights, scales = random_row(rng, size)
    order = lopsided_order(rng, size)
    lattice = Lattice.from_hessian(hessian, scales)
    if algorithm == "gptq":
        trace = gptq(hessian, weights, scales, order, grid)
    else:
        trace = nearest_plane(lattice, lattice.point(weights / scales), order, grid)
    gram = scales[:, None] * hessian * scales
    for done, step in enumerate(trace.steps):
        before, after = trace.coordinates_after(done), step.coordinates
        # [C] Theorem 2: the inverse is that of the block not yet rounded.
        remaining = order[done:]
        inverse = np.linalg.inv(gram[np.ix_(remaining, remaining)])
        moved = before.copy()
        moved[remaining] += inverse[:, 0] / inverse[0, 0] * (step.code - before[order[done]])
        assert_close(after, moved)
        # The same as a projection on the plane through the codes chosen so far.
        chosen, free = order[: done + 1], order[done + 1 :]
        origin = lattice.basis[:, chosen] @ trace.codes[chosen]
        plane = lattice.basis[:, free]
        inside = np.linalg.lstsq(plane, lattice.point(before) - origin, rcond=None)[0]
        assert_close(lattice.point(after), origin + plane @ inside)
        assert_close(step.plane_distance, np.linalg.norm(lattice.point(before - after)))


@EVERY_GRID
@pytest.mark.parametrize("size", [1, 2, 4, 7])
def test_L3_obq_takes_the_nearest_admissible_plane(size, grid, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    weights, scales = random_row(rng, size)
    lattice = Lattice.from_hessian(hessian, scales)
    codes = range(-40, 41) if grid is None else range(grid.low, grid.high + 1)
    trace = RoundingTrace.drain(weights / scales, obq_steps(hessian, weights, scales, grid))
    for done, step in enumerate(trace.steps):
        point = lattice.point(trace.coordinates_after(done))
        chosen = trace.order[:done]
        free = np.setdiff1d(np.arange(size), chosen)
        rest = point - lattice.basis[:, chosen] @ trace.codes[chosen]
        distances = []
        for j in free:
            others = lattice.basis[:, free[free != j]]
            across = [rest - code * lattice.basis[:, j] for code in codes]
            away = [v - others @ np.linalg.lstsq(others, v, rcond=None)[0] for v in across]
            distances.append(min(np.linalg.norm(v) for v in away))
        moved = trace.coordinates_after(done) * scales
        assert_close(obq_costs(hessian, moved, scales, free, grid), np.square(distances))
        assert step.index == free[np.argmin(distances)]
        assert_close(step.plane_distance, min(distances))


@EVERY_GRID
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("size", SIZES)
def test_L4_gptq_is_babai_step_by_step(size, condition, grid, rng) -> None:
    hessian = random_hessian(rng, size, condition)
    weights, scales = random_row(rng, size)
    lattice = Lattice.from_hessian(hessian, scales)
    target = lattice.point(weights / scales)
    for order in orders_to_try(rng, hessian):
        published = gptq(hessian, weights, scales, order, grid)
        assert_same_steps(published, nearest_plane(lattice, target, order, grid))
        assert published.order.tolist() == order.tolist()
    if size == 63 and grid != IntegerGrid(4):  # the case with a grid is one with clipping
        assert published.clipped == (grid is not None)


def test_L4_without_an_order_both_go_back_to_front(rng) -> None:
    hessian = random_hessian(rng, 5, 1e3)
    weights, scales = random_row(rng, 5)
    lattice = Lattice.from_hessian(hessian, scales)
    babai = nearest_plane(lattice, lattice.point(weights / scales))
    assert babai.order.tolist() == [4, 3, 2, 1, 0]
    assert_same_steps(gptq(hessian, weights, scales), babai)


@EVERY_GRID
@pytest.mark.parametrize("size", [2, 3, 7])
def test_L5_babai_on_the_moved_target_finds_the_same_later_centers(size, grid, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    weights, scales = random_row(rng, size)
    order = lopsided_order(rng, size)
    lattice = Lattice.from_hessian(hessian, scales)
    target = lattice.point(weights / scales)
    plain = nearest_plane(lattice, target, order, grid)
    for done in range(size):
        composed = nearest_plane(lattice, target, order, grid)
        assert_close(composed.centers[done:], plain.centers[done:])
        target = lattice.point(composed.steps[done].coordinates)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("size", SIZES)
def test_L6_loss_is_at_most_the_bound_without_clipping(size, condition, rng) -> None:
    for _ in range(5):
        raw = random_hessian(rng, size, condition)
        hessian = damped(raw, 0.01)
        weights, scales = random_row(rng, size)
        for order in orders_to_try(rng, hessian):
            error = gptq(hessian, weights, scales, order).codes * scales - weights
            bound = absolute_bound(hessian, scales, order)
            assert loss(raw, error) <= loss(hessian, error) <= bound * (1 + 1e-9)


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_L6_bound_is_reached_at_every_corner_of_the_box(size, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    scales = random_row(rng, size)[1]
    order = lopsided_order(rng, size)
    lattice = Lattice.from_hessian(hessian, scales)
    for corner in lattice.nearest_plane_box(order) * (1 - 1e-10):
        trace = nearest_plane(lattice, corner, order)
        assert trace.codes.tolist() == [0] * size
        assert_close(trace.squared_distance, absolute_bound(hessian, scales, order))


def test_L6_undamped_pivots_do_not_bound_the_damped_loss() -> None:
    raw = np.array([[1.0, 0.999], [0.999, 1.0]])
    hessian = damped(raw, 0.05)
    corner = Lattice.from_hessian(hessian, 1.0).nearest_plane_box()[0] * (1 - 1e-10)
    damped_loss = nearest_plane(Lattice.from_hessian(hessian, 1.0), corner).squared_distance
    assert damped_loss > 1.1 * absolute_bound(raw, 1.0)
    assert_close(damped_loss, absolute_bound(hessian, 1.0))


def test_L7_mean_loss_is_a_third_of_the_bound_for_even_targets(rng) -> None:
    draws = 2000
    hessian = random_hessian(rng, 4, 100)
    scales = random_row(rng, 4)[1]
    order = lopsided_order(rng, 4)
    lattice = Lattice.from_hessian(hessian, scales)
    directions, triangle = lattice.gram_schmidt(order)
    inside = directions * np.diag(triangle) @ rng.uniform(-0.5, 0.5, (4, draws))
    targets = inside.T + lattice.point(rng.integers(-9, 10, 4))
    losses = [nearest_plane(lattice, target, order).squared_distance for target in targets]
    bound = absolute_bound(hessian, scales, order)
    # (2u)² for u even in ±½ has variance 4/45: four standard errors of the worst case, one edge.
    assert abs(np.mean(losses) / bound - 1 / 3) < 4 * np.sqrt(4 / 45 / draws)
    assert_close(expected_loss(hessian, scales, order), bound / 3)


@pytest.mark.parametrize("size", [2, 3, 4])
def test_L8_relative_bound_against_the_exact_optimum(size, rng) -> None:
    for _ in range(30):
        hessian = random_hessian(rng, size, 30)
        weights, scales = random_row(rng, size)
        lattice = Lattice.from_hessian(hessian, scales)
        target = lattice.point(weights / scales)
        best = np.sum((lattice.point(closest_vector(lattice, target)) - target) ** 2)
        for order in orders_to_try(rng, hessian):
            factor = relative_bound(hessian, scales, order)
            babai = nearest_plane(lattice, target, order).squared_distance
            assert best * (1 - 1e-9) <= babai <= factor * best * (1 + 1e-9)


@pytest.mark.parametrize("size", [1, 2, 5, 63])
def test_L8_relative_bound_is_below_the_looser_form(size, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    scales = random_row(rng, size)[1]
    for order in orders_to_try(rng, hessian):
        squares = gram_schmidt_lengths(hessian, scales, order)[order[::-1]] ** 2  # d_i²
        ratios = np.triu(squares[:, None] / squares)  # [i, j] for i ≤ j
        assert_close(relative_bound(hessian, scales, order), ratios.sum(axis=0).max())
        assert 1 <= relative_bound(hessian, scales, order) <= size * ratios.max() * (1 + 1e-9)


def test_L8_relative_bound_is_nearly_attained() -> None:
    # d = (10, 1): the one quantized first is just below a tie, and the wrong plane leaves half of the
    # long edge: (25 + ¼) / ¼ = 101 in the limit.
    hessian = np.array([[100.0, 50.0], [50.0, 26.0]])
    lattice = Lattice.from_hessian(hessian, 1.0)
    assert_close(lattice.basis, [[10, 5], [0, 1]])
    target = np.array([5.0, 0.499])
    babai = nearest_plane(lattice, target)
    best = np.sum((lattice.point(closest_vector(lattice, target)) - target) ** 2)
    assert_close(relative_bound(hessian, 1.0), 101)
    assert_close(best, 0.501**2)
    assert 0.99 * 101 < babai.squared_distance / best < 101


@pytest.mark.parametrize("size", [1, 3, 7, 63])
def test_L9_clipped_means_further_than_half_a_step(size, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    weights, scales = random_row(rng, size)
    trace = gptq(hessian, 4 * weights, scales, lopsided_order(rng, size), IntegerGrid(3))
    for step in trace.steps:
        outside = not -4.5 <= step.center <= 3.5
        assert step.clipped == outside == (abs(step.center - step.code) > 0.5)
        assert -4 <= step.code <= 3
    assert trace.clipped == any(step.clipped for step in trace.steps)


def test_L9_a_clipped_loss_may_exceed_the_bound() -> None:
    hessian = np.array([[1.0, 0.5], [0.5, 1.0]])
    trace = gptq(hessian, [4.0, 0.2], 1.0, grid=IntegerGrid(2))
    assert trace.clipped
    assert trace.squared_distance > 5 * absolute_bound(hessian, 1.0)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_L10_determinant_is_order_free_and_no_order_beats_the_floor(size, condition, rng) -> None:
    hessian = random_hessian(rng, size, condition)
    scales = random_row(rng, size)[1]
    floor = bound_floor(hessian, scales)
    for order in permutations(range(size)):
        assert_close(np.log(pivots(hessian, order)).sum(), np.linalg.slogdet(hessian)[1])
        assert absolute_bound(hessian, scales, order) >= floor * (1 - 1e-9)


def test_L10_equal_edges_reach_the_floor_in_that_order(rng) -> None:
    hessian = random_hessian(rng, 6, 1e3)
    order = lopsided_order(rng, 6)
    spacings = 0.3 / np.sqrt(pivots(hessian, order))
    assert_close(absolute_bound(hessian, spacings, order), bound_floor(hessian, spacings))
    assert absolute_bound(hessian, spacings, order[::-1]) > bound_floor(hessian, spacings)


@EVERY_GRID
@pytest.mark.parametrize("size", [1, 3, 7])
def test_L14_damping_is_stacking_a_multiple_of_the_identity(size, grid, rng) -> None:
    inputs = rng.standard_normal((max(1, size - 1), size))  # singular alone from size 2 on
    weights, scales = random_row(rng, size)
    mu = 0.3
    stacked = np.vstack([inputs, mu * np.eye(size)])
    target = np.concatenate([inputs @ weights, mu * weights])
    order = lopsided_order(rng, size)
    assert_same_steps(
        nearest_plane(Lattice(stacked * scales), target, order, grid),
        gptq(inputs.T @ inputs + mu**2 * np.eye(size), weights, scales, order, grid),
    )


@EVERY_GRID
def test_L14_infinite_damping_is_round_to_nearest(grid, rng) -> None:
    hessian = random_hessian(rng, 63, 1e3)
    weights, scales = random_row(rng, 63)
    low, high = (-np.inf, np.inf) if grid is None else (grid.low, grid.high)
    nearest = np.clip(np.rint(weights / scales), low, high)
    order = lopsided_order(rng, 63)
    assert gptq(hessian, weights, scales, order, grid).codes.tolist() != nearest.tolist()
    heavy = hessian + 1e9 * np.eye(63)
    assert gptq(heavy, weights, scales, order, grid).codes.tolist() == nearest.tolist()


def test_damping_is_relative_to_the_mean_of_the_diagonal() -> None:
    assert_close(damped([[1.0, 0.5], [0.5, 3.0]], 0.1), [[1.2, 0.5], [0.5, 3.2]])
