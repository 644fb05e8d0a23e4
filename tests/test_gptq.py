"""GPTQ and OBQ against their published forms, written out here once more and dense."""

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

from lattice_core import IntegerGrid, RoundingTrace, gptq, gptq_steps, obq_steps

EVERY_GRID = pytest.mark.parametrize("grid", GRIDS, ids=["all integers", "2 bits", "4 bits"])


def published_gptq(H, W, scales, perm, grid, blocksize):
    """`fasterquant` of github.com/IST-DASLab/gptq with its names, in float64 and numpy.

    W and scales are (r, c); `perm` is the order, first quantized first. Static groups: scales
    travel with their columns. Returns codes and the loss of each row.
    """
    low, high = (-np.inf, np.inf) if grid is None else (grid.low, grid.high)
    H, W, scales = H[perm][:, perm], W[:, perm].copy(), scales[:, perm]
    columns = len(H)
    Linv = np.linalg.inv(np.linalg.cholesky(H))
    Hinv = np.linalg.cholesky(Linv.T @ Linv).T  # cholesky(cholesky_inverse(L), upper=True)
    codes, Losses = np.zeros_like(W), np.zeros_like(W)
    for i1 in range(0, columns, blocksize):
        i2 = min(i1 + blocksize, columns)
        W1, Hinv1 = W[:, i1:i2].copy(), Hinv[i1:i2, i1:i2]
        Err1 = np.zeros_like(W1)
        for i in range(i2 - i1):
            w, d, s = W1[:, i], Hinv1[i, i], scales[:, i1 + i]
            z = np.clip(np.rint(w / s), low, high)
            codes[:, i1 + i] = z
            Losses[:, i1 + i] = (w - s * z) ** 2 / d**2
            err1 = (w - s * z) / d
            W1[:, i:] -= np.outer(err1, Hinv1[i, i:])
            Err1[:, i] = err1
        W[:, i2:] -= Err1 @ Hinv[i1:i2, i2:]
    invperm = np.argsort(perm)
    return codes[:, invperm].astype(int), Losses.sum(axis=1)


