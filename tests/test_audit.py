"""The audit of a layer: what was planted is found, from W, Q and H alone."""

import json
from dataclasses import replace

import numpy as np
import pytest
from small_problems import assert_close, loss, random_hessian

from lattice_core import ORDERS, IntegerGrid, damped, pivots, resolve_order

torch = pytest.importorskip("torch")

from lattice_core.layers import nearest_plane_codes, quantize_layer  # noqa: E402
from lattice_core.layers.audit import audit_layer  # noqa: E402
from lattice_core.layers.audit_alternatives import column_entropy  # noqa: E402
from lattice_core.layers.audit_results import ROUND_TO_NEAREST  # noqa: E402


def layer(rng: np.random.Generator, columns: int = 63, rows: int = 40, condition: float = 1e3):
    """Weights and a raw Hessian."""
    weight = torch.tensor(rng.standard_normal((rows, columns)))
    return weight, torch.tensor(random_hessian(rng, columns, condition))


def correlated_layer(rng: np.random.Generator, columns: int = 96, rows: int = 40):
    """One whose pivots differ widely, so that orders and spacing matter."""
    mixing = rng.standard_normal((columns, columns)) * np.geomspace(1, 0.01, columns)
    inputs = rng.standard_normal((400, columns)) @ mixing
    return torch.tensor(rng.standard_normal((rows, columns))), torch.tensor(inputs.T @ inputs)


@pytest.mark.parametrize("order", [*ORDERS, ROUND_TO_NEAREST])
@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize(("columns", "group_size"), [(63, None), (128, 64), (200, 128)])
def test_planted_method_order_and_numbers_are_found(order, bits, columns, group_size, rng) -> None:
    weight, hessian = layer(rng, columns)
    method, name = ("rtn", "act_order") if order == ROUND_TO_NEAREST else ("gptq", order)
    ours = quantize_layer(weight, hessian, method, bits, group_size, name)
    audit = audit_layer(weight, ours.dequantize(), hessian)
    torch.testing.assert_close(audit.grid.codes, ours.codes)
    torch.testing.assert_close(audit.grid.scales, ours.scales)
    assert (audit.bits, audit.group_size) == (bits, group_size)
    assert audit.order == order
    assert audit.best.step_share == 1
    assert audit.best.share == 1
    assert audit.explanations[1].step_share < 0.99
    assert audit.damping == 0.01
    assert_close(audit.loss, ours.loss)
    assert_close(audit.undamped_loss, ours.undamped_loss)
    assert_close(audit.relative_loss, ours.relative_loss)
    assert_close(audit.bound, ours.bound)
    assert_close(audit.clipped_fraction, ours.clipped_fraction)
    assert audit.bound_holds == (ours.clipped_fraction == 0)
    assert_close(audit.bits_per_weight, ours.bits_per_weight)


@pytest.mark.parametrize("columns", [7, 130])
@pytest.mark.parametrize("order", ORDERS)
def test_awkward_sizes(columns, order, rng) -> None:
    # absmax: the scale is the same share of the largest weight in the last group of 2 too.
    weight, hessian = layer(rng, columns)
    ours = quantize_layer(weight, hessian, order=order, scale_rule="absmax")
    audit = audit_layer(weight, ours.dequantize(), hessian)
    torch.testing.assert_close(audit.grid.codes, ours.codes)
    assert (audit.order, audit.best.step_share) == (order, 1)
    assert_close(audit.bound, ours.bound)


