"""Babai's algorithm against planted answers and against fpylll, and the record of its steps."""

import dataclasses

import numpy as np
import pytest
from small_problems import GRIDS, SIZES, assert_close, lopsided_order, random_lattice

from lattice_core import IntegerGrid, Lattice, nearest_plane, nearest_plane_steps, round_off
from lattice_core.integer_grid import nearest_codes


@pytest.mark.parametrize("bits", range(1, 9))
def test_grid_has_one_code_more_below_zero_than_above(bits) -> None:
    grid = IntegerGrid(bits)
    assert grid.high - grid.low == 2**bits - 1
    assert grid.low + grid.high == -1


def test_codes_are_the_nearest_admissible_ones(rng) -> None:
    centers = rng.uniform(-9, 9, 500)
    for grid in GRIDS:
        admissible = np.arange(-10, 11) if grid is None else np.arange(grid.low, grid.high + 1)
        nearest = admissible[np.argmin(np.abs(centers[:, None] - admissible), axis=1)]
        assert nearest_codes(centers, grid).tolist() == nearest.tolist()
    assert nearest_codes([-1.5, -0.5, 0.5, 1.5, 2.5], None).tolist() == [-2, 0, 0, 2, 2]


@pytest.mark.parametrize("extra_dimensions", [0, 3])
@pytest.mark.parametrize("size", SIZES)
def test_planted_lattice_point_is_recovered(size, extra_dimensions, rng) -> None:
    lattice = random_lattice(rng, size, size + extra_dimensions, 1e3)
    planted = rng.integers(-50, 51, size)
    order = lopsided_order(rng, size)
    shortest = np.diag(lattice.gram_schmidt(order)[1]).min()
    noise = rng.standard_normal(size + extra_dimensions)
    noise *= 0.49 * shortest / np.linalg.norm(noise)
    trace = nearest_plane(lattice, lattice.point(planted) + noise, order)
    assert trace.codes.tolist() == planted.tolist()
    assert_close(trace.squared_distance, noise @ noise)


def naive_nearest_plane(basis: np.ndarray, target: np.ndarray, order, grid=None) -> np.ndarray:
    """Try the planes either side of the target (or all of the grid) and keep the nearest."""
    codes = np.zeros(basis.shape[1], dtype=int)
    rest = target
    for done, j in enumerate(order):
        plane = basis[:, order[done + 1 :]]

        def away(vector: np.ndarray, plane: np.ndarray = plane) -> np.ndarray:
            return vector - plane @ np.linalg.lstsq(plane, vector, rcond=None)[0]

        height = away(rest) @ away(basis[:, j]) / (away(basis[:, j]) @ away(basis[:, j]))
        candidates = [int(np.floor(height)), int(np.floor(height)) + 1]
        if grid is not None:
            candidates = list(range(grid.low, grid.high + 1))
        codes[j] = min(candidates, key=lambda z: np.linalg.norm(away(rest - z * basis[:, j])))
        rest = rest - codes[j] * basis[:, j]
    return codes


@pytest.mark.parametrize("grid", GRIDS, ids=["all integers", "2 bits", "4 bits"])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7])
def test_codes_are_those_of_the_naive_algorithm(size, grid, rng) -> None:
    for dimension in (size, size + 2):
        lattice = random_lattice(rng, size, dimension)
        target = 2 * rng.standard_normal(dimension)
        order = lopsided_order(rng, size)
        codes = nearest_plane(lattice, target, order, grid).codes
        assert codes.tolist() == naive_nearest_plane(lattice.basis, target, order, grid).tolist()


@pytest.mark.parametrize("size", SIZES)
def test_fpylll_finds_the_same_codes(size, rng) -> None:
    fpylll = pytest.importorskip("fpylll")
    columns = rng.integers(-1000, 1001, (size + 1, size))
    target = rng.uniform(-1e4, 1e4, size + 1)
    for order in (None, lopsided_order(rng, size)):
        pivot_order = np.arange(size) if order is None else order[::-1]
        rows = fpylll.IntegerMatrix.from_matrix(columns[:, pivot_order].T.tolist())
        theirs = fpylll.GSO.Mat(rows, update=True).babai(target.tolist())
        ours = nearest_plane(Lattice(columns), target, order).codes
        assert ours[pivot_order].tolist() == list(theirs)


