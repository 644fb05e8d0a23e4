"""Damping: the appended block and its limit (L14), its bounds (L6), overfitting, the record."""

from dataclasses import replace
from math import inf

import numpy as np
import pytest

from lattice_core import ORDERS, PRESETS, Problem, damping_laws, random_problem
from lattice_core.bounds import absolute_bound
from lattice_core.closest_vector import closest_vector
from lattice_core.damping_path import (
    CURVE,
    DAMPINGS,
    DampedRounding,
    appended,
    appended_lattice,
    becomes_nearest,
    damping_curve,
    damping_path,
    hessian_factor,
    nearest_loss,
    rounded_to_nearest,
)
from lattice_core.nearest_plane import nearest_plane, round_off
from lattice_core.overfitting import DAMPINGS as TRIED
from lattice_core.overfitting import overfitting
from lattice_core.recorded_damping_study import recorded_damping_study


def untied(size: int, seed: int) -> Problem:
    """A random problem; absmax puts the largest weight of a drawn one half way between two codes."""
    drawn = random_problem(size, seed)
    return replace(drawn, weights=tuple(0.97 * weight for weight in drawn.weights), name="custom")


PROBLEMS = {
    **{name: preset.problem for name, preset in PRESETS.items()},
    **{f"random {size}.{seed}": untied(size, seed) for size in (2, 4, 6) for seed in range(3)},
}
# Coordinates of a row that leaves round-to-nearest with a little damping, and comes back with more.
REAL = PRESETS["real_three_inputs"].problem
THERE_AND_BACK = REAL.with_target(REAL.lattice.point([-0.41, 0.27, 0.44]))
FINITE = [damping for damping in DAMPINGS if 0 < damping < inf]
SINGULAR = Problem(((1.0, 1.0), (1.0, 1.0)), (0.21, 0.33), (0.5, 0.5), damping=0.01)


@pytest.mark.parametrize("damping", FINITE)
@pytest.mark.parametrize("order", ORDERS)
def test_l14_gptq_with_damping_is_nearest_plane_on_the_appended_inputs(order, damping) -> None:
    for problem in PROBLEMS.values():
        damped = replace(problem, order=order, damping=damping)
        lattice, target = appended_lattice(damped, damping)
        below = nearest_plane(lattice, target, damped.order_indices, damped.grid)
        np.testing.assert_array_equal(below.codes, damped.gptq.codes)
        error = damped.gptq.codes * np.array(damped.scales) - np.array(damped.weights)
        np.testing.assert_allclose(
            below.squared_distance, error @ damped.damped_hessian @ error, rtol=1e-9, atol=1e-12
        )
        step = DampedRounding(damped, damping)
        np.testing.assert_array_equal(step.codes, below.codes)
        np.testing.assert_allclose(step.damped_loss, below.squared_distance, rtol=1e-9, atol=1e-12)


def test_l14_the_gram_matrix_of_the_appended_inputs_is_the_damped_hessian() -> None:
    for problem in (*PROBLEMS.values(), SINGULAR):
        inputs, outputs = appended(problem, 0.3)
        assert inputs.shape == (2 * problem.size, problem.size)
        np.testing.assert_allclose(inputs.T @ inputs, replace(problem, damping=0.3).damped_hessian)
        np.testing.assert_allclose(outputs, inputs @ np.array(problem.weights))


@pytest.mark.parametrize("name", PROBLEMS)
def test_l14_without_end_damping_rounds_to_nearest(name) -> None:
    problem = PROBLEMS[name]
    nearest = rounded_to_nearest(problem)
    np.testing.assert_array_equal(nearest, round_off(problem.lattice, problem.target, problem.grid))
    last = DampedRounding(problem, inf)
    np.testing.assert_array_equal(last.codes, nearest)
    np.testing.assert_array_equal(replace(problem, damping=1e8).gptq.codes, nearest)
    # Another oracle: at right angles the closest vector is no other.
    averaged = last.averaged
    np.testing.assert_array_equal(
        closest_vector(averaged.lattice, averaged.target, averaged.grid), nearest
    )
    assert last.undamped_loss == pytest.approx(nearest_loss(problem))
    # The box has become the cell of round-off.
    np.testing.assert_allclose(
        averaged.lattice.nearest_plane_box(averaged.order_indices).max(axis=0),
        averaged.lattice.round_off_parallelepiped().max(axis=0),
    )