def test_one_column_needs_its_scales(rng) -> None:
    weight, hessian = layer(rng, 1)
    ours = quantize_layer(weight, hessian, scale_rule="absmax")
    with pytest.raises(ValueError, match="too few numbers for a scale, pass its scales="):
        audit_layer(weight, ours.dequantize(), hessian)
    audit = audit_layer(weight, ours.dequantize(), hessian, scales=ours.scales)
    torch.testing.assert_close(audit.grid.codes, ours.codes)
    assert all(each.share == 1 for each in audit.explanations)
    assert_close(audit.loss, ours.loss)
    assert_close(audit.bound, ours.bound)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_rounding_of_the_dequantized_weight_hides_nothing(order, dtype, rng) -> None:
    weight, hessian = layer(rng, 192, rows=60)
    ours = quantize_layer(weight, hessian, bits=4, order=order)
    audit = audit_layer(weight, ours.dequantize().to(dtype), hessian)
    torch.testing.assert_close(audit.grid.codes, ours.codes)
    assert audit.order == order
    assert audit.best.step_share > 0.999
    assert audit.explanations[1].step_share < 0.95
    np.testing.assert_allclose(audit.loss, ours.loss, rtol=1e-3)
    np.testing.assert_allclose(audit.bound, ours.bound, rtol=1e-3)
    np.testing.assert_allclose(audit.clipped_fraction, ours.clipped_fraction, atol=1e-3)


def test_asymmetric_grid_is_run_with_its_own_ends(rng) -> None:
    weight, hessian = layer(rng, 128, rows=30)
    weight += 0.7 * weight.abs()
    groups = weight.reshape(30, 2, 64)
    least, most = groups.amin(dim=2).clamp(max=0), groups.amax(dim=2).clamp(min=0)
    scales = 0.8 * (most - least) / 15  # shrunk, so that codes are clipped
    zeros = (-0.8 * least / scales).round()
    full_scales, full_zeros = (part.repeat_interleave(64, dim=1) for part in (scales, zeros))
    order = resolve_order("act_order", damped(hessian.numpy(), 0.01))
    # An oracle without the shift of the target: column by column with its own clamp.
    codes = clamped_nearest_plane(weight, hessian, full_scales, full_zeros, order)
    audit = audit_layer(weight, full_scales * codes, hessian)
    torch.testing.assert_close(audit.grid.codes, codes.long())
    assert audit.bits == 4
    assert not audit.grid.is_symmetric
    assert (audit.grid.low == -full_zeros).double().mean() > 0.95
    assert audit.order == "act_order"
    assert audit.best.step_share > 0.99
    assert audit.best.share > 0.9
    assert audit.clipped_fraction > 0
    stored = audit_layer(
        weight, full_scales * codes, hessian, scales=scales, codes=codes + full_zeros
    )
    torch.testing.assert_close(stored.grid.low, -full_zeros.long())
    assert stored.best.step_share == stored.best.share == 1
    assert_close(stored.best.loss, stored.loss)


def test_grid_with_an_offset_is_run_on_a_shifted_target(rng) -> None:
    weight, hessian = layer(rng, 128, rows=30)
    groups = weight.reshape(30, 4, 32)
    least, most = groups.amin(dim=2), groups.amax(dim=2)
    scales = (0.9 * (most - least) / 15).repeat_interleave(32, dim=1)
    offsets = (0.9 * least).repeat_interleave(32, dim=1)  # no multiple of the scale, as in Q4_1
    order = resolve_order("min_pivot", damped(hessian.numpy(), 0.01))
    codes = clamped_nearest_plane(weight - offsets, hessian, scales, torch.zeros(30, 128), order)
    audit = audit_layer(weight, scales * codes + offsets, hessian)
    torch.testing.assert_close(audit.grid.codes, codes.long())
    assert audit.grid.has_offsets
    assert (audit.order, audit.best.step_share, audit.best.share) == ("min_pivot", 1, 1)
    assert_close(audit.best.loss, audit.loss)
    kept = audit.alternative("keep_outliers")
    assert kept.bits > kept.audited_bits
    assert kept.ratio < 1


def clamped_nearest_plane(weight, hessian, scales, zeros, order):
    """GPTQ as a plain loop, on grids that begin at −zero."""
    matrix = damped(hessian.numpy(), 0.01)
    targets, codes, left = weight.numpy().copy(), np.zeros(weight.shape), list(order)
    while left:
        j = left[0]
        inverse = np.linalg.inv(matrix[np.ix_(left, left)])
        center = targets[:, j] / scales[:, j].numpy()
        low = -zeros[:, j].numpy()
        codes[:, j] = np.clip(np.rint(center), low, low + 15)
        error = codes[:, j] * scales[:, j].numpy() - targets[:, j]
        targets[:, left] += np.outer(error, inverse[0] / inverse[0, 0])
        left = left[1:]
    return torch.tensor(codes)