def test_order_travels_with_the_columns(rng) -> None:
    lattice, target = random_lattice(rng, 6), 3 * rng.standard_normal(6)
    order, shuffle = lopsided_order(rng, 6), lopsided_order(rng, 6)
    shuffled = nearest_plane(Lattice(lattice.basis[:, shuffle]), target, np.argsort(shuffle)[order])
    assert shuffled.codes.tolist() == nearest_plane(lattice, target, order).codes[shuffle].tolist()


def test_first_of_the_order_is_rounded_first() -> None:
    # A target half way in the second coordinate moves the first only if the second goes first.
    lattice, target = Lattice([[1.0, 0.6], [0.0, 0.8]]), [1.4, 1.0]
    assert [step.index for step in nearest_plane_steps(lattice, target, [0, 1])] == [0, 1]
    assert nearest_plane(lattice, target, [0, 1]).centers[0] == pytest.approx(0.65)
    assert nearest_plane(lattice, target, [1, 0]).centers[0] == pytest.approx(1.25)
    assert nearest_plane(lattice, target).order.tolist() == [1, 0]


@pytest.mark.parametrize("grid", GRIDS, ids=["all integers", "2 bits", "4 bits"])
def test_squared_distance_is_measured_in_the_whole_space(grid, rng) -> None:
    lattice, target = random_lattice(rng, 3, 5), 2 * rng.standard_normal(5)
    trace = nearest_plane(lattice, target, [1, 2, 0], grid)
    assert_close(trace.squared_distance, np.sum((lattice.point(trace.codes) - target) ** 2))
    outside = target - lattice.point(lattice.coordinates(target))
    assert_close(trace.distance_to_span, np.linalg.norm(outside))


def test_legs_stand_at_right_angles(rng) -> None:
    lattice = random_lattice(rng, 5)
    trace = nearest_plane(lattice, 3 * rng.standard_normal(5), lopsided_order(rng, 5))
    stops = [lattice.point(trace.coordinates_after(i)) for i in range(6)]
    legs = np.diff(stops, axis=0)
    assert_close(legs @ legs.T, np.diag([step.plane_distance**2 for step in trace.steps]))


def test_trace_runs_from_the_target_to_the_codes(rng) -> None:
    lattice, target = random_lattice(rng, 4), 3 * rng.standard_normal(4)
    order = lopsided_order(rng, 4)
    trace = nearest_plane(lattice, target, order)
    assert_close(trace.start, lattice.coordinates(target))
    assert_close(trace.coordinates_after(0), trace.start)
    assert_close(trace.coordinates_after(4), trace.codes)
    assert trace.order.tolist() == order.tolist()
    for done, step in enumerate(trace.steps):
        assert_close(step.center, trace.coordinates_after(done)[step.index])
        assert_close(step.coordinates[order[: done + 1]], trace.codes[order[: done + 1]])
    with pytest.raises(dataclasses.FrozenInstanceError):
        trace.steps[0].code = 7


def test_arguments_are_left_as_they_came(rng) -> None:
    lattice, target, order = random_lattice(rng, 3), rng.standard_normal(3), np.array([2, 0, 1])
    before = target.copy(), order.copy()
    nearest_plane(lattice, target, order)
    assert (target == before[0]).all()
    assert (order == before[1]).all()


@pytest.mark.parametrize("grid", GRIDS, ids=["all integers", "2 bits", "4 bits"])
def test_round_off_rounds_each_coordinate_alone(grid, rng) -> None:
    lattice, coordinates = random_lattice(rng, 5, 7), 4 * rng.standard_normal(5)
    codes = round_off(lattice, lattice.point(coordinates), grid)
    assert codes.tolist() == nearest_codes(coordinates, grid).tolist()


def test_on_an_orthogonal_basis_nearest_plane_is_round_off(rng) -> None:
    basis = np.linalg.qr(rng.standard_normal((6, 6)))[0] * rng.uniform(0.5, 2, 6)
    for target in 5 * rng.standard_normal((20, 6)):
        babai = nearest_plane(Lattice(basis), target, lopsided_order(rng, 6)).codes
        assert babai.tolist() == round_off(Lattice(basis), target).tolist()


def test_tie_goes_to_one_of_the_two_nearest_planes() -> None:
    trace = nearest_plane(Lattice(np.eye(2)), [0.5, -1.5])
    assert trace.codes[0] in (0, 1)
    assert trace.codes[1] in (-2, -1)
    assert_close(trace.squared_distance, 0.5)
    assert not trace.clipped
