"""`quantize_layer`: what its result says about itself, and what it refuses."""

import numpy as np
import pytest
from small_problems import assert_close, lopsided_order, loss, random_hessian

from lattice_core import ORDERS, IntegerGrid, damped, pivots, resolve_order

torch = pytest.importorskip("torch")

from lattice_core.layers import nearest_plane_codes, quantize_layer, weight_scales  # noqa: E402
from lattice_core.layers.layer_problem import ENTROPY_CODED, METHOD_NAMES, Settings  # noqa: E402
from lattice_core.layers.methods import METHODS  # noqa: E402

EVERY_METHOD = pytest.mark.parametrize("method", sorted(METHODS))
CLIPPING = ("gptq", "rtn")  # the methods that know an overflow


def layer(rng: np.random.Generator, columns: int = 130, rows: int = 6):
    """Weights and a raw Hessian."""
    weight = torch.tensor(rng.standard_normal((rows, columns)))
    return weight, torch.tensor(random_hessian(rng, columns, condition=1e3))


def rows_for(method: str) -> int:
    """So many that the tables of an entropy-coded layer leave something for its codes."""
    return 63 if method in ENTROPY_CODED else 6


def damp(hessian, damping: float = 0.01):
    return torch.tensor(damped(hessian.numpy(), damping))


@pytest.mark.parametrize("order", [*ORDERS, "lopsided"])
@pytest.mark.parametrize("overflow", ["clip", "keep"])
def test_gptq_is_the_solver_on_the_damped_hessian(order, overflow, rng) -> None:
    weight, hessian = layer(rng)
    if order == "lopsided":
        order = indices = lopsided_order(rng, 130)
    else:
        indices = resolve_order(order, damp(hessian).numpy())
    ours = quantize_layer(weight, hessian, bits=3, order=order, overflow=overflow)
    compact = weight_scales(weight, bits=3, rule="mse", group_size=64)
    full = compact.repeat_interleave(64, dim=1)[:, :130]
    grid = IntegerGrid(3) if overflow == "clip" else None
    codes = nearest_plane_codes(weight, damp(hessian), full, indices, grid)
    torch.testing.assert_close(ours.codes, codes)
    torch.testing.assert_close(ours.scales, full)
    torch.testing.assert_close(ours.group_scales, compact)
    np.testing.assert_array_equal(ours.order, indices)
    assert_close(ours.pivots, pivots(damp(hessian).numpy(), indices))


def test_name_is_resolved_on_the_damped_hessian_not_on_the_raw_one() -> None:
    # After column 0, column 1 has less left than column 2, until damping hides its dependence.
    raw = torch.tensor([[1.0, 1.5, 0.0], [1.5, 3.0, 0.0], [0.0, 0.0, 1.2]], dtype=torch.float64)
    damping = 3.0
    wanted = resolve_order("min_pivot", damp(raw, damping).numpy())
    assert not np.array_equal(wanted, resolve_order("min_pivot", raw.numpy()))
    ours = quantize_layer(torch.ones(1, 3), raw, order="min_pivot", damping=damping)
    np.testing.assert_array_equal(ours.order, wanted)


@pytest.mark.parametrize(
    ("method", "overflow"),
    [(m, o) for m in sorted(METHODS) for o in ("clip", "keep") if o == "clip" or m in CLIPPING],
)
def test_losses_are_the_quadratic_forms_summed_over_rows(method, overflow, rng) -> None:
    weight, hessian = layer(rng, rows=rows_for(method))
    ours = quantize_layer(weight, hessian, method, bits=2, damping=0.3, overflow=overflow)
    errors = (ours.dequantize() - weight).numpy()
    damped_losses = [loss(damp(hessian, 0.3).numpy(), error) for error in errors]
    raw_losses = [loss(hessian.numpy(), error) for error in errors]
    energy = sum(loss(hessian.numpy(), row) for row in weight.numpy())
    assert_close(ours.row_losses, damped_losses)
    assert_close(ours.row_undamped_losses, raw_losses)
    assert_close(ours.loss, sum(damped_losses))
    assert_close(ours.undamped_loss, sum(raw_losses))
    assert_close(ours.relative_loss, sum(damped_losses) / energy)
    assert ours.undamped_loss <= ours.loss


@pytest.mark.parametrize("method", CLIPPING)
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_law_6_damped_loss_of_each_row_is_below_its_bound_without_clipping(
    method, bits, rng
) -> None:
    weight, hessian = layer(rng, rows=40)
    ours = quantize_layer(weight, hessian, method, bits=bits, overflow="keep")
    assert ours.clipped_fraction == 0
    assert (ours.row_losses <= ours.row_bounds).all()
    assert ours.loss <= ours.bound


