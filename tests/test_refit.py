"""Refitting spacings once the codes are there (law L22), against the exact solution."""

import numpy as np
import pytest
from small_problems import assert_close, random_hessian

from lattice_core import damped

torch = pytest.importorskip("torch")

from lattice_core.layers import quantize_layer  # noqa: E402
from lattice_core.layers.refit import MOST_STEPS, refit  # noqa: E402
from lattice_core.layers.scale_form import REFIT_STEPS, ScaleForm  # noqa: E402

EVERY_SIZE = pytest.mark.parametrize("size", [1, 7, 63, 130])
METHODS = ("gptq", "rtn", "hptq", "hrtn", "watersic")


def layer(rng: np.random.Generator, size: int = 130, rows: int = 20):
    """Weights and a damped Hessian."""
    weight = rng.standard_normal((rows, size))
    return weight, damped(random_hessian(rng, size, condition=1e3), 0.01)


def coarse(weight: np.ndarray, scale: float = 1.5):
    """Codes at one scale, by round-to-nearest: coarse, so that refitting has much to do."""
    form = ScaleForm(torch.full((1, 1), scale, dtype=torch.float64), None)
    return form, torch.tensor(np.rint(weight / scale).astype(np.int64))


def refitted(weight, matrix, form, codes):
    values = form.expand(*codes.shape) * codes
    return refit(torch.tensor(weight), torch.tensor(matrix), form, codes, values)


def total_loss(weight, matrix, values) -> float:
    error = np.asarray(values) - weight
    return float(np.einsum("ij,jk,ik->", error, matrix, error))


def best_factors(weight, matrix, values) -> np.ndarray:
    """a of law L22, ``(H ∘ QQᵀ) a = diag(H W Qᵀ)`` with W and Q as (c, r); 1 for columns of zeros."""
    target, found = weight.T, values.T
    live = np.flatnonzero(found.any(axis=1))
    gram = (matrix * (found @ found.T))[np.ix_(live, live)]
    factors = np.ones(len(matrix))
    factors[live] = np.linalg.lstsq(gram, np.diag(matrix @ target @ found.T)[live])[0]
    return factors


@EVERY_SIZE
def test_law_22_columns_are_between_the_exact_factors_and_none(size, rng) -> None:
    weight, matrix = layer(rng, size)
    form, codes = coarse(weight)
    values = (form.expand(*codes.shape) * codes).numpy()
    columns = refitted(weight, matrix, form, codes).column_steps.numpy() / REFIT_STEPS
    before = total_loss(weight, matrix, values)
    exact = total_loss(weight, matrix, values * best_factors(weight, matrix, values))
    after = total_loss(weight, matrix, values * (1 + columns))
    assert exact <= after * (1 + 1e-9)
    assert after <= before
    # A step is small: most of what is to be gained is gained.
    assert before - after > 0.95 * (before - exact)


def test_law_22_steps_are_better_than_the_nearest_of_the_exact_factors(rng) -> None:
    weight, matrix = layer(rng, rows=130)  # so many that no factor ends at ½ or 1½
    form, codes = coarse(weight)
    values = (form.expand(*codes.shape) * codes).numpy()
    found = 1 + refitted(weight, matrix, form, codes).column_steps.numpy() / REFIT_STEPS
    exact = best_factors(weight, matrix, values)
    assert np.abs(exact - 1).max() < 0.5
    rounded = np.rint(exact * REFIT_STEPS) / REFIT_STEPS
    losses = [total_loss(weight, matrix, values * factors) for factors in (exact, found, rounded)]
    assert losses[0] < losses[1] < losses[2]


@EVERY_SIZE
def test_law_22_rows_take_the_step_next_to_their_best_factor(size, rng) -> None:
    weight, matrix = layer(rng, size)
    form, codes = coarse(weight)
    ours = refitted(weight, matrix, form, codes)
    columns = 1 + ours.column_steps.numpy() / REFIT_STEPS
    values = codes.numpy() * 1.5 * columns
    for row, found, step in zip(weight, values, ours.row_steps.tolist(), strict=True):
        energy = found @ matrix @ found
        best = row @ matrix @ found / energy if energy > 0 else 1
        assert step == np.clip(np.rint((best - 1) * REFIT_STEPS), -MOST_STEPS, MOST_STEPS)


@EVERY_SIZE
@pytest.mark.parametrize("scale", [0.01, 0.5, 2.0, 4.0])
def test_law_22_the_loss_is_never_raised(size, scale, rng) -> None:
    for _ in range(5):
        weight, matrix = layer(rng, size)
        form, codes = coarse(weight, scale)
        before = total_loss(weight, matrix, form.expand(*codes.shape) * codes)
        after = refitted(weight, matrix, form, codes).expand(*codes.shape) * codes
        assert total_loss(weight, matrix, after) <= before * (1 + 1e-12)