@pytest.mark.parametrize("damping", [0.0, 0.05, 0.1])
def test_another_damping_that_explains_better_is_taken(damping, rng) -> None:
    weight, hessian = layer(rng, 96)
    ours = quantize_layer(weight, hessian, bits=4, order="act_order", damping=damping)
    audit = audit_layer(weight, ours.dequantize(), hessian, damping=0.01)
    assert (audit.damping, audit.order, audit.best.share) == (damping, "act_order", 1)
    assert_close(audit.loss, ours.loss)
    assert_close(audit.bound, ours.bound)


def test_damping_asked_for_is_kept_where_none_explains_better(rng) -> None:
    weight, hessian = layer(rng)
    scales = 0.2
    noise = torch.tensor(rng.integers(-8, 8, weight.shape)).double()
    audit = audit_layer(weight, scales * noise, hessian, damping=0.02)
    assert audit.damping == 0.02
    assert audit.best.step_share < 0.5
    assert not audit.bound_holds


def test_law_9_one_code_beyond_half_a_step_crosses_out_the_bound(rng) -> None:
    weight, hessian = layer(rng)
    ours = quantize_layer(weight, hessian, overflow="keep")
    audit = audit_layer(weight, ours.dequantize(), hessian)
    assert audit.bound_holds
    assert audit.clipped_fraction == 0
    assert audit.loss <= audit.bound
    moved = ours.codes.clone()
    moved[3, 5] += 1
    worse = audit_layer(weight, ours.scales * moved, hessian)
    assert not worse.bound_holds
    assert worse.order == audit.order  # one code that differs costs few
    assert worse.best.step_share > 0.97


@pytest.mark.parametrize("order", ORDERS)
def test_orders_are_those_of_quantize_layer_on_the_same_scales(order, rng) -> None:
    weight, hessian = layer(rng)
    ours = quantize_layer(weight, hessian, bits=3, order="front_to_back")
    audit = audit_layer(weight, ours.dequantize(), hessian)
    other = quantize_layer(weight, hessian, bits=3, order=order)
    (found,) = [each for each in audit.explanations if each.order == order]
    assert_close(found.loss, other.loss)
    assert_close(found.share, (other.codes == ours.codes).double().mean())
    assert_close(found.bound, other.bound)
    # What is said of the audited codes is their offset from this order's centres.
    factor = damped(hessian.numpy(), 0.01)
    places = resolve_order(order, factor)[::-1]
    upper = np.linalg.cholesky(factor[np.ix_(places, places)]).T
    unit = upper / np.diag(upper)[:, None]
    error = (weight - ours.dequantize()).numpy()[:, places]
    offsets = error @ unit.T / ours.scales.numpy()[:, places]
    assert_close(found.clipped_fraction, (np.abs(offsets) > 0.5).mean())
    steps_loss = (error @ unit.T) ** 2 @ np.diag(upper) ** 2
    assert_close(audit.loss, steps_loss.sum())


def test_alternatives_are_what_quantize_layer_gives(rng) -> None:
    weight, hessian = correlated_layer(rng)
    ours = quantize_layer(weight, hessian, "gptq", 3, 32, "front_to_back")
    audit = audit_layer(weight, ours.dequantize(), hessian)
    assert [each.name for each in audit.alternatives] == [
        "min_pivot",
        "act_order",
        "keep_outliers",
        "ssqr",
        "spacing",
    ]
    wanted = {
        "min_pivot": quantize_layer(weight, hessian, "gptq", 3, 32, "min_pivot"),
        "act_order": quantize_layer(weight, hessian, "gptq", 3, 32, "act_order"),
        "keep_outliers": quantize_layer(
            weight, hessian, "gptq", 3, 32, "front_to_back", overflow="keep"
        ),
        "ssqr": quantize_layer(weight, hessian, "ssqr", 3, 32, "front_to_back"),
    }
    for name, other in wanted.items():
        found = audit.alternative(name)
        assert_close(found.loss, other.loss)
        assert_close(found.ratio, other.loss / ours.loss)
        assert_close(found.bits, other.bits_per_weight)
        assert_close(found.audited_bits, ours.bits_per_weight)
        assert found.bits_counted == "stored"
    assert audit.alternative("keep_outliers").order == "front_to_back"
    assert audit.alternative("nothing") is None


