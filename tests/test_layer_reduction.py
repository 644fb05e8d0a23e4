"""LLL on the lattice of a whole layer, against the small core; law L12."""

import numpy as np
import pytest
import torch
from small_problems import assert_close, lopsided_order, random_hessian

from lattice_core import ORDERS, Lattice, ReductionCancelled, lll_reduce, pivots, resolve_order
from lattice_core.layers.reduction import reduced_pivot_sum


@pytest.mark.parametrize("size", [1, 2, 7, 63])
def test_reduced_pivot_sum_is_that_of_the_reduced_lattice(size, rng) -> None:
    hessian = random_hessian(rng, size, 300)
    matrix = torch.from_numpy(hessian)
    for order in (*ORDERS, lopsided_order(rng, size)):
        columns = resolve_order(order, hessian) if isinstance(order, str) else order
        layer = reduced_pivot_sum(matrix, order, delta=0.9)
        basis = Lattice.from_hessian(hessian, 1.0).basis[:, columns[::-1]]
        alone = lll_reduce(Lattice(basis), 0.9, backend="steps")
        assert_close(layer.pivot_sum, np.sum(np.diag(alone.lattice.gram_schmidt()[1]) ** 2))
        assert layer.swaps == alone.swaps
        assert layer.seconds >= 0


def test_dead_inputs_take_no_part(rng) -> None:
    hessian = random_hessian(rng, 6, 100)
    padded = np.zeros((8, 8))
    live = [0, 1, 3, 4, 5, 7]
    padded[np.ix_(live, live)] = hessian
    for order in ORDERS:
        alone = reduced_pivot_sum(torch.from_numpy(hessian), order)
        layer = reduced_pivot_sum(torch.from_numpy(padded), order)
        assert_close(layer.pivot_sum, alone.pivot_sum)
        assert layer.swaps == alone.swaps


def test_L12_lll_from_natural_orders_ends_near_min_pivot(rng) -> None:
    """A measurement on inputs with decaying spectrum and damping, like a layer's; not a theorem."""
    inputs = rng.standard_normal((200, 63)) @ random_hessian(rng, 63, 10)
    hessian = inputs.T @ inputs
    hessian += 0.01 * np.trace(hessian) / 63 * np.eye(63)
    matrix = torch.from_numpy(hessian)
    start = {name: pivots(hessian, resolve_order(name, hessian)).sum() for name in ORDERS}
    greedy = reduced_pivot_sum(matrix, "min_pivot")
    assert greedy.pivot_sum <= start["min_pivot"] * (1 + 1e-9)
    for order in ("front_to_back", "back_to_front"):
        natural = reduced_pivot_sum(matrix, order)
        assert start[order] > 1.05 * start["min_pivot"]
        assert abs(natural.pivot_sum / start["min_pivot"] - 1) < 0.03
        assert natural.swaps > 10 * (1 + greedy.swaps)


def test_layer_reduction_can_be_cancelled(rng) -> None:
    matrix = torch.from_numpy(random_hessian(rng, 63, 1e4))
    with pytest.raises(ReductionCancelled):
        reduced_pivot_sum(matrix, cancel=lambda: True)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="order is 'best'"):
        reduced_pivot_sum(torch.eye(3, dtype=torch.float64), "best")
    with pytest.raises(ValueError, match="not positive definite"):
        reduced_pivot_sum(torch.ones(3, 3, dtype=torch.float64))
    with pytest.raises(ValueError, match="¼ < delta"):
        reduced_pivot_sum(torch.eye(3, dtype=torch.float64), delta=0.1)
