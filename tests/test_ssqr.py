"""SSQR (law L19), against its formulae written down for one row in plain float64."""

from itertools import pairwise

import numpy as np
import pytest
from small_problems import assert_close, lopsided_order, random_hessian

from lattice_core import ORDERS, IntegerGrid, damped, pivots, resolve_order

torch = pytest.importorskip("torch")

from lattice_core.layers import quantize_layer, weight_scales  # noqa: E402

SIZES = (1, 7, 63, 130)
EVERY_SIZE = pytest.mark.parametrize("size", SIZES)
EVERY_RATE = pytest.mark.parametrize("rate", [0.0, 0.01, 0.2])


def layer(rng: np.random.Generator, size: int = 130, rows: int = 20):
    """Weights as large as real ones, and a raw Hessian."""
    return 0.2 * rng.standard_normal((rows, size)), random_hessian(rng, size, condition=1e3)


def ssqr(weight, hessian, rate=0.01, bits=3, order="lopsided", **options):
    """Ours, with groups that do not divide 63 or 130."""
    if order == "lopsided":
        order = lopsided_order(np.random.default_rng(1), len(hessian))
    arguments = {"group_size": 50, "order": order, "outlier_rate": rate} | options
    return quantize_layer(torch.tensor(weight), torch.tensor(hessian), "ssqr", bits, **arguments)


def reference_row(weights, unit_upper, scales, backwards, bits=3):
    """a, v and the outliers of one row by the formulae: no blocks, no other rows."""
    grid = IntegerGrid(bits)
    arrivals, values = np.empty_like(weights), np.empty_like(weights)
    outlier = np.zeros(len(weights), dtype=bool)
    for j in range(len(weights) - 1, -1, -1):
        column, later = backwards[j], backwards[j + 1 :]
        arrivals[column] = weights[column] + unit_upper[j, j + 1 :] @ (
            weights[later] - values[later]
        )
        code = np.round(arrivals[column] / scales[column])
        outlier[column] = not grid.low <= code <= grid.high
        values[column] = np.float16(arrivals[column]) if outlier[column] else scales[column] * code
    return arrivals, values, outlier


def reference(weight, hessian, ours, shrink=1.0):
    """The same for every row, in the order and at the scales of our result, or at smaller ones."""
    backwards = ours.order.numpy()[::-1]
    upper = np.linalg.cholesky(damped(hessian, 0.01)[backwards][:, backwards]).T
    unit_upper = upper / np.diag(upper)[:, None]
    rows = zip(weight, ours.scales.numpy() / shrink, strict=True)
    parts = [reference_row(w, unit_upper, s, backwards) for w, s in rows]
    return tuple(np.array(part) for part in zip(*parts, strict=True))


@EVERY_RATE
@EVERY_SIZE
def test_law_19_codes_and_outliers_are_those_of_the_formulae(size, rate, rng) -> None:
    weight, hessian = layer(rng, size)
    ours = ssqr(weight, hessian, rate)
    _, values, outlier = reference(weight, hessian, ours)
    assert_close(ours.dequantize(), values)
    np.testing.assert_array_equal(ours.outliers.indices(), np.argwhere(outlier).T)
    assert_close(ours.outliers.values(), values[outlier])
    assert (ours.codes.numpy()[outlier] == 0).all()
    assert ours.codes.min() >= -4
    assert ours.codes.max() <= 3
    assert size < 63 or rate == 0 or outlier.any()


@pytest.mark.parametrize("order", ORDERS)
def test_law_19_holds_in_every_order(order, rng) -> None:
    weight, hessian = layer(rng)
    ours = ssqr(weight, hessian, order=order)
    np.testing.assert_array_equal(ours.order, resolve_order(order, damped(hessian, 0.01)))
    assert_close(ours.dequantize(), reference(weight, hessian, ours)[1])