@EVERY_GRID
@pytest.mark.parametrize("condition", CONDITIONS)
@pytest.mark.parametrize("size", SIZES)
def test_published_code_finds_the_same_codes_and_losses(size, condition, grid, rng) -> None:
    hessian = random_hessian(rng, size, condition)
    weights = rng.standard_normal((3, size))
    groups = rng.uniform(0.2, 0.5, (3, size // 3 + 1))
    scales = np.repeat(groups, 3, axis=1)[:, :size]
    act_order = np.argsort(-np.diag(hessian))
    for order in (np.arange(size), act_order, lopsided_order(rng, size)):
        codes, losses = published_gptq(hessian, weights, scales, order, grid, blocksize=5)
        for row in range(3):
            trace = gptq(hessian, weights[row], scales[row], order, grid)
            assert trace.codes.tolist() == codes[row].tolist()
            assert_close(trace.squared_distance, losses[row])


@pytest.mark.parametrize("condition", [1e8, 1e10, 1e12])
def test_ill_conditioned_hessian_is_still_quantized_exactly(condition, rng) -> None:
    # np.linalg.inv loses symmetry and, near 1e10, definiteness; its factor is then no factor.
    for size in (2, 6, 63):
        hessian = random_hessian(rng, size, condition)
        weights, scales = random_row(rng, size)
        trace = gptq(hessian, weights, scales)
        error = trace.codes * scales - weights
        np.testing.assert_allclose(trace.squared_distance, loss(hessian, error), rtol=1e-4)


@EVERY_GRID
@pytest.mark.parametrize("size", SIZES)
def test_squared_distance_is_the_damped_loss(size, grid, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    weights, scales = random_row(rng, size)
    trace = gptq(hessian, weights, scales, lopsided_order(rng, size), grid)
    assert_close(trace.squared_distance, loss(hessian, trace.codes * scales - weights))


def test_worked_example_of_two_weights() -> None:
    # q_2 = 1 misses w_2 = 1.25 by −0.25; w_1 gains 0.25 · H_12 / H_11 = 0.15 and is 0.8.
    trace = gptq([[1.0, 0.6], [0.6, 1.0]], [0.65, 1.25], 1.0)
    assert_close(trace.centers, [1.25, 0.8])
    assert trace.codes.tolist() == [1, 1]
    assert_close(trace.squared_distance, 0.25**2 * (1 - 0.36) + 0.2**2)


def test_one_scale_serves_all_weights(rng) -> None:
    hessian, weights = random_hessian(rng, 4), rng.standard_normal(4)
    assert_same_steps(gptq(hessian, weights, 0.3), gptq(hessian, weights, np.full(4, 0.3)))


def test_diagonal_hessian_is_round_to_nearest(rng) -> None:
    weights, scales = random_row(rng, 7)
    trace = gptq(np.diag(rng.uniform(0.1, 9, 7)), weights, scales, lopsided_order(rng, 7))
    assert trace.codes.tolist() == np.rint(weights / scales).tolist()


@EVERY_GRID
def test_row_of_zeros_stays_zero(grid, rng) -> None:
    hessian = random_hessian(rng, 5, 1e3)
    for trace in (
        gptq(hessian, np.zeros(5), 1.0, grid=grid),
        RoundingTrace.drain(np.zeros(5), obq_steps(hessian, np.zeros(5), 1.0, grid)),
    ):
        assert trace.codes.tolist() == [0] * 5
        assert trace.squared_distance == 0


def test_dead_input_is_rounded_to_nearest_once_damped(rng) -> None:
    inputs = rng.standard_normal((20, 4))
    inputs[:, 2] = 0
    hessian = inputs.T @ inputs + 0.01 * np.eye(4)
    weights, scales = random_row(rng, 4)
    trace = gptq(hessian, weights, scales, [0, 3, 1, 2])
    assert trace.codes[2] == np.rint(weights[2] / scales[2])


def test_steps_own_what_they_hold(rng) -> None:
    hessian = random_hessian(rng, 5, 1e3)
    weights, scales = random_row(rng, 5)
    for steps in (gptq_steps(hessian, weights, scales), obq_steps(hessian, weights, scales)):
        seen = [(step, step.coordinates.copy()) for step in steps]
        assert len(seen) == 5
        for step, at_the_time in seen:
            assert (step.coordinates == at_the_time).all()
        assert_close(seen[-1][1], [step.code for step in sorted_by_index(seen)])


def sorted_by_index(seen):
    return sorted((step for step, _ in seen), key=lambda step: step.index)


def test_arguments_are_left_as_they_came(rng) -> None:
    hessian = random_hessian(rng, 3)
    weights, scales = random_row(rng, 3)
    before = hessian.copy(), weights.copy(), scales.copy()
    gptq(hessian, weights, scales, [1, 2, 0])
    list(obq_steps(hessian, weights, scales))
    for now, then in zip((hessian, weights, scales), before, strict=True):
        assert (now == then).all()


def published_obq(H, w, s, grid):
    """OBQ (arXiv:2208.11580v2, Algorithm 3): the inverse kept up to date by elimination."""
    low, high = (-np.inf, np.inf) if grid is None else (grid.low, grid.high)
    w, Hinv, codes, chosen = w.copy(), np.linalg.inv(H), np.zeros(len(w), dtype=int), []
    for _ in w:
        q = s * np.clip(np.rint(w / s), low, high)
        costs = (q - w) ** 2 / np.diag(Hinv)
        costs[chosen] = np.inf
        p = int(np.argmin(costs))
        codes[p] = np.rint(q[p] / s[p])
        w = w - Hinv[:, p] / Hinv[p, p] * (w[p] - q[p])
        Hinv = Hinv - np.outer(Hinv[:, p], Hinv[p]) / Hinv[p, p]
        chosen.append(p)
        Hinv[chosen, chosen] = 1  # exactly zero but for rounding, and never used again
    return codes, chosen


@EVERY_GRID
@pytest.mark.parametrize("size", [1, 2, 3, 6, 7, 20])
def test_obq_is_the_published_one_and_gptq_in_the_order_it_chose(size, grid, rng) -> None:
    hessian = random_hessian(rng, size, 1e3)
    weights, scales = random_row(rng, size)
    trace = RoundingTrace.drain(weights / scales, obq_steps(hessian, weights, scales, grid))
    codes, chosen = published_obq(hessian, weights, scales, grid)
    assert trace.order.tolist() == chosen
    assert trace.codes.tolist() == codes.tolist()
    assert_same_steps(trace, gptq(hessian, weights, scales, chosen, grid))


def test_obq_takes_the_smallest_index_of_equal_costs() -> None:
    steps = list(obq_steps(np.eye(3), [0.3, 0.7, 0.3], 1.0, IntegerGrid(4)))
    assert sorted(step.index for step in steps) == [0, 1, 2]
    assert [step.index for step in obq_steps(np.eye(3), [0.25, 0.75, 0.25], 1.0)] == [0, 1, 2]