def test_bounds_are_those_of_the_methods(rng) -> None:
    weight, hessian = layer(rng)
    gptq, rtn = (quantize_layer(weight, hessian, method, bits=3) for method in ("gptq", "rtn"))
    matrix = damp(hessian).numpy()
    squares = gptq.scales.numpy() ** 2
    assert_close(gptq.row_bounds, squares @ pivots(matrix, gptq.order.numpy()) / 4)
    corners = [s @ np.abs(matrix) @ s / 4 for s in rtn.scales.numpy()]
    assert_close(rtn.row_bounds, corners)


def test_law_9_clipped_fraction_counts_codes_more_than_half_from_their_center(rng) -> None:
    weight, hessian = layer(rng)
    kept = quantize_layer(weight, hessian, "rtn", bits=3, overflow="keep")
    clipped = quantize_layer(weight, hessian, "rtn", bits=3, overflow="clip")
    outside = (kept.codes < -4) | (kept.codes > 3)
    assert outside.any()
    assert_close(clipped.clipped_fraction, outside.double().mean())
    assert_close(clipped.row_clipped, outside.double().mean(dim=1))
    torch.testing.assert_close(clipped.codes, kept.codes.clamp(-4, 3))


def test_law_14_boundless_damping_is_round_to_nearest(rng) -> None:
    weight, hessian = layer(rng)
    gptq = quantize_layer(weight, hessian, "gptq", bits=3, damping=1e12)
    rtn = quantize_layer(weight, hessian, "rtn", bits=3, damping=1e12)
    torch.testing.assert_close(gptq.codes, rtn.codes)


def test_law_17_clipping_and_order_interact() -> None:
    """A measured law, on a layer that was searched for: min_pivot has the smaller tr(D), and the
    smaller loss where codes are kept, but the larger one where they are clipped.
    """
    rng = np.random.default_rng(137)
    rotation = np.linalg.qr(rng.standard_normal((16, 16)))[0]
    inputs = rng.standard_normal((64, 16)) * np.geomspace(1, 0.03, 16) @ rotation
    hessian, weight = torch.tensor(inputs.T @ inputs), torch.tensor(rng.standard_normal((40, 16)))

    def both(overflow):
        return (
            quantize_layer(weight, hessian, "gptq", 2, None, order, overflow=overflow)
            for order in ("min_pivot", "act_order")
        )

    min_pivot, act_order = both("keep")
    assert min_pivot.pivots.sum() < 0.9 * act_order.pivots.sum()
    assert min_pivot.loss < 0.9 * act_order.loss
    min_pivot, act_order = both("clip")
    assert min_pivot.loss > 1.4 * act_order.loss
    assert min_pivot.clipped_fraction > act_order.clipped_fraction > 0


def test_damping_reaches_the_codes(rng) -> None:
    weight, hessian = layer(rng)
    little, much = (quantize_layer(weight, hessian, bits=3, damping=x) for x in (0.01, 1.0))
    assert (little.codes != much.codes).any()


@EVERY_METHOD
def test_codes_times_scales_plus_outliers_is_the_layer(method, rng) -> None:
    weight, hessian = layer(rng, rows=rows_for(method))
    ours = quantize_layer(weight, hessian, method, bits=3)
    dense = ours.outliers.to_dense()
    torch.testing.assert_close(ours.dequantize(), ours.scales * ours.codes + dense)
    assert (dense != 0).any() == (method == "ssqr")
    assert (ours.outlier_rate > 0) == (method == "ssqr")
    assert (ours.scale_factor != 1) == (method in ("ssqr", *ENTROPY_CODED))
    assert ours.outliers.shape == weight.shape
    assert ours.method == method
    on_grid = ours.codes.min() >= -4 and ours.codes.max() <= 3
    assert on_grid == (method not in ENTROPY_CODED)


