"""Rotated inputs: what stays and what changes (law L10)."""

from dataclasses import replace

import numpy as np
import pytest

from lattice_core import ORDERS, PRESETS, Problem, random_problem
from lattice_core.rotation import (
    common_scale,
    is_hadamard,
    mixing_matrix,
    rotated,
    rotation_keeps_the_floor,
    rotation_side,
)

PROBLEMS = [
    *(preset.problem for preset in PRESETS.values()),
    *(random_problem(c, 1) for c in range(2, 7)),
]


@pytest.mark.parametrize("size", range(1, 9))
def test_mixing_is_orthonormal_and_a_hadamard_matrix_where_one_exists(size) -> None:
    mixing = mixing_matrix(size)
    np.testing.assert_allclose(mixing @ mixing.T, np.eye(size), atol=1e-12)
    assert is_hadamard(mixing) == (size in (1, 2, 4))
    if size < 7:
        assert np.abs(mixing).min() > 0.05  # every input goes into every other


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: f"{p.name}-{p.size}")
def test_rotation_keeps_determinant_floor_and_output(problem) -> None:  # law L10
    turned = rotated(problem)
    before, after = rotation_side(problem), rotation_side(turned)
    np.testing.assert_allclose(after.determinant, before.determinant, rtol=1e-6)
    np.testing.assert_allclose(after.floor, before.floor, rtol=1e-6)
    assert rotation_keeps_the_floor(problem, turned).holds
    ceiling = np.trace(problem.damped_hessian) * common_scale(problem) ** 2 / 4
    for name in ORDERS:
        assert after.floor * (1 - 1e-9) <= after.bounds[name] <= ceiling * (1 + 1e-9)


@pytest.mark.parametrize("problem", PROBLEMS[:3], ids=lambda p: p.name)
def test_another_row_is_another_loss_and_the_law_says_so(problem) -> None:
    assert not rotation_keeps_the_floor(problem, rotated(replace(problem, damping=1.0))).holds
    other = replace(rotated(problem), weights=problem.weights)
    assert not rotation_keeps_the_floor(problem, other).holds


def test_inputs_at_right_angles_get_more_even_pivots() -> None:
    uneven = Problem(
        [[9.0, 0, 0, 0], [0, 1.0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]], (1, 2, 3, 4), (1.0,) * 4
    )
    before, after = rotation_side(uneven), rotation_side(rotated(uneven))
    for name in ORDERS:
        assert after.bounds[name] < before.bounds[name] == pytest.approx(3.0)
    even = rotated(rotated(uneven))
    np.testing.assert_allclose(even.hessian, uneven.hessian, atol=1e-12)  # it is its own inverse


def test_unequal_scales_become_one_that_spans_the_same_volume() -> None:
    problem = replace(PRESETS["three_inputs"].problem, scales=(0.2, 0.4, 0.8))
    turned = rotated(problem)
    assert turned.scales == pytest.approx((0.4,) * 3)
    assert rotation_keeps_the_floor(problem, turned).holds


def test_an_outlying_weight_is_spread_and_the_grid_can_be_finer() -> None:
    problem = replace(random_problem(4, 0), weights=(4.0, 0.1, -0.2, 0.1), bits=3)
    before, after = rotation_side(problem), rotation_side(rotated(problem))
    assert after.largest_weight < 0.6 * before.largest_weight
    assert before.absmax_scale == pytest.approx(4.0 / 3.5)
    assert after.absmax_scale == pytest.approx(after.largest_weight / 3.5)
    assert rotation_side(replace(problem, bits=None)).clipped is None