@EVERY_RATE
@EVERY_SIZE
def test_law_19_the_steps_add_up_to_the_damped_loss_and_stay_below_the_bound(
    size, rate, rng
) -> None:
    weight, hessian = layer(rng, size)
    ours = ssqr(weight, hessian, rate)
    arrivals, values, outlier = reference(weight, hessian, ours)
    pivot = pivots(damped(hessian, 0.01), ours.order.numpy())
    assert_close(ours.row_losses, (arrivals - values) ** 2 @ pivot)

    of_codes = np.where(outlier, 0, ours.scales.numpy() ** 2 / 4) @ pivot
    of_storage = np.where(outlier, (arrivals - values) ** 2, 0) @ pivot
    assert_close(ours.row_bounds, of_codes + of_storage)
    assert (ours.row_losses.numpy() <= ours.row_bounds.numpy() * (1 + 1e-12)).all()
    # What float16 takes away is little beside what the grid does.
    assert (of_storage <= 1e-2 * of_codes).all()
    assert ours.clipped_fraction == 0


def test_law_6_bound_over_all_weights_still_holds(rng) -> None:
    ours = ssqr(*layer(rng), rate=0.2)
    assert (ours.row_bounds < ours.scales.square() @ ours.pivots / 4).all()


@pytest.mark.parametrize(("bits", "measured"), [(4, 0.012), (3, 0.027), (2, 0.067)])
def test_rate_of_gaussian_layers_at_unchanged_scales(bits, measured, rng) -> None:
    """A measurement: 1.3, 2.4 and 5.5 % on the real layers."""
    weight, hessian = layer(rng, rows=300)
    ours = ssqr(weight, hessian, rate=measured, bits=bits)
    assert 0.8 < ours.scale_factor < 1.25
    assert 0.9 * measured < ours.outlier_rate <= measured


def test_one_factor_stretches_the_scales_of_the_rule(rng) -> None:
    weight, hessian = layer(rng)
    for rule in ("mse", "absmax"):
        ours = ssqr(weight, hessian, scale_rule=rule)
        unstretched = weight_scales(torch.tensor(weight), bits=3, rule=rule, group_size=50)
        assert_close(ours.group_scales, ours.scale_factor * unstretched)


def test_fewer_outliers_take_larger_scales_and_leave_more_loss(rng) -> None:
    weight, hessian = layer(rng, rows=100)
    results = [ssqr(weight, hessian, rate) for rate in (0.1, 0.03, 0.01, 0.003, 0.0)]
    for more, fewer in pairwise(results):
        assert more.outlier_rate > fewer.outlier_rate
        assert more.scale_factor < fewer.scale_factor
        assert more.loss < fewer.loss
        assert more.bits_per_weight > fewer.bits_per_weight


@pytest.mark.parametrize("rate", [0.3, 0.05, 0.01])
def test_rate_asked_for_is_nearly_reached_and_never_exceeded(rate, rng) -> None:
    ours = ssqr(*layer(rng, rows=200), rate=rate)
    assert 0.95 * rate <= ours.outlier_rate <= rate


@pytest.mark.parametrize("rate", [0.3, 0.05, 0.02])
def test_factor_two_percent_smaller_leaves_too_many_outliers(rate, rng) -> None:
    weight, hessian = layer(rng, rows=40)
    ours = ssqr(weight, hessian, rate)
    assert reference(weight, hessian, ours)[2].mean() <= rate
    assert reference(weight, hessian, ours, shrink=1.02)[2].mean() > rate


def test_factor_that_leaves_no_outlier_is_not_much_larger_than_one_that_does(rng) -> None:
    weight, hessian = layer(rng)
    ours = ssqr(weight, hessian, rate=0.0)
    smaller = (reference(weight, hessian, ours, shrink)[2] for shrink in np.linspace(1, 1.1, 6))
    assert [outlier.any() for outlier in smaller] != [False] * 6


def test_without_outliers_it_is_gptq_at_larger_scales_with_nothing_clipped(rng) -> None:
    from lattice_core.layers import nearest_plane_codes

    weight, hessian = layer(rng)
    ours = ssqr(weight, hessian, rate=0.0)
    assert ours.outlier_rate == 0
    assert ours.outliers.values().numel() == 0
    for grid in (None, IntegerGrid(3)):
        matrix = torch.tensor(damped(hessian, 0.01))
        codes = nearest_plane_codes(torch.tensor(weight), matrix, ours.scales, ours.order, grid)
        torch.testing.assert_close(ours.codes, codes)


