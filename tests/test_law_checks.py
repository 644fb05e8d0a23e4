"""The live checks of the pages: they hold wherever the law does, and fail in a wrong world."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from small_problems import random_hessian, random_row

import lattice_core.laws
import lattice_core.problem
from lattice_core import (
    ORDERS,
    PRESETS,
    Problem,
    RoundingStep,
    RoundingTrace,
    absolute_bound,
    nearest_plane,
    random_problem,
)
from lattice_core.closest_vector_laws import turning_changes_nothing
from lattice_core.laws import (
    determinant_is_order_free,
    equal_answers,
    factor_does_not_matter,
    gptq_is_babai,
    loss_is_bounded,
    no_order_beats_the_floor,
    nothing_to_gain_by_composing,
    obq_takes_the_nearest_plane,
    propagation_is_projection,
    squares_add_up,
)
from lattice_core.placement import Placement

CHECKS = {
    "factor_does_not_matter": factor_does_not_matter,
    "gptq_is_babai": gptq_is_babai,
    "loss_is_bounded": loss_is_bounded,
    "squares_add_up": squares_add_up,
    "determinant_is_order_free": determinant_is_order_free,
    "no_order_beats_the_floor": no_order_beats_the_floor,
}
CHECKS_OF_A_STEP = {
    "propagation_is_projection": propagation_is_projection,
    "obq_takes_the_nearest_plane": obq_takes_the_nearest_plane,
    "nothing_to_gain_by_composing": nothing_to_gain_by_composing,
}


def every_check(problem: Problem):
    for check in CHECKS.values():
        yield check(problem)
    for check in CHECKS_OF_A_STEP.values():
        for step in range(problem.size + 1):
            yield check(problem, step)


def problems(rng: np.random.Generator):
    shown = [preset.problem for preset in PRESETS.values()]
    drawn = [random_problem(size, seed) for size in range(2, 7) for seed in range(2)]
    for problem in [*shown, *drawn]:
        for order in ORDERS:
            for bits in (None, 2):
                yield replace(problem, order=order, bits=bits)
    for condition in (1e3, 1e6):
        weights, scales = random_row(rng, 5)
        yield Problem(random_hessian(rng, 5, condition), weights, scales, "min_pivot")


def test_every_law_holds_on_presets_and_random_problems(rng) -> None:
    voided = 0
    for problem in problems(rng):
        for law in every_check(problem):
            assert law.holds or law.void, (law.number, law.title, problem)
            voided += bool(law.void)
    assert voided > 0


def test_no_unit_hides_a_wrong_code_or_a_wrong_loss() -> None:
    assert equal_answers([1, 2, 1e9], [1, 2, 1e9 + 1], size=1e9)
    assert not equal_answers([1, 2, 1e9], [1, 3, 1e9], size=1e9)
    assert not equal_answers([1, 2, 1e-8], [1, 2, 2e-8], size=1e-8)


def test_a_tie_voids_what_it_explains_and_nothing_else(monkeypatch) -> None:
    voided = set()
    for name in ("skewed", "order_matters", "nearly_orthogonal"):
        preset = PRESETS[name].problem
        for codes in np.ndindex(5, 5):  # in half spacings
            problem = replace(preset, weights=tuple(np.multiply(codes, preset.scales) / 2))
            checks = [*every_check(problem), turning_changes_nothing(problem, Placement(30))]
            assert [check.title for check in checks if not check.holds and not check.void] == []
            voided |= {check.number for check in checks if check.void}
    assert {"L1"} <= voided <= {"L1", "L4"}
    monkeypatch.setattr(lattice_core.problem, "gptq", partial(one_code_off, lattice_core.gptq))
    first_is_tied = replace(PRESETS["skewed"].problem, weights=(0.3, 0.25))
    assert first_is_tied.babai.centers[0] == pytest.approx(0.5)
    wrong = gptq_is_babai(first_is_tied)
    assert not wrong.holds
    assert not wrong.void


def test_check_names_its_law_and_shows_both_sides() -> None:
    numbers = [law.number for law in every_check(replace(random_problem(3, 0), bits=2))]
    assert set(numbers) == {"L1", "L2", "L3", "L4", "L5", "L6", "L10"}
    for law in every_check(random_problem(3, 0)):
        assert law.relation in "=≤"
        for text in (law.title, law.statement, law.source, law.left_name, law.right_name):
            assert text
        assert law.statement.count("$") % 2 == 0
        left, right = np.atleast_1d(law.left), np.atleast_1d(law.right)
        assert law.relation == "≤" or len(right) in (1, len(left))


def test_clipped_bound_is_void_and_says_how_many_are_clipped() -> None:
    problem = PRESETS["clipping_bites"].problem
    assert loss_is_bounded(problem).void == "1 of 2 codes are clipped (law L9)."
    assert loss_is_bounded(replace(problem, bits=None)).void == ""


def test_bound_is_that_of_the_damped_hessian() -> None:
    problem = Problem([[1.0, 0.999], [0.999, 1.0]], (0.0, 0.0), (1.0, 1.0), damping=0.05)
    corner = problem.lattice.nearest_plane_box(problem.order_indices)[0] * (1 - 1e-9)
    law = loss_is_bounded(problem.with_target(corner))
    assert law.holds
    assert law.left == pytest.approx(law.right)
    assert law.left > absolute_bound(problem.hessian, 1.0)


# The wrong worlds. Each takes a problem on which the true world's check holds.


def coordinates_rounded_alone(damped_hessian, weights, scales, order=None, grid=None):
    """GPTQ that propagates nothing, with the legs it believes it made."""
    moved = np.divide(weights, scales)
    start, steps = moved.copy(), []
    for j in order:
        center, moved = moved[j], moved.copy()
        moved[j] = np.rint(center)
        leg = float(abs(center - moved[j]) * scales[j] * np.sqrt(damped_hessian[j, j]))
        steps.append(RoundingStep(int(j), center, int(moved[j]), leg, moved))
    return RoundingTrace.drain(start, steps)


def one_code_off(algorithm, *arguments):
    """The algorithm, but its last code is the second nearest."""
    trace = algorithm(*arguments)
    last = trace.steps[-1]
    code = last.code + (2 if last.center > last.code else -2)
    far = last.plane_distance * abs(last.center - code) / abs(last.center - last.code)
    coordinates = last.coordinates.copy()
    coordinates[last.index] = code
    wrong = replace(last, code=code, plane_distance=far, coordinates=coordinates)
    return replace(trace, steps=(*trace.steps[:-1], wrong))


def rounded_in_space(lattice, target, order=None, grid=None):
    """Rounds the target's entries instead of its coordinates: depends on the factor."""
    return nearest_plane(lattice, np.rint(target), order, grid)