@pytest.mark.parametrize("name", PROBLEMS)
def test_l6_undamped_damped_bound_stand_in_this_order(name) -> None:
    for step in damping_path(PROBLEMS[name]):
        assert step.undamped_loss <= step.damped_loss * (1 + 1e-9) + 1e-15
        assert step.undamped_bound <= step.bound * (1 + 1e-9)
        if not step.clipped:
            assert step.damped_loss <= step.bound * (1 + 1e-9)
        if 0 < step.damping < inf:
            damped = replace(PROBLEMS[name], damping=step.damping)
            bound = absolute_bound(damped.damped_hessian, damped.scales, damped.order_indices)
            assert step.bound == pytest.approx(bound)


def test_l6_fails_with_the_pivots_of_the_undamped_hessian() -> None:
    """Even the loss on the data is above that number, on two inputs of a real layer."""
    step = DampedRounding(PRESETS["real_two_inputs"].problem, 1.0)
    assert step.exceeds == ("undamped", "damped")
    assert step.undamped_bound < step.undamped_loss < step.damped_loss < step.bound
    assert DampedRounding(PRESETS["real_two_inputs"].problem, 0.0).exceeds == ()


def test_path_of_a_singular_hessian_begins_with_damping() -> None:
    path = damping_path(SINGULAR)
    assert [step.damping for step in path] == list(DAMPINGS[1:])
    assert path[0].undamped_bound == pytest.approx(1 * 0.5**2 / 4)  # the second pivot is 0
    factor = hessian_factor(SINGULAR.hessian)
    np.testing.assert_allclose(factor.T @ factor, np.array(SINGULAR.hessian), atol=1e-12)
    np.testing.assert_array_equal(np.tril(factor, -1), 0)


def test_a_hessian_of_no_inputs_is_refused() -> None:
    problem = Problem(((1.0, 2.0), (2.0, 1.0)), (0.2, 0.3), (0.5, 0.5), damping=3.0)
    with pytest.raises(ValueError, match="eigenvalue -1; XᵀX of real inputs has none below 0"):
        damping_path(problem)


def test_where_the_codes_become_those_of_rounding() -> None:
    skewed = PRESETS["skewed"].problem
    path = damping_path(skewed)
    assert becomes_nearest(skewed, path) == 100
    assert becomes_nearest(skewed, path[:-2]) == inf
    # Codes need not settle monotonically: here they leave rounding for one λ and come back.
    path = damping_path(THERE_AND_BACK)
    nearest = rounded_to_nearest(THERE_AND_BACK)
    assert [np.array_equal(step.codes, nearest) for step in path] == [
        True,
        *[False] * 3,
        *[True] * 5,
    ]
    assert path[1].undamped_loss < path[0].undamped_loss / 2
    assert becomes_nearest(THERE_AND_BACK, path) == 1


def test_curve_goes_through_the_steps() -> None:
    problem = PRESETS["three_inputs"].problem
    curve = damping_curve(problem, (0.1, 1.0))
    assert len(damping_curve(problem).dampings) == len(CURVE)
    for k, damping in enumerate((0.1, 1.0)):
        step = DampedRounding(problem, damping)
        assert curve.undamped_losses[k] == step.undamped_loss
        assert curve.damped_losses[k] == step.damped_loss
        assert curve.bounds[k] == step.bound
        assert curve.undamped_bounds[k] == step.undamped_bound


@pytest.mark.parametrize("name", PROBLEMS)
def test_laws_of_damping_hold(name) -> None:
    problem = PROBLEMS[name]
    assert damping_laws.much_damping_rounds_to_nearest(problem).holds
    for step in damping_path(problem)[::3]:
        assert damping_laws.damping_appends_inputs(problem, min(step.damping, 100.0)).holds
        bounded = damping_laws.losses_stand_in_line(step)
        assert bounded.holds or bounded.void
        assert damping_laws.undamped_pivots_bound_less(step).holds


def test_a_tie_voids_the_laws_about_codes() -> None:
    tied = replace(PRESETS["skewed"].problem, weights=(0.1, 0.25))  # 0.2 and ½ grid spacings
    assert "half way" in damping_laws.much_damping_rounds_to_nearest(tied).void
    assert "half way" in damping_laws.damping_appends_inputs(tied, 0.1).void


