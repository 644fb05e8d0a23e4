"""Where roundings disagree: exact polygons against targets drawn and rounded one by one."""

from dataclasses import replace

import numpy as np
import pytest

from lattice_core import PRESETS, Lattice, convex_polygon, random_problem
from lattice_core.course_numbers import NUMBERS, recorded_number
from lattice_core.disagreement import (
    ROUNDINGS,
    disagreement_regions,
    disagreement_share,
    rounding_cell,
    with_disagreement,
)
from lattice_core.many_targets import closest_codes_of_many, nearest_plane_of_many
from lattice_core.rounding_answers import rounding_answers

PROBLEMS = {
    "skewed": PRESETS["skewed"].problem,
    "other order": replace(PRESETS["order_matters"].problem, order="front_to_back"),
    "long and short": PRESETS["far_from_best"].problem,
    "obtuse": random_problem(2, 5),
}
PAIRS = [("round_off", "closest"), ("nearest_plane", "closest"), ("round_off", "nearest_plane")]
SQUARE = np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]])


def codes_of_many(problem, rounding: str, targets: np.ndarray) -> np.ndarray:
    """The oracle: every target rounded."""
    lattice, order = problem.lattice, problem.order_indices
    if rounding == "round_off":
        return np.rint(np.linalg.solve(lattice.basis, targets.T).T).astype(int)
    if rounding == "nearest_plane":
        return nearest_plane_of_many(lattice, targets, order).codes
    return closest_codes_of_many(lattice, targets, order)


def test_polygons_meet_as_drawn_on_squared_paper() -> None:
    lozenge = np.array([[1.0, -0.5], [2.5, 1.0], [1.0, 2.5], [-0.5, 1.0]])
    both = convex_polygon.intersection(SQUARE, lozenge)
    assert convex_polygon.area(both) == pytest.approx(4 - 4 * 0.5**2 / 2)
    np.testing.assert_allclose(convex_polygon.centroid(both), [1, 1])
    far = convex_polygon.intersection(SQUARE, lozenge + 9)
    assert far.shape == (0, 2)
    assert convex_polygon.area(far) == 0
    third = convex_polygon.centroid(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]]))
    np.testing.assert_allclose(third, [1, 1])


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_a_cell_holds_the_targets_of_its_point_and_no_others(name, rounding, rng) -> None:
    problem = PROBLEMS[name]
    cell = rounding_cell(problem.lattice, rounding, problem.order_indices)
    assert convex_polygon.area(cell) == pytest.approx(problem.lattice.determinant)
    for shrink, inside in ((0.999, True), (1.001, False)):
        on_edges = (
            cell + rng.uniform(0.1, 0.9, (len(cell), 1)) * (np.roll(cell, -1, 0) - cell)
        ) * shrink
        sent_here = (codes_of_many(problem, rounding, on_edges) == 0).all(axis=1)
        assert (sent_here == inside).all()


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("rounding", "other"), PAIRS)
def test_regions_and_shares_are_those_of_targets_drawn(name, rounding, other, rng) -> None:
    problem = PROBLEMS[name]
    lattice, order = problem.lattice, problem.order_indices
    targets = rng.uniform(-0.5, 0.5, (20_000, 2)) @ lattice.basis.T
    apart = codes_of_many(problem, other, targets) - codes_of_many(problem, rounding, targets)
    share = disagreement_share(lattice, rounding, other, order)
    error = 4 * np.sqrt(share * (1 - share) / len(targets))
    assert apart.any(axis=1).mean() == pytest.approx(share, abs=error)
    regions = disagreement_regions(lattice, rounding, other, order)
    assert sum(region.area for region in regions) / lattice.determinant == pytest.approx(share)
    drawn = {tuple(step) for step in apart.tolist()} - {(0, 0)}
    assert drawn <= {tuple(region.codes.tolist()) for region in regions}
    assert [r.area for r in regions] == pytest.approx(
        sorted((r.area for r in regions), reverse=True)
    )
    for region in regions:
        around = region.middle + 0.99 * (region.polygon - region.middle)
        assert (codes_of_many(problem, rounding, around) == 0).all()
        assert (codes_of_many(problem, other, around) == region.codes).all()


def test_an_orthogonal_basis_leaves_nothing_to_disagree_about() -> None:
    lattice = Lattice([[0.0, -2.0], [0.7, 0.0]])
    for rounding, other in PAIRS:
        assert disagreement_share(lattice, rounding, other) == 0
        assert disagreement_regions(lattice, rounding, other) == ()
    upright = PRESETS["skewed"].problem.with_basis([[1.0, 0.0], [0.0, 2.0]], [0.2, 0.3])
    assert with_disagreement(upright, "nearest_plane", "closest") is None


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize(("rounding", "other"), PAIRS)
def test_the_target_found_is_one_where_they_disagree(name, rounding, other) -> None:
    problem = PROBLEMS[name]
    regions = disagreement_regions(problem.lattice, rounding, other, problem.order_indices)
    found = [with_disagreement(problem, rounding, other, turn) for turn in range(len(regions) + 1)]
    assert found[0] == found[-1] != found[1]
    for target in found:
        answers = rounding_answers(target)
        assert (answers[rounding].codes != answers[other].codes).any()


@pytest.mark.parametrize(("rounding", "other"), PAIRS)
@pytest.mark.parametrize("bits", [1, 2])
def test_on_a_grid_both_answers_are_in_it(rounding, other, bits) -> None:
    problem = replace(PRESETS["clipping_bites"].problem, bits=bits)
    for turn in range(4):
        found = with_disagreement(problem, rounding, other, turn)
        answers, free = rounding_answers(found), rounding_answers(replace(found, bits=None))
        assert (answers[rounding].codes != answers[other].codes).any()
        for name in (rounding, other):
            assert (answers[name].codes == free[name].codes).all()


def test_refusals_say_what_was_wanted() -> None:
    with pytest.raises(ValueError, match="in the plane"):
        rounding_cell(PRESETS["three_inputs"].problem.lattice, "closest")
    with pytest.raises(ValueError, match="one of round_off"):
        rounding_cell(PRESETS["skewed"].problem.lattice, "nearest")


def test_the_lessons_number_is_recorded_as_it_is_computed() -> None:
    assert recorded_number("closest_vector").value == pytest.approx(NUMBERS["closest_vector"]())