def test_law_20_spacing_at_the_audited_entropy(rng) -> None:
    weight, hessian = correlated_layer(rng, rows=300)
    ours = quantize_layer(weight, hessian, "gptq", 4, 32, "act_order", scale_rule="absmax")
    audit = audit_layer(weight, ours.dequantize(), hessian)
    spacing = audit.alternative("spacing")
    assert spacing.bits_counted == "entropy"
    assert_close(spacing.audited_bits, column_entropy(ours.codes))
    assert_close(audit.entropy, column_entropy(ours.codes))
    assert abs(spacing.bits - spacing.audited_bits) < 0.005
    assert spacing.ratio < 0.9
    # With every D_j s_j² the same, the scale follows from the loss: about c s²/12 a row (law L7).
    matrix = damped(hessian.numpy(), 0.01)
    order = resolve_order("act_order", matrix)
    lengths = np.sqrt(pivots(matrix, order))
    size = np.sqrt(12 * spacing.loss / (300 * 96))
    codes = nearest_plane_codes(weight, torch.tensor(matrix), torch.tensor(size / lengths), order)
    assert abs(column_entropy(codes) - spacing.bits) < 0.02


def test_column_entropy_is_shannons(rng) -> None:
    codes = torch.tensor(rng.integers(-3, 3, (50, 7)))
    wanted = []
    for column in codes.T.numpy():
        shares = np.unique(column, return_counts=True)[1] / 50
        wanted.append(-(shares * np.log2(shares)).sum())
    assert_close(column_entropy(codes), np.mean(wanted))
    assert column_entropy(torch.full((5, 3), 4)) == 0
    # Codes far apart need no table of all that lie between.
    assert column_entropy(torch.tensor([[0], [10**12]])) == 1


def test_records_are_flat_alike_and_json(rng) -> None:
    weight, hessian = layer(rng)
    ours = quantize_layer(weight, hessian, bits=2)
    audit = audit_layer(weight, ours.dequantize(), hessian)
    records = audit.as_records()
    assert [record["part"] for record in records] == (
        ["audited"] + ["order"] * 5 + ["alternative"] * 5
    )
    assert len({tuple(record) for record in records}) == 1
    json.dumps(records, allow_nan=False)
    assert records[0]["loss"] == audit.loss
    assert records[0]["bound_holds"] is False
    assert records[1]["order"] == audit.order
    assert replace(audit, grid=None).as_records() == records


def test_dead_inputs_do_no_harm(rng) -> None:
    weight, hessian = layer(rng, 128)
    dead = [0, 64, 127]
    hessian[dead] = hessian[:, dead] = 0
    for damping in (0.0, 0.01):
        ours = quantize_layer(weight, hessian, order="min_pivot", damping=damping)
        audit = audit_layer(weight, ours.dequantize(), hessian, damping=damping)
        assert (audit.order, audit.best.share) == ("min_pivot", 1)
        assert_close(audit.loss, ours.loss)
        json.dumps(audit.as_records(), allow_nan=False)


def test_unit_of_the_hessian_plays_no_part_but_in_the_losses(rng) -> None:
    weight, hessian = layer(rng)
    quantized = quantize_layer(weight, hessian).dequantize()
    ours, theirs = (audit_layer(weight, quantized, unit * hessian) for unit in (1, 2e-4))
    assert_close(theirs.relative_loss, ours.relative_loss)
    assert_close(theirs.relative_bound, ours.relative_bound)
    assert_close(theirs.loss, 2e-4 * ours.loss)
    assert theirs.explanations[0].order == ours.explanations[0].order


