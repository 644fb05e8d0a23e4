"""The laws on an audited layer: both sides against plain loops."""

from dataclasses import replace

import numpy as np
import pytest
from small_problems import assert_close, random_hessian

from lattice_core import ORDERS, damped, resolve_order

torch = pytest.importorskip("torch")

from lattice_core.layers import quantize_layer  # noqa: E402
from lattice_core.layers.audit import audit_layer  # noqa: E402
from lattice_core.layers.audit_laws import (  # noqa: E402
    audit_laws,
    audited_rows,
    kept_codes_are_bounded,
    nearest_rows_are_bounded,
    squares_add_up,
)


def audited(rng, columns=63, rows=40, dtype=torch.float64, **settings):
    """A layer, its audit and the audit's rows."""
    weight = torch.tensor(rng.standard_normal((rows, columns)))
    hessian = torch.tensor(random_hessian(rng, columns, 1e3))
    quantized = quantize_layer(weight, hessian, **settings).dequantize().to(dtype)
    audit = audit_layer(weight, quantized, hessian)
    return weight, hessian, quantized, audit, audited_rows(weight, quantized, hessian, audit)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("columns", [7, 63, 130])
def test_steps_bounds_and_clipped_codes_are_those_of_a_plain_loop(order, columns, rng) -> None:
    settings = {"bits": 3, "order": order, "scale_rule": "absmax" if columns != 63 else "mse"}
    weight, hessian, quantized, audit, rows = audited(rng, columns, **settings)
    matrix = damped(hessian.numpy(), 0.01)
    places = resolve_order(order, matrix)[::-1]
    upper = np.linalg.cholesky(matrix[np.ix_(places, places)]).T
    squares, bounds = np.zeros((2, len(weight)))
    kept_squares, kept_bounds = np.zeros((2, len(weight)))
    clipped = np.zeros(len(weight), dtype=int)
    for row, error in enumerate((weight - quantized).numpy()):
        for j, column in enumerate(places):
            step = upper[j] @ error[places]  # √D_j (U e)_j
            edge = audit.grid.scales[row, column].item() * upper[j, j]
            squares[row] += step**2
            bounds[row] += edge**2 / 4
            if abs(step) > edge / 2 * (1 + 1e-6):
                clipped[row] += 1
            else:
                kept_squares[row] += step**2
                kept_bounds[row] += edge**2 / 4
    assert_close(rows.squares, squares)
    assert_close(rows.losses, squares)
    assert_close(rows.bounds, bounds)
    assert_close(rows.kept_squares, kept_squares)
    assert_close(rows.kept_bounds, kept_bounds)
    np.testing.assert_array_equal(rows.clipped, clipped)
    assert_close(rows.losses.sum(), audit.loss)
    assert_close(rows.bounds.sum(), audit.bound)
    assert_close(rows.clipped.sum() / weight.numel(), audit.clipped_fraction)
    assert rows.over_bound == (squares > bounds).sum()
    assert_close(rows.clipped_share_of_loss, 1 - kept_squares.sum() / squares.sum())


def test_laws_hold_and_the_bound_is_void_where_codes_are_clipped(rng) -> None:
    *_, rows = audited(rng, bits=3)
    added, bounded, void = audit_laws(rows)
    assert [check.number for check in (added, bounded, void)] == ["L2", "L6", "L9"]
    assert added.holds
    assert bounded.holds
    assert not bounded.void
    assert bounded.left < bounded.right < void.right
    assert f"all but the {int(rows.clipped.sum()):,} that are further" in bounded.statement
    count = int((rows.clipped > 0).sum())
    assert void.void.startswith(f"{count} of 40 rows have a code")
    assert f"{100 * rows.clipped_share_of_loss:.2g} % of the loss" in void.void


def test_law_6_without_clipping_is_the_layers(rng) -> None:
    *_, audit, rows = audited(rng, bits=3, overflow="keep")
    added, bounded, void = audit_laws(rows)
    assert not void.void
    assert void.holds
    assert (bounded.left, bounded.right) == pytest.approx((audit.loss, audit.bound))
    assert added.right == pytest.approx(audit.loss)
    assert rows.clipped_share_of_loss == pytest.approx(0, abs=1e-12)


def test_a_law_that_is_broken_is_said_to_fail(rng) -> None:
    *_, rows = audited(rng, bits=3, overflow="keep")
    twice = replace(rows, squares=2 * rows.squares, kept_squares=9 * rows.squares)
    assert not squares_add_up(twice).holds
    assert not kept_codes_are_bounded(twice).holds
    assert not audit_laws(replace(rows, losses=9 * rows.losses))[2].holds


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_rounding_of_q_is_allowed_for_and_told(dtype, rng) -> None:
    *_, rows = audited(rng, 128, dtype=dtype, bits=3, order="front_to_back", overflow="keep")
    check = kept_codes_are_bounded(rows)
    assert check.holds
    assert ("was rounded when it was stored" in check.statement) == (rows.rounding > 1.001)
    assert squares_add_up(rows).holds


def test_rounding_to_nearest_has_a_bound_by_rows_and_no_steps(rng) -> None:
    weight, hessian, quantized, audit, rows = audited(rng, method="rtn", bits=4)
    check, void = audit_laws(rows)
    unclipped = (rows.clipped == 0).numpy()
    assert 0 < unclipped.sum() < 40
    matrix, scales = damped(hessian.numpy(), 0.01), audit.grid.scales.numpy()
    errors = (weight - quantized).numpy()
    shares = [
        error @ matrix @ error / (scale @ np.abs(matrix) @ scale / 4)
        for error, scale in zip(errors, scales, strict=True)
    ]
    assert check.left == pytest.approx(np.array(shares)[unclipped].max())
    assert check.holds
    assert void.void
    assert_close(rows.bounds.sum(), audit.bound)
    assert rows.clipped_share_of_loss is None
    for needs_steps in (squares_add_up, kept_codes_are_bounded):
        with pytest.raises(ValueError, match="without an order"):
            needs_steps(rows)
    everywhere = replace(rows, clipped=torch.ones(40, dtype=torch.int64))
    assert nearest_rows_are_bounded(everywhere).void == "every row has a clipped code (law L9)."


def test_audit_kept_without_its_grid_is_refused(rng) -> None:
    weight, hessian, quantized, audit, _ = audited(rng)
    with pytest.raises(ValueError, match="the audit has no grid"):
        audited_rows(weight, quantized, hessian, replace(audit, grid=None))