def test_few_inputs_want_more_damping_and_overfit_without() -> None:
    for seed in range(3):
        few, many = overfitting(32, seed=seed), overfitting(512, seed=seed)
        for found in (few, many):
            assert found.held_out[0] > found.calibration[0]
            # Without end, both end at round-to-nearest.
            assert overfitting(32, seed=seed, dampings=(1e9,)).held_out == pytest.approx(
                found.nearest
            )
        assert few.held_out[0] / few.calibration[0] > 3
        assert many.held_out[0] / many.calibration[0] < 1.2
        assert few.held_out[0] > 1.5 * few.held_out[few.best]
        assert many.held_out[0] < 1.05 * many.held_out[many.best]
        assert TRIED[few.best] > 10 * TRIED[0]
        # What is seen is lost least with little damping, whatever is best for the rest.
        assert few.calibration[0] < few.calibration[few.best]


def test_overfitting_needs_an_input() -> None:
    with pytest.raises(ValueError, match="samples is 0"):
        overfitting(0)


def test_record_is_complete_and_says_what_the_lesson_says() -> None:
    study = recorded_damping_study()
    assert study.command == "python -m lattice_core.language_model.damping_study"
    assert "SmolLM2" in study.model
    assert "evaluation" in study.held_out_text
    assert "calibration" in study.text
    assert 0.01 in study.dampings
    assert len(study.layers) == 9
    shape = (len(study.tokens), len(study.dampings))
    for layer in study.layers:
        assert layer.own.shape == layer.held_out.shape == shape
        assert layer.informed.shape == shape[1:]
        assert 0 < layer.own.min() < layer.held_out.max() < 1
        # Seen text is lost less than text not seen, and more tokens help.
        assert layer.own[0, 0] < layer.held_out[0, 0]
        assert layer.held_out[-1].min() <= layer.held_out[0].min()
        assert (
            study.losses(layer, study.tokens[0])[0.01]
            == layer.held_out[0][study.dampings.index(0.01)]
        )


def test_the_number_to_remember_is_the_records() -> None:
    """The usual damping is far from the best for few tokens, and as good as any for many."""
    study = recorded_damping_study()
    for tokens, (low, high) in zip(study.tokens, ((1.3, 1.8), (1, 1.5), (1, 1.05)), strict=True):
        row, usual = study.tokens.index(tokens), study.dampings.index(0.01)
        factors = [x.held_out[row, usual] / x.held_out[row].min() for x in study.layers]
        assert study.middle_of_usual_over_best(tokens) == pytest.approx(np.median(factors))
        assert low < study.middle_of_usual_over_best(tokens) < high
    # On one of them it is even worse than rounding to nearest.
    last = study.layers[-1]
    assert study.losses(last, study.tokens[0])[0.01] > last.nearest > last.held_out[0].min()


def test_an_entry_of_the_record_is_computed_as_it_says() -> None:
    torch = pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from lattice_core.language_model.damping_study import HOW, study_layer
    from lattice_core.layers import quantize_layer

    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(5, 70, generator=generator, dtype=torch.float64)
    inputs = torch.randn(300, 70, generator=generator, dtype=torch.float64)
    seen, held_out = inputs[:80].T @ inputs[:80], inputs[80:].T @ inputs[80:]
    entry = study_layer("a.layer", weight, {80: seen}, held_out, dampings=(0.01, 1.0))
    assert (entry["layer"], entry["rows"], entry["columns"]) == ("a.layer", 5, 70)
    for method, damping, hessian, found in (
        ("gptq", 1.0, seen, entry["held_out"][0][1]),
        ("gptq", 0.01, held_out, entry["informed"][0]),
        ("rtn", 0.01, held_out, entry["nearest"]),
    ):
        how = HOW if method == "gptq" else {k: v for k, v in HOW.items() if k != "order"}
        error = (
            quantize_layer(weight, hessian, method, damping=damping, **how).dequantize() - weight
        )
        loss = torch.trace(error @ held_out @ error.T) / torch.trace(weight @ held_out @ weight.T)
        assert found == pytest.approx(loss.item(), rel=1e-4)
