"""The blocked solver for whole layers, against two oracles that share no code with it.

One is Babai's algorithm of the lessons, row by row; the other is GPTQ as published, on the inverse
Hessian, written down here for a whole layer.
"""

import numpy as np
import pytest
from small_problems import assert_close, lopsided_order, loss, random_hessian

from lattice_core import ORDERS, IntegerGrid, Lattice, absolute_bound, nearest_plane, resolve_order

torch = pytest.importorskip("torch")

from lattice_core.layers import nearest_plane_codes  # noqa: E402
from lattice_core.layers.published_form import published_codes  # noqa: E402
from lattice_core.layers.solver import factorize, round_columns  # noqa: E402

SIZES = (1, 7, 63, 130, 576)  # about one block of columns, and several with an odd one left
GRIDS = (None, IntegerGrid(3))
EVERY_ORDER = pytest.mark.parametrize("order_name", [*ORDERS, "lopsided"])
EVERY_GRID = pytest.mark.parametrize("grid", GRIDS, ids=["all integers", "3 bits"])
EVERY_SIZE = pytest.mark.parametrize("size", SIZES)


def layer(rng: np.random.Generator, size: int, rows: int = 5, group_size: int | None = 32):
    """Weights, Hessian and scales; at 3 bits a few codes are clipped."""
    hessian = random_hessian(rng, size, condition=1e3)
    weight = rng.standard_normal((rows, size))
    groups = 1 if group_size is None else -(-size // group_size)
    scales = rng.uniform(0.3, 0.6, (rows, groups)).repeat(group_size or size, axis=1)[:, :size]
    return weight, hessian, scales


def order_called(name: str, rng: np.random.Generator, hessian: np.ndarray) -> np.ndarray:
    if name == "lopsided":
        return lopsided_order(rng, len(hessian))
    return resolve_order(name, hessian)


def solve(weight, hessian, scales, order=None, grid=None) -> np.ndarray:
    tensors = (torch.tensor(np.asarray(array)) for array in (weight, hessian, scales))
    return nearest_plane_codes(*tensors, order, grid).numpy()


def published_gptq(weight, hessian, scales, order, grid) -> tuple[np.ndarray, np.ndarray]:
    """Codes and centres (r, c) of GPTQ's Algorithm 1 (arXiv:2210.17323v2), dense, all rows."""
    moved = weight[:, order].copy()
    inverse = np.linalg.inv(hessian[order][:, order])
    upper = np.linalg.cholesky(inverse).T
    codes, centers = np.empty(weight.shape), np.empty(weight.shape)
    for i, column in enumerate(order):
        centers[:, column] = moved[:, i] / scales[:, column]
        codes[:, column] = np.round(centers[:, column])
        if grid is not None:
            codes[:, column] = np.clip(codes[:, column], grid.low, grid.high)
        error = (moved[:, i] - scales[:, column] * codes[:, column]) / upper[i, i]
        moved[:, i:] -= np.outer(error, upper[i, i:])
    return codes.astype(np.int64), centers


def assert_same_codes(actual, desired, centers, order) -> None:
    """Equal, but that a row may part from the other at an exact tie (and after it)."""
    for ours, theirs, center in zip(
        actual[:, order], desired[:, order], centers[:, order], strict=True
    ):
        parted = np.flatnonzero(ours != theirs)
        if parted.size:
            first = center[parted[0]]
            assert_close(abs(first - np.floor(first)), 0.5)


@EVERY_GRID
@EVERY_ORDER
@EVERY_SIZE
def test_law_4_blocked_solver_gives_the_codes_of_published_gptq(
    size, order_name, grid, rng
) -> None:
    weight, hessian, scales = layer(rng, size, group_size=None if size == 63 else 32)
    order = order_called(order_name, rng, hessian)
    desired, centers = published_gptq(weight, hessian, scales, order, grid)
    assert_same_codes(solve(weight, hessian, scales, order, grid), desired, centers, order)


@EVERY_GRID
@EVERY_ORDER
@pytest.mark.parametrize("size", [1, 7, 63])
def test_law_4_blocked_solver_gives_the_codes_of_babai(size, order_name, grid, rng) -> None:
    weight, hessian, scales = layer(rng, size, rows=2)
    order = order_called(order_name, rng, hessian)
    traces = [
        nearest_plane(lattice, lattice.point(w / s), order, grid)
        for w, s in zip(weight, scales, strict=True)
        for lattice in [Lattice.from_hessian(hessian, s)]
    ]
    desired = np.array([trace.codes for trace in traces])
    centers = np.empty(weight.shape)
    centers[:, order] = [trace.centers for trace in traces]
    assert_same_codes(solve(weight, hessian, scales, order, grid), desired, centers, order)


def test_no_order_is_back_to_front(rng) -> None:
    weight, hessian, scales = layer(rng, 63)
    back_to_front = np.arange(63)[::-1]
    np.testing.assert_array_equal(
        solve(weight, hessian, scales), solve(weight, hessian, scales, back_to_front)
    )


@EVERY_GRID
@EVERY_SIZE
def test_law_6_the_steps_add_up_to_the_damped_loss_and_stay_below_the_bound(
    size, grid, rng
) -> None:
    weight, hessian, scales = layer(rng, size)
    order = lopsided_order(rng, size)
    factor = factorize(torch.tensor(hessian), order)
    rounding = round_columns(torch.tensor(weight), factor, torch.tensor(scales), grid)
    steps = factor.pivots.numpy() * (scales * rounding.offsets.numpy()) ** 2
    bounds = factor.row_bounds(torch.tensor(scales)).numpy()
    clipped = rounding.clipped.any(dim=1).numpy()
    assert grid is not None or not clipped.any()
    for row, codes in enumerate(rounding.codes.numpy()):
        damped_loss = loss(hessian, scales[row] * codes - weight[row])
        assert_close(steps[row].sum(), damped_loss)
        assert_close(bounds[row], absolute_bound(hessian, scales[row], order))
        assert clipped[row] or damped_loss <= bounds[row]


def test_law_9_clipping_breaks_the_bound_and_is_seen(rng) -> None:
    weight, hessian, scales = layer(rng, 63)
    factor = factorize(torch.tensor(hessian))
    narrow = torch.tensor(scales / 4)
    rounding = round_columns(torch.tensor(weight), factor, narrow, IntegerGrid(2))
    losses = (factor.pivots * (narrow * rounding.offsets) ** 2).sum(dim=1)
    assert (losses > factor.row_bounds(narrow)).all()
    assert rounding.clipped.any(dim=1).all()


def test_law_14_a_diagonal_hessian_is_round_to_nearest(rng) -> None:
    weight, hessian, scales = layer(rng, 130)
    np.testing.assert_array_equal(
        solve(weight, np.diag(np.diag(hessian)), scales), np.rint(weight / scales)
    )


def test_float32_recursion_stays_close_to_float64(rng) -> None:
    weight, hessian, scales = layer(rng, 130, rows=20)
    exact = solve(weight, hessian, scales)
    single = solve(weight.astype(np.float32), hessian, scales.astype(np.float32))
    for row in range(20):
        assert loss(hessian, scales[row] * single[row] - weight[row]) <= absolute_bound(
            hessian, scales[row]
        ) * (1 + 1e-4)
    assert (single == exact).mean() > 0.9


def test_float32_hessian_is_factorized_in_float32(rng) -> None:
    weight, hessian, scales = layer(rng, 130, rows=20)
    order = lopsided_order(rng, 130)
    single = torch.tensor(hessian, dtype=torch.float32)
    factor = factorize(single, order)
    assert factor.pivots.dtype == factor.unit_upper.dtype == torch.float32
    exact = factorize(torch.tensor(hessian), order)
    torch.testing.assert_close(factor.pivots.double(), exact.pivots, rtol=1e-3, atol=0)
    codes = nearest_plane_codes(
        torch.tensor(weight, dtype=torch.float32), single, torch.tensor(scales), order
    )
    assert (codes.numpy() == solve(weight, hessian, scales, order)).mean() > 0.9


def test_float32_takes_a_heavy_input_and_says_where_it_is_too_coarse(rng) -> None:
    hessian = random_hessian(rng, 576, condition=1e3)
    hessian[5] *= 100
    hessian[:, 5] *= 100
    order = resolve_order("act_order", hessian)
    single = factorize(torch.tensor(hessian, dtype=torch.float32), order)
    exact = factorize(torch.tensor(hessian), order)
    torch.testing.assert_close(single.pivots.double(), exact.pivots, rtol=1e-2, atol=0)
    nearly_singular = torch.tensor([[1.0, 1.0], [1.0, 1.0 + 2**-23]])
    with pytest.raises(ValueError, match=r"positive definite, but float32.*pass it in float64"):
        factorize(nearly_singular)
    with pytest.raises(ValueError, match=r"rank 1 of 2.*damping=0\.01"):
        factorize(torch.ones(2, 2))


def test_layers_own_parameter_is_rounded(rng) -> None:
    weight, hessian, scales = layer(rng, 63)
    parameter = torch.nn.Parameter(torch.tensor(weight))
    codes = nearest_plane_codes(parameter, torch.tensor(hessian), torch.tensor(scales))
    assert not codes.requires_grad
    np.testing.assert_array_equal(codes.numpy(), solve(weight, hessian, scales))


@EVERY_GRID
@EVERY_SIZE
def test_L4_published_form_that_the_benchmark_times_gives_the_same_codes(size, grid, rng) -> None:
    weight, hessian, scales = layer(rng, size)
    order = lopsided_order(rng, size)
    tensors = [torch.tensor(array) for array in (weight, hessian, scales, order)]
    _, centers = published_gptq(weight, hessian, scales, order, grid)
    codes = published_codes(*tensors, grid).numpy()
    assert_same_codes(codes, solve(weight, hessian, scales, order, grid), centers, order)


@pytest.mark.parametrize("place", [(0, 129), (64, 65), (129, 3)])
def test_one_entry_that_breaks_the_symmetry_is_seen(place, rng) -> None:
    hessian = random_hessian(rng, 130, condition=1e3)
    hessian[place] += 1e-7 * hessian.max()
    with pytest.raises(ValueError, match="not symmetric"):
        factorize(torch.tensor(hessian))


def test_arguments_are_left_as_they_were(rng) -> None:
    tensors = [torch.tensor(array) for array in layer(rng, 63)]
    before = [tensor.clone() for tensor in tensors]
    nearest_plane_codes(*tensors, None, IntegerGrid(2))
    for tensor, copy in zip(tensors, before, strict=True):
        torch.testing.assert_close(tensor, copy, rtol=0, atol=0)


@pytest.mark.parametrize("shape", ["number", "(r, 1)", "(1, c)"])
def test_scales_broadcast(shape, rng) -> None:
    weight, hessian, _ = layer(rng, 7)
    compact = {
        "number": 0.4,
        "(r, 1)": torch.tensor(rng.uniform(0.3, 0.6, (5, 1))),
        "(1, c)": torch.tensor(rng.uniform(0.3, 0.6, (1, 7))),
    }[shape]
    full = np.broadcast_to(np.asarray(compact), (5, 7)).copy()
    ours = nearest_plane_codes(torch.tensor(weight), torch.tensor(hessian), compact, None)
    np.testing.assert_array_equal(ours.numpy(), solve(weight, hessian, full))


def test_dead_inputs_are_rounded_to_nearest_and_leave_the_others_alone(rng) -> None:
    weight, hessian, scales = layer(rng, 63)
    order = lopsided_order(rng, 63)
    dead = np.isin(np.arange(63), [0, 11, 40, 62])
    hessian[dead] = 0
    hessian[:, dead] = 0
    codes = solve(weight, hessian, scales, order)
    np.testing.assert_array_equal(codes[:, dead], np.rint(weight / scales)[:, dead])
    rank = np.cumsum(~dead) - 1  # of a live input among the live ones
    live_order = rank[order[~dead[order]]]
    np.testing.assert_array_equal(
        codes[:, ~dead],
        solve(weight[:, ~dead], hessian[~dead][:, ~dead], scales[:, ~dead], live_order),
    )
    assert (factorize(torch.tensor(hessian), order).pivots.numpy()[dead] == 0).all()


@pytest.mark.parametrize(
    ("hessian", "message"),
    [
        ([[1.0, 1.0], [1.0, 1.0]], r"rank 1 of 2.*damping=0\.01"),
        ([[1.0, 1.0], [1.0, 1.0 + 2**-52]], r"rank 1 of 2"),  # Cholesky alone lets it pass
        ([[1.0, 3.0], [3.0, 1.0]], r"negative eigenvalues.*damping=4"),
        ([[0.0, 1.0], [1.0, 2.0]], "negative eigenvalues"),
        ([[0.0, 0.0], [0.0, 0.0]], "every input is dead"),
        ([[-1.0, 0.0], [0.0, -1.0]], "cannot help"),
        ([[np.nan, 0.0], [0.0, 1.0]], r"nan at \(0, 0\).*Damping cannot cure"),
        ([[1.0, 0.5], [0.2, 1.0]], "not symmetric"),
        ([[1.0, 0.5]], r"\(1, 2\)"),
        ([[1.0]], "2 columns and damped_hessian 1"),
    ],
)
def test_hessian_that_will_not_do_is_an_error_with_its_cause(hessian, message) -> None:
    with pytest.raises(ValueError, match=message):
        solve([[0.3, 0.7]], hessian, 1.0)


def test_damping_that_the_error_advises_does(rng) -> None:
    inputs = rng.standard_normal((20, 63))  # fewer tokens than inputs
    hessian = inputs.T @ inputs
    with pytest.raises(ValueError, match=r"rank 20 of 63.*damping=0\.01"):
        solve(np.ones((1, 63)), hessian, 1.0)
    damped_hessian = hessian + 0.01 * np.diag(hessian).mean() * np.eye(63)
    assert solve(np.ones((1, 63)), damped_hessian, 1.0).shape == (1, 63)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scales": 0.0}, "positive"),
        ({"scales": -1.0}, "positive"),
        ({"scales": np.nan}, "positive and finite"),
        ({"scales": np.ones((3, 2))}, r"broadcasts to \(1, 2\)"),
        ({"order": [0, 0]}, "permutation"),
        ({"order": [0]}, "permutation"),
        ({"order": "act_order"}, "permutation"),
        ({"weight": [[0.3, np.inf]]}, r"inf at \(0, 1\)"),
        ({"weight": [0.3, 0.7]}, r"\(r, c\)"),
        ({"weight": [[1, 2]]}, "int64"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(arguments, message) -> None:
    good = {"weight": [[0.3, 0.7]], "hessian": np.eye(2), "scales": 1.0}
    with pytest.raises(ValueError, match=message):
        solve(**(good | arguments))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_codes_of_the_cpu(rng) -> None:
    weight, hessian, scales = layer(rng, 576, rows=100)
    order = lopsided_order(rng, 576)
    _, centers = published_gptq(weight, hessian, scales, order, None)
    tensors = (torch.tensor(array, device="cuda") for array in (weight, hessian, scales))
    codes = nearest_plane_codes(*tensors, order)
    assert codes.is_cuda
    assert_same_codes(codes.cpu().numpy(), solve(weight, hessian, scales, order), centers, order)