def test_bits_per_weight_counts_codes_scales_and_thirty_two_bits_an_outlier(rng) -> None:
    ours = ssqr(*layer(rng), rate=0.05)
    count = ours.outliers.values().numel()
    assert count > 100
    assert_close(ours.outlier_rate, count / (20 * 130))
    assert_close(ours.bits_per_weight, 3 + 16 * 3 / 130 + 32 * count / (20 * 130))


def test_outlier_whose_stored_value_is_zero_still_counts(rng) -> None:
    weight, hessian = layer(rng)
    weight[3] *= 1e-9  # weights this small are rounded to 0 by float16
    ours = ssqr(weight, hessian, rate=0.2)
    in_the_row = ours.outliers.indices()[0] == 3
    assert in_the_row.any()
    assert (ours.outliers.values()[in_the_row] == 0).all()
    assert ours.outlier_rate == len(in_the_row) / weight.size
    assert ours.row_losses[3] <= ours.row_bounds[3]


def test_layer_too_small_for_float16_is_an_error(rng) -> None:
    weight, hessian = layer(rng)
    with pytest.raises(ValueError, match=r"too small for torch\.float16.*Scale the layer up"):
        ssqr(1e-9 * weight, hessian, rate=0.2)


def test_rows_of_zeros_stay_zero_and_keep_nothing_aside(rng) -> None:
    weight, hessian = layer(rng)
    weight[2] = 0
    ours = ssqr(weight, hessian, rate=0.2)
    assert ours.row_losses[2] == 0
    assert (ours.dequantize()[2] == 0).all()
    assert not (ours.outliers.indices()[0] == 2).any()
    nothing = ssqr(np.zeros((3, 7)), np.eye(7))
    assert nothing.loss == nothing.outlier_rate == 0


@pytest.mark.parametrize("damping", [0.0, 0.01])
def test_dead_inputs_cost_nothing_and_leave_the_others_alone(damping, rng) -> None:
    weight, hessian = layer(rng, 63)
    dead = np.isin(np.arange(63), [0, 40, 62])
    hessian[dead] = 0
    hessian[:, dead] = 0
    ours = ssqr(weight, hessian, rate=0.05, damping=damping)
    assert 0 < ours.outlier_rate <= 0.05
    assert (ours.row_losses <= ours.row_bounds).all()
    assert torch.isfinite(ours.dequantize()).all()
    error = np.abs(ours.dequantize().numpy() - weight)[:, dead]
    assert (error <= ours.scales.numpy()[:, dead] / 2).all()


def test_outlier_beyond_float16_is_an_error(rng) -> None:
    weight, hessian = layer(rng)
    with pytest.raises(ValueError, match=r"ends at 65,504; the largest weight .* is [0-9.]+e\+06"):
        ssqr(1e7 * weight, hessian)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"outlier_rate": 1.0}, "outlier_rate is 1.0"),
        ({"outlier_rate": -0.1}, "outlier_rate is -0.1"),
        ({"outlier_rate": float("nan")}, "outlier_rate is nan"),
        ({"method": "gptq", "outlier_rate": 0.01}, "an option of ssqr; gptq keeps no weights"),
        ({"method": "rtn", "outlier_rate": 0.0}, "an option of ssqr; rtn"),
        ({"overflow": "keep"}, "overflow='keep' has no meaning for ssqr"),
        ({"overflow": "wrap"}, "clip or keep"),
        ({"bits": 0}, "1 to 8"),
        ({"scale_rule": "best"}, "absmax or mse"),
        ({"hessian": torch.ones(3, 3), "damping": 0.0}, r"rank 1 of 3.*damping=0\.01"),
    ],
)
def test_requests_that_cannot_be_met_are_errors(arguments, message) -> None:
    good = {"weight": torch.ones(2, 3), "hessian": torch.eye(3), "method": "ssqr"}
    with pytest.raises(ValueError, match=message):
        quantize_layer(**(good | arguments))
