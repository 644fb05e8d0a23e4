"""Quantization orders; laws L11 and L12 (numbers are the project's own)."""

import numpy as np
import pytest
from small_problems import (
    CONDITIONS,
    assert_close,
    is_its_own_inverse,
    lopsided_order,
    random_hessian,
    random_lattice,
)

from lattice_core import ORDERS, Lattice, lll_reduce, nearest_plane, pivots, resolve_order


def naive_min_pivot(hessian: np.ndarray) -> list[int]:
    """[C] Algorithm 3 with the whole Schur complement updated at each step."""
    schur, taken = hessian.copy(), []
    for _ in range(len(hessian)):
        lengths = np.diag(schur).copy()
        lengths[taken] = np.inf
        p = int(np.argmin(lengths))
        schur = schur - np.outer(schur[:, p], schur[p]) / schur[p, p]
        taken.append(p)
    return taken[::-1]


def test_each_name_says_which_weight_goes_first() -> None:
    hessian = np.diag([2.0, 5.0, 1.0, 3.0])
    assert {name: resolve_order(name, hessian).tolist() for name in ORDERS} == {
        "front_to_back": [0, 1, 2, 3],
        "back_to_front": [3, 2, 1, 0],
        "act_order": [1, 3, 0, 2],
        "min_pivot": [1, 3, 0, 2],
    }


@pytest.mark.parametrize("name", ORDERS)
@pytest.mark.parametrize("size", [1, 2, 7, 130])
def test_order_is_a_permutation_that_owns_its_memory(name, size, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    before = hessian.copy()
    order = resolve_order(name, hessian)
    assert sorted(order) == list(range(size))
    assert order.base is None
    assert (hessian == before).all()


@pytest.mark.parametrize("condition", CONDITIONS[1:])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6, 7, 63, 200])  # 200: two panels
def test_L11_min_pivot_is_the_naive_greedy_order(size, condition, rng) -> None:
    hessian = random_hessian(rng, size, condition)
    order = resolve_order("min_pivot", hessian)
    assert order.tolist() == naive_min_pivot(hessian)
    if size >= 63:  # a short one may pass for its inverse
        assert not is_its_own_inverse(order)


def test_L11_min_pivot_follows_its_columns(rng) -> None:
    hessian = random_hessian(rng, 7, 1e3)
    shuffle = lopsided_order(rng, 7)
    shuffled = resolve_order("min_pivot", hessian[np.ix_(shuffle, shuffle)])
    assert shuffle[shuffled].tolist() == resolve_order("min_pivot", hessian).tolist()


def test_ties_go_to_the_smallest_index() -> None:
    # Two pairs of correlated inputs, all of length √2. Pivot order: 0 (pivot 2), then its partner
    # 3 (pivot 1.5 where the other pair still has 2), then 1 and its partner 2.
    hessian = 2 * np.eye(4)
    hessian[[0, 3, 1, 2], [3, 0, 2, 1]] = 1
    assert resolve_order("min_pivot", hessian).tolist() == [2, 1, 3, 0]
    assert resolve_order("min_pivot", np.eye(5)).tolist() == [4, 3, 2, 1, 0]
    assert resolve_order("act_order", hessian).tolist() == [0, 1, 2, 3]
    assert resolve_order("act_order", np.diag([1.0, 2, 1, 2])).tolist() == [1, 3, 0, 2]


def test_L11_min_pivot_is_a_heuristic_for_the_sum_of_pivots(rng) -> None:
    sums = dict.fromkeys(ORDERS, 0.0)
    for _ in range(50):
        inputs = rng.standard_normal((40, 12)) @ random_hessian(rng, 12, 100)
        hessian = inputs.T @ inputs
        for name in ORDERS:
            sums[name] += pivots(hessian, resolve_order(name, hessian)).sum()
    assert sums["min_pivot"] <= sums["act_order"]
    assert sums["act_order"] < 0.9 * min(sums["front_to_back"], sums["back_to_front"])


@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("size", [2, 3, 7, 63])
def test_L12_greedy_pivots_satisfy_lovasz_with_delta_one(size, condition, rng) -> None:
    hessian = random_hessian(rng, size, condition)
    order = resolve_order("min_pivot", hessian)
    pivot_order = order[::-1]
    triangle = np.linalg.cholesky(hessian[np.ix_(pivot_order, pivot_order)]).T
    for j in range(size):
        # Column k from row j down: the length that input k would have had as j-th pivot.
        rivals = np.sum(triangle[j:, j:] ** 2, axis=0)
        assert triangle[j, j] ** 2 <= rivals.min() * (1 + 1e-9)


@pytest.mark.parametrize("size", [2, 4, 7])
def test_L12_size_reduction_alone_does_not_move_the_nearest_plane_point(size, rng) -> None:
    lattice, target = random_lattice(rng, size, condition=30), 3 * rng.standard_normal(size)
    point = lattice.point(nearest_plane(lattice, target).codes)
    transform = np.eye(size) + np.triu(rng.integers(-4, 5, (size, size)), 1)
    reduced = Lattice(lattice.basis @ transform)
    assert_close(reduced.point(nearest_plane(reduced, target).codes), point)


@pytest.mark.parametrize("size", [2, 7, 63])
def test_L12_lll_exchanges_nothing_after_min_pivot_where_no_multiple_is_subtracted(
    size, rng
) -> None:
    # Inputs nearly orthogonal, with lengths of their own: every |R_ik| stays below ½ R_ii.
    inputs = np.linalg.qr(rng.standard_normal((4 * size, size)))[0] * rng.uniform(1, 2, size)
    inputs += 0.02 * rng.standard_normal(inputs.shape) / np.sqrt(size)
    order = resolve_order("min_pivot", inputs.T @ inputs)
    reduction = lll_reduce(Lattice(inputs[:, order[::-1]]), 1.0, backend="steps")
    assert reduction.swaps == 0
    assert reduction.transform.tolist() == np.eye(size).tolist()
    assert lll_reduce(Lattice(inputs[:, order]), 1.0, backend="steps").swaps > 0


@pytest.mark.parametrize(
    ("triangle", "reduced_sum"),
    [
        # b_1 − b_0 has squared length 0.26, and the determinant leaves 0.25 / 0.26 for the other.
        ([[1.0, 0.9], [0.0, 0.5]], 0.26 + 0.25 / 0.26),  # of 1.25
        # b_0 − 2 (b_1 − b_0) = (0, −0.2); a flatter lattice loses as much as one likes.
        ([[1.0, 1.5], [0.0, 0.1]], 0.04 + 0.01 / 0.04),  # of 1.01
    ],
)
def test_L12_lll_after_min_pivot_improves_small_lattices(triangle, reduced_sum) -> None:
    lattice = Lattice(triangle)
    assert resolve_order("min_pivot", lattice.gram).tolist() == [1, 0]  # the basis as it stands
    reduction = lll_reduce(lattice, backend="steps")
    after = np.sum(np.diag(reduction.lattice.gram_schmidt()[1]) ** 2)
    assert_close(after, reduced_sum)
    assert after < pivots(lattice.gram).sum() - 0.02