def test_law_22_it_is_not_raised_where_factors_end_at_a_half_and_one_and_a_half(rng) -> None:
    weight, matrix = layer(rng, 63)
    form, _ = coarse(weight)
    codes = torch.tensor(rng.integers(-9, 10, weight.shape))  # that have nothing to do with it
    ours = refitted(weight, matrix, form, codes)
    before = total_loss(weight, matrix, form.expand(*codes.shape) * codes)
    assert total_loss(weight, matrix, ours.expand(*codes.shape) * codes) < before
    for steps in (ours.column_steps, ours.row_steps):
        assert steps is None or steps.abs().max() <= MOST_STEPS


def test_law_22_spacings_stay_where_the_nearest_plane_on_factors_would_raise_the_loss() -> None:
    # The best factors are −0.3 and 0.6 steps from 1. The nearest plane takes 0 and 1, at a loss of 0.37
    # in squares of a step; 0 and 0 are at 0.27.
    matrix, codes = np.array([[1, 0.5], [0.5, 1]]), torch.ones(1, 2, dtype=torch.int64)
    weight = 1 + np.array([[-0.3, 0.6]]) / REFIT_STEPS
    form = ScaleForm(torch.ones(1, 1, dtype=torch.float64), None)
    ours = refitted(weight, matrix, form, codes)
    assert_close(ours.expand(1, 2), 1)


def test_columns_and_rows_of_zeros_keep_their_spacings(rng) -> None:
    weight, matrix = layer(rng)
    weight[:, ::5] *= 0.01
    weight[3] *= 0.01
    form, codes = coarse(weight)
    assert (codes[:, ::5] == 0).all()
    assert (codes[3] == 0).all()
    ours = refitted(weight, matrix, form, codes)
    assert (ours.column_steps[::5] == 0).all()
    assert ours.row_steps[3] == 0
    assert (ours.column_steps != 0).any()
    nothing = refitted(weight, matrix, form, torch.zeros_like(codes))
    assert_close(nothing.expand(20, 130), form.expand(20, 130))


def test_factors_of_inputs_that_are_dead_do_no_harm(rng) -> None:
    weight, matrix = layer(rng)
    matrix[[0, 64]] = 0
    matrix[:, [0, 64]] = 0
    form, codes = coarse(weight)
    before = total_loss(weight, matrix, form.expand(*codes.shape) * codes)
    ours = refitted(weight, matrix, form, codes).expand(*codes.shape)
    assert torch.isfinite(ours).all()
    assert total_loss(weight, matrix, ours * codes) < before


def test_planted_factors_are_found(rng) -> None:
    codes = torch.tensor(rng.integers(-9, 10, (20, 63)))
    form, _ = coarse(np.ones((20, 63)))
    columns, rows = rng.integers(-20, 21, 63), 0 * np.arange(20)
    weight = codes.numpy() * 1.5 * (1 + columns / REFIT_STEPS) * (1 + rows / REFIT_STEPS)[:, None]
    ours = refitted(weight, layer(rng, 63)[1], form, codes)
    np.testing.assert_array_equal(ours.column_steps, columns)
    np.testing.assert_array_equal(ours.row_steps, rows)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bits", [2, 3])
def test_law_22_layers_are_refitted(method, bits, rng) -> None:
    weight = torch.tensor(rng.standard_normal((130, 96)))
    hessian = torch.tensor(random_hessian(rng, 96, condition=1e3))
    plain = quantize_layer(weight, hessian, method, bits)
    ours = quantize_layer(weight, hessian, method, bits, refit_scales=True)
    assert ours.scale_form.column_steps is not None
    assert ours.scale_form.row_steps is not None
    if method in ("gptq", "rtn"):  # the codes are those without refitting
        torch.testing.assert_close(ours.codes, plain.codes)
        assert ours.loss < plain.loss
        assert_close(ours.bits_per_weight, plain.bits_per_weight + 8 * (1 / 130 + 1 / 96))
    else:  # the factors take bytes, so the codes are coarser
        assert ours.bits_per_weight <= bits
        form, values = ours.scale_form, ours.codes
        unfitted = ScaleForm(form.base, form.group_size, form.exponents).expand(130, 96) * values
        matrix = damped(hessian.numpy(), 0.01)
        assert ours.loss < total_loss(weight.numpy(), matrix, unfitted)
    with pytest.raises(ValueError, match="no group shares one"):
        assert ours.group_scales