def test_hessian_summed_in_float32_is_welcome(rng) -> None:
    inputs = torch.tensor(rng.standard_normal((300, 63))).float()
    hessian = inputs.T @ inputs
    hessian[0, 1] *= 1 + 1e-6
    weight = torch.tensor(rng.standard_normal((40, 63)))
    ours = quantize_layer(weight, (hessian + hessian.T) / 2)
    audit = audit_layer(weight, ours.dequantize(), hessian)
    assert audit.best.share == 1


def test_scales_of_ssqr_and_codes_of_another_layer(rng) -> None:
    weight, hessian = layer(rng)
    ours = quantize_layer(weight, hessian)
    with pytest.raises(ValueError, match="do not belong together"):
        audit_layer(
            weight, ours.dequantize(), hessian, scales=ours.scales, codes=ours.codes.flip(1)
        )
    with pytest.raises(ValueError, match="codes came without scales"):
        audit_layer(weight, ours.dequantize(), hessian, codes=ours.codes)


def test_nothing_that_came_is_changed(rng) -> None:
    weight, hessian = layer(rng)
    quantized = quantize_layer(weight, hessian).dequantize()
    before = [tensor.clone() for tensor in (weight, quantized, hessian)]
    audit_layer(weight, quantized, hessian)
    for tensor, copy in zip((weight, quantized, hessian), before, strict=True):
        torch.testing.assert_close(tensor, copy, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": torch.ones(63)}, r"\(63,\)"),
        ({"quantized": torch.ones(63, 40)}, r"\(63, 40\).*Is it transposed\?"),
        ({"quantized": torch.ones(3, 3)}, r"shape \(3, 3\) and weight \(40, 63\)"),
        ({"quantized": torch.full((40, 63), torch.nan)}, r"nan at \(0, 0\)"),
        ({"quantized": "same"}, "Q and W are the same numbers"),
        ({"quantized": torch.zeros(40, 63)}, "every number of the quantized weight is 0"),
        ({"weight": torch.full((40, 63), torch.inf)}, r"inf at \(0, 0\)"),
        ({"hessian": torch.eye(3)}, r"\(63, 63\), was wanted"),
        ({"hessian": torch.full((63, 63), torch.nan)}, "must be finite"),
        ({"hessian": torch.ones(63, 63).triu()}, "not symmetric"),
        ({"hessian": torch.zeros(63, 63)}, "diagonal holds 0"),
        ({"hessian": -torch.eye(63)}, "diagonal holds -1"),
        ({"hessian": 2 * torch.ones(63, 63) - torch.eye(63)}, "eigenvalue of -1"),
        ({"hessian": torch.ones(63, 63), "damping": 0.0}, "rank 1 of 63"),
        ({"damping": -0.1}, "damping is -0.1"),
        ({"damping": float("nan")}, "damping is nan"),
        ({"scales": torch.ones(5, 5)}, "broadcasts"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message, rng) -> None:
    weight, hessian = layer(rng)
    good = {
        "weight": weight,
        "quantized": quantize_layer(weight, hessian).dequantize(),
        "hessian": hessian,
    }
    if isinstance(change.get("quantized"), str):
        change = {"quantized": weight}
    with pytest.raises(ValueError, match=message):
        audit_layer(**(good | change))


def test_layer_loss_is_the_quadratic_form(rng) -> None:
    weight, hessian = layer(rng, rows=7)
    quantized = 0.25 * (weight / 0.25).round()
    audit = audit_layer(weight, quantized, hessian)
    errors = (quantized - weight).numpy()
    assert_close(audit.loss, sum(loss(damped(hessian.numpy(), 0.01), error) for error in errors))
    assert audit.granularity == "layer"
    assert audit.order == ROUND_TO_NEAREST
    assert IntegerGrid(audit.bits).low <= audit.grid.codes.min()