def costs_of_the_whole_inverse(damped_hessian, weights, scales, remaining, grid=None):
    """OBQ that forgets to shrink the inverse to the weights that remain."""
    inverse = np.linalg.inv(damped_hessian)
    miss = scales * np.rint(weights / scales) - weights
    return (miss**2 / np.diag(inverse))[remaining]


@pytest.fixture
def problem() -> Problem:
    problem = random_problem(4, seed=3)
    assert all(law.holds for law in every_check(problem))
    return problem


WRONG_WORLDS = [
    ("factor_does_not_matter", "laws.nearest_plane", rounded_in_space),
    ("gptq_is_babai", "problem.gptq", coordinates_rounded_alone),
    ("gptq_is_babai", "problem.gptq", partial(one_code_off, lattice_core.gptq)),
    ("gptq_is_babai", "problem.nearest_plane", rounded_in_space),
    ("loss_is_bounded", "laws.absolute_bound", lambda *of: 0.1 * absolute_bound(*of)),
    ("squares_add_up", "problem.nearest_plane", rounded_in_space),
    ("determinant_is_order_free", "laws.pivots", lambda hessian, order: np.diag(hessian)),
    ("no_order_beats_the_floor", "laws.absolute_bound", lambda *of: 0.1 * absolute_bound(*of)),
    ("propagation_is_projection", "problem.gptq", coordinates_rounded_alone),
    ("obq_takes_the_nearest_plane", "laws.obq_costs", costs_of_the_whole_inverse),
    ("nothing_to_gain_by_composing", "problem.gptq", coordinates_rounded_alone),
    ("nothing_to_gain_by_composing", "laws.nearest_plane", rounded_in_space),
]


@pytest.mark.parametrize(
    ("check", "place", "wrong"), WRONG_WORLDS, ids=[f"{c}-{p}" for c, p, _ in WRONG_WORLDS]
)
def test_check_fails_in_a_wrong_world(check, place, wrong, problem, monkeypatch) -> None:
    module, name = place.split(".")
    monkeypatch.setattr(getattr(lattice_core, module), name, wrong)
    fresh = replace(problem)  # without the traces that the true world has left in it
    if check in CHECKS:
        assert not CHECKS[check](fresh).holds
    else:
        assert not CHECKS_OF_A_STEP[check](fresh, 2).holds


def test_bound_fails_for_codes_that_are_not_the_nearest(problem, monkeypatch) -> None:
    wrong = partial(one_code_off, lattice_core.gptq)
    monkeypatch.setattr(lattice_core.problem, "gptq", wrong)
    corner = problem.lattice.nearest_plane_box(problem.order_indices)[0] * 0.999
    law = loss_is_bounded(problem.with_target(corner))
    assert not law.holds
    assert not law.void or "clipped" in law.void