@pytest.mark.parametrize(
    ("bits", "group_size", "columns", "desired"),
    [
        (4, 128, 576, 4 + 16 * 5 / 576),  # four groups of 128 and one of 64
        (3, 64, 576, 3 + 16 / 64),
        (2, None, 130, 2 + 16 / 130),
        (4, 1000, 130, 4 + 16 / 130),
        (1, 1, 7, 17),
    ],
)
def test_bits_per_weight_counts_codes_and_scales(bits, group_size, columns, desired, rng) -> None:
    weight, hessian = layer(rng, columns, rows=3)
    ours = quantize_layer(weight, hessian, bits=bits, group_size=group_size)
    assert_close(ours.bits_per_weight, desired)
    assert ours.group_scales.shape == (3, -(-columns // (group_size or columns)))


def test_bits_per_weight_of_kept_overflow_is_the_width_of_the_widest_code(rng) -> None:
    weight, hessian = layer(rng)
    ours = quantize_layer(weight, hessian, bits=2, overflow="keep", group_size=None)
    width = round(ours.bits_per_weight - 16 / 130)
    low, high = ours.codes.min().item(), ours.codes.max().item()
    assert width > 2
    assert -(2 ** (width - 1)) <= low <= high <= 2 ** (width - 1) - 1
    assert low < -(2 ** (width - 2)) or high > 2 ** (width - 2) - 1


@EVERY_METHOD
def test_all_zero_rows_and_layers_stay_zero(method, rng) -> None:
    weight, hessian = layer(rng, rows=rows_for(method))
    weight[2] = 0
    ours = quantize_layer(weight, hessian, method, bits=3)
    assert (ours.codes[2] == 0).all()
    assert ours.row_losses[2] == 0
    nothing = quantize_layer(torch.zeros(4, 130), hessian, method)
    assert nothing.loss == nothing.relative_loss == 0


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("damping", [0.0, 0.01])
def test_dead_inputs_are_rounded_to_nearest(order, damping, rng) -> None:
    weight, hessian = layer(rng)
    dead = [0, 64, 129]
    hessian[dead] = 0
    hessian[:, dead] = 0
    ours = quantize_layer(weight, hessian, order=order, damping=damping)
    nearest = quantize_layer(weight, hessian, "rtn", damping=damping)
    torch.testing.assert_close(ours.codes[:, dead], nearest.codes[:, dead])
    assert sorted(ours.order.tolist()) == list(range(130))
    assert damping > 0 or (ours.pivots[dead] == 0).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_of_any_floating_dtype_are_widened_and_left_alone(dtype, rng) -> None:
    weight, hessian = layer(rng)
    parameter = torch.nn.Parameter(weight.to(dtype))
    ours = quantize_layer(parameter, hessian, bits=3)
    exact = quantize_layer(parameter.detach().double(), hessian, bits=3)
    torch.testing.assert_close(ours.codes, exact.codes)
    assert not ours.scales.requires_grad
    torch.testing.assert_close(parameter.detach(), weight.to(dtype), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "awq"}, "method is 'awq'; one of gptq, hptq, hrtn, rtn, ssqr, watersic"),
        ({"method": "hptq"}, "more than the 16 bits .* tables of so small a layer"),
        ({"bits": 0}, "1 to 8"),
        ({"bits": 9}, "1 to 8"),
        ({"bits": 3.25}, "1 to 8"),
        ({"group_size": 0}, "group_size is 0"),
        ({"group_size": 2.5}, "group_size is 2.5"),
        ({"order": "best"}, "front_to_back, back_to_front, act_order, min_pivot"),
        ({"order": [0, 1, 1]}, "permutation"),
        ({"damping": -1.0}, "damping is -1"),
        ({"damping": float("nan")}, "damping is nan"),
        ({"overflow": "wrap"}, "clip or keep"),
        ({"method": "hptq", "overflow": "keep"}, "hptq, which has no grid to overflow"),
        ({"scale_rule": "best"}, "absmax or mse"),
        ({"weight": torch.ones(3)}, r"\(3,\)"),
        ({"weight": torch.ones(2, 4)}, r"\(4, 4\)"),
        ({"weight": torch.tensor([[1.0, torch.nan, 1.0]])}, r"nan at \(0, 1\)"),
        ({"hessian": torch.full((3, 3), torch.inf)}, "Damping cannot cure"),
        ({"hessian": torch.zeros(3, 3)}, "every input is dead"),
        ({"hessian": torch.ones(3, 3), "damping": 0.0}, r"rank 1 of 3.*damping=0\.01"),
        ({"hessian": torch.ones(3, 3), "damping": 0.0, "order": "min_pivot"}, "rank 1 of 3"),
        ({"hessian": torch.ones(3, 3), "damping": 0.0, "method": "rtn"}, "rank 1 of 3"),
    ],
)
def test_requests_that_cannot_be_met_are_errors(arguments, message) -> None:
    good = {"weight": torch.ones(2, 3), "hessian": torch.eye(3)}
    with pytest.raises(ValueError, match=message):
        quantize_layer(**(good | arguments))


def test_every_method_has_its_name_in_the_settings() -> None:
    assert tuple(METHODS) == METHOD_NAMES
    with pytest.raises(ValueError, match="method is 'gptqq'; one of gptq, hptq"):
        Settings("gptqq", 3)
