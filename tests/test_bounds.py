"""Pivots, bounds and their floor, each against its definition."""

import numpy as np
import pytest
from small_problems import CONDITIONS, assert_close, lopsided_order, random_hessian, random_row

from lattice_core import (
    Lattice,
    absolute_bound,
    bound_floor,
    expected_loss,
    gram_schmidt_lengths,
    pivots,
)


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("size", [1, 2, 3, 6, 7])
def test_pivots_are_ratios_of_minors_and_stand_at_their_columns(size, condition, rng) -> None:
    hessian = random_hessian(rng, size, condition)
    order = lopsided_order(rng, size)
    by_column = pivots(hessian, order)
    volume = 0.0  # its logarithm
    for k, column in enumerate(order[::-1]):
        taken = order[::-1][: k + 1]
        grown = np.linalg.slogdet(hessian[np.ix_(taken, taken)])[1]
        assert_close(np.log(by_column[column]), grown - volume)
        volume = grown


def test_the_weight_rounded_last_has_its_whole_diagonal_as_pivot(rng) -> None:
    hessian = random_hessian(rng, 5, 1e3)
    order = lopsided_order(rng, 5)
    assert_close(pivots(hessian, order)[order[-1]], hessian[order[-1], order[-1]])
    assert_close(pivots(hessian, order)[order[0]], 1 / np.linalg.inv(hessian)[order[0], order[0]])
    assert_close(pivots(hessian), pivots(hessian, [4, 3, 2, 1, 0]))


@pytest.mark.parametrize("size", [1, 3, 7, 63])
def test_lengths_are_those_of_the_scaled_basis(size, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    scales = random_row(rng, size)[1]
    order = lopsided_order(rng, size)
    triangle = Lattice.from_hessian(hessian, scales).gram_schmidt(order)[1]
    assert_close(gram_schmidt_lengths(hessian, scales, order)[order[::-1]], np.diag(triangle))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_bound_is_the_squared_half_diagonal_of_the_box(size, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    scales = random_row(rng, size)[1]
    order = lopsided_order(rng, size)
    corners = Lattice.from_hessian(hessian, scales).nearest_plane_box(order)
    bound = absolute_bound(hessian, scales, order)
    assert_close(np.sum(corners**2, axis=1), np.full(2**size, bound))
    assert_close(expected_loss(hessian, scales, order), bound / 3)


def test_worked_example_of_two_inputs() -> None:
    hessian = [[4.0, 2.0], [2.0, 2.0]]
    assert_close(pivots(hessian), [4, 1])  # 2 − 2·2/4
    assert_close(pivots(hessian, [0, 1]), [2, 2])  # 4 − 2·2/2
    assert_close(absolute_bound(hessian, [1, 3]), (4 + 9) / 4)
    assert_close(absolute_bound(hessian, [1, 3], [0, 1]), (2 + 18) / 4)
    assert_close(absolute_bound(hessian, 0.5), 5 / 16)
    assert_close(expected_loss(hessian, 0.5), 5 / 48)
    assert_close(bound_floor(hessian, [1, 3]), 2 * 6 / 4)  # ¼ · 2 · √(det H · 9)


def test_bounds_grow_with_the_square_of_the_scales(rng) -> None:
    hessian = random_hessian(rng, 4, 1e3)
    scales = random_row(rng, 4)[1]
    for function in (absolute_bound, expected_loss, bound_floor):
        assert_close(function(hessian, 10 * scales), 100 * function(hessian, scales))


def test_floor_does_not_overflow_on_a_wide_layer(rng) -> None:
    hessian = 1e6 * random_hessian(rng, 130, 1e3)
    assert_close(bound_floor(hessian, 1.0), 1e6 * bound_floor(hessian / 1e6, 1.0))
    assert 0 < bound_floor(hessian, 1.0) <= absolute_bound(hessian, 1.0)
