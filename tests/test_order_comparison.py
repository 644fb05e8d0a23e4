"""The comparison of orders: the numbers are those of `quantize_layer`, and the laws hold."""

from dataclasses import replace

import numpy as np
import pytest
from small_problems import assert_close, random_hessian

from lattice_core import ORDERS, damped, pivots, resolve_order

torch = pytest.importorskip("torch")

from lattice_core.layers import order_comparison, order_laws, quantize_layer  # noqa: E402
from lattice_core.layers.order_comparison import compare_orders  # noqa: E402


def layer(rng: np.random.Generator, columns: int = 63, rows: int = 7):
    """Weights and a raw Hessian."""
    weight = torch.tensor(rng.standard_normal((rows, columns)))
    return weight, torch.tensor(random_hessian(rng, columns, condition=1e3))


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("group_size", [16, 64, None])
def test_results_are_those_of_quantize_layer(bits, group_size, rng) -> None:
    weight, hessian = layer(rng)
    setting = {"bits": bits, "group_size": group_size, "damping": 0.1, "scale_rule": "absmax"}
    compared = compare_orders(weight, hessian, **setting)
    assert [(r.overflow, r.order) for r in compared.results] == [
        (overflow, order) for overflow in ("keep", "clip") for order in ORDERS
    ]
    for result in compared.results:
        ours = quantize_layer(
            weight, hessian, order=result.order, overflow=result.overflow, **setting
        )
        assert_close(result.loss, ours.loss)
        assert_close(result.relative_loss, ours.relative_loss)
        assert_close(result.bound, ours.bound)
        assert_close(result.pivot_sum, ours.pivots.sum().item())
        assert_close(result.clipped_fraction, ours.clipped_fraction)
        assert_close(result.worst_row, (ours.row_losses / ours.row_bounds).max().item())
        assert result.seconds > 0


def test_profile_runs_from_the_first_quantized_to_the_last(rng) -> None:
    weight, hessian = layer(rng)
    damped_hessian = damped(hessian.numpy(), 0.01)
    for profile in compare_orders(weight, hessian).profiles:
        indices = resolve_order(profile.order, damped_hessian)
        np.testing.assert_array_equal(profile.columns, indices)
        assert_close(profile.lengths**2, pivots(damped_hessian, indices)[indices])
        # The last column has nobody left to make up for its error: its whole length remains.
        assert_close(profile.lengths[-1] ** 2, damped_hessian[indices[-1], indices[-1]])


def test_mean_length_and_floor_are_one_number(rng) -> None:
    weight, hessian = layer(rng)
    compared = compare_orders(weight, hessian)
    for profile in compared.profiles:
        assert_close(np.exp(np.log(profile.lengths).mean()), compared.mean_length)
    assert_close(compared.pivot_floor, 63 * compared.mean_length**2)


@pytest.mark.parametrize("bits", [2, 4])
def test_laws_hold_or_are_void_where_codes_are_clipped(bits, rng) -> None:
    compared = compare_orders(*layer(rng, rows=40), bits=bits)
    clipped = max(result.clipped_fraction for result in compared.results)
    assert clipped > 0
    for check in (
        order_laws.kept_rows_are_bounded(compared),
        order_laws.determinant_is_order_free(compared),
        order_laws.no_order_beats_the_floor(compared),
    ):
        assert check.holds
        assert not check.void
    assert f"{100 * clipped:.2g} %" in order_laws.clipping_voids_the_bound(compared).void


def test_L6_fails_where_the_solver_propagates_nothing(rng, monkeypatch) -> None:
    # Correlated inputs, and coarse grids: without propagation the errors pile up.
    inputs = rng.standard_normal((200, 1)) + 0.1 * rng.standard_normal((200, 63))
    weight, hessian = layer(rng)[0], torch.tensor(inputs.T @ inputs)
    assert order_laws.kept_rows_are_bounded(compare_orders(weight, hessian)).holds
    blind = order_comparison.round_columns

    def round_to_nearest(weight, factor, scales, grid):
        return blind(weight, replace(factor, unit_upper=torch.eye(63).double()), scales, grid)

    monkeypatch.setattr(order_comparison, "round_columns", round_to_nearest)
    assert not order_laws.kept_rows_are_bounded(compare_orders(weight, hessian)).holds


def test_law_of_the_bound_fails_on_a_loss_beyond_it(rng) -> None:
    compared = compare_orders(*layer(rng))
    wrong = replace(compared.results[0], worst_row=1.001)
    broken = replace(compared, results=(wrong, *compared.results[1:]))
    assert not order_laws.kept_rows_are_bounded(broken).holds


def test_mean_share_of_the_bound_is_a_third_for_targets_spread_evenly(rng) -> None:
    # Many rows with fine scales: the targets are spread over the box.
    weight, hessian = layer(rng, columns=20, rows=2000)
    least, most = order_laws.mean_share_of_the_bound(
        compare_orders(weight, hessian, bits=8, scale_rule="absmax")
    )
    assert 0.32 < least <= most < 0.345


def test_kept_codes_are_counted_in_bits(rng) -> None:
    compared = compare_orders(*layer(rng), bits=2)
    assert all(r.code_bits == 2 for r in compared.with_overflow("clip"))
    assert max(r.code_bits for r in compared.with_overflow("keep")) > 2


def test_dead_input_is_left_out_of_the_floor(rng) -> None:
    weight, hessian = layer(rng)
    hessian[5] = hessian[:, 5] = 0
    compared = compare_orders(weight, hessian, damping=0.0)
    live = np.delete(np.arange(63), 5)
    smaller = compare_orders(weight[:, live], hessian[live][:, live], damping=0.0)
    assert_close(compared.pivot_floor, smaller.pivot_floor)
    assert_close(compared.mean_length, smaller.mean_length)
    assert order_laws.determinant_is_order_free(compared).holds


def test_records_are_flat_and_complete(rng) -> None:
    records = compare_orders(*layer(rng), bits=2).as_records()
    assert len(records) == 8
    for record in records:
        assert record["bound_holds"] == (record["clipped_fraction"] == 0)
        assert all(isinstance(value, str | int | float) for value in record.values())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": torch.ones(63)}, r"weight has shape \(63,\); \(r, c\) was wanted"),
        ({"weight": torch.full((1, 63), torch.nan)}, r"nan at \(0, 0\)"),
        ({"hessian": torch.eye(3)}, r"\(63, 63\), was wanted"),
        ({"hessian": torch.full((63, 63), torch.nan)}, "must be finite"),
        ({"bits": 0}, "bits"),
        ({"group_size": -1}, "group_size"),
        ({"group_size": 0}, "group_size is 0"),
        ({"scale_rule": "best"}, "scale_rule is 'best'"),
        ({"damping": -1.0}, "damping is -1.0"),
        ({"orders": ["sideways"]}, "order is 'sideways'"),
    ],
)
def test_what_makes_no_sense_is_refused(change, message, rng) -> None:
    weight, hessian = layer(rng)
    with pytest.raises(ValueError, match=message):
        compare_orders(**({"weight": weight, "hessian": hessian} | change))


def test_singular_hessian_is_an_error_that_names_the_damping(rng) -> None:
    inputs = torch.tensor(rng.standard_normal((10, 63)))
    with pytest.raises(ValueError, match="Use damping="):
        compare_orders(layer(rng)[0], inputs.T @ inputs, damping=0.0)
