"""A lattice on the paper: turned, turned over, moved; and its basis dragged there (law L1)."""

from dataclasses import replace

import numpy as np
import pytest

from app.problem_link import from_query, to_query
from lattice_core import PRESETS, Lattice
from lattice_core.closest_vector_laws import (
    cells_have_one_area,
    loss_is_squared_distance,
    turning_changes_nothing,
)
from lattice_core.placement import Placement, can_be_drawn, with_basis_on_paper
from lattice_core.rounding_answers import rounding_answers

REAL = PRESETS["real_two_inputs"].problem  # with damping, scales of its own
PLACED = Placement(degrees=200, mirrored=True, anchor=(3, -3))


def test_points_go_to_the_paper_and_back() -> None:
    lattice = REAL.lattice
    np.testing.assert_allclose(PLACED.matrix.T @ PLACED.matrix, np.eye(2), atol=1e-12)
    np.testing.assert_allclose(PLACED.on_paper(lattice, lattice.point([3, -3])), [0, 0], atol=1e-12)
    there = PLACED.on_paper(lattice, REAL.target)
    np.testing.assert_allclose(PLACED.in_lattice(lattice, there), REAL.target)
    first, second = PLACED.basis(lattice).T
    assert np.rad2deg(np.arctan2(first[1], first[0])) % 360 == pytest.approx(200)
    assert first[0] * second[1] < first[1] * second[0]  # turned over
    tip = PLACED.on_paper(lattice, lattice.point([4, -3]))
    np.testing.assert_allclose(tip, first, atol=1e-12)


@pytest.mark.parametrize("j", [0, 1])
@pytest.mark.parametrize("tip", [(3.0, -1.0), (-2.5, 3.0), (1.0, -5.0)])
def test_a_dragged_tip_is_where_the_hand_is_and_the_target_stays(j, tip) -> None:
    basis = PLACED.basis(REAL.lattice)
    basis[:, j] = tip
    problem, placed = with_basis_on_paper(REAL, PLACED, basis)
    drawn = placed.basis(problem.lattice)
    # b₁ turns by whole degrees, the rest is rounded to a thousandth.
    half_a_degree = np.deg2rad(0.5) * np.linalg.norm(basis[:, 0])
    np.testing.assert_allclose(drawn[:, 0], basis[:, 0], atol=half_a_degree + 2e-3)
    np.testing.assert_allclose(drawn[:, 1], basis[:, 1], atol=2e-3)
    before = PLACED.on_paper(REAL.lattice, REAL.target)
    np.testing.assert_allclose(placed.on_paper(problem.lattice, problem.target), before, atol=1e-6)
    assert problem.damping == 0
    assert (problem.name, problem.seed, placed.anchor) == ("custom", None, (3, -3))
    assert (problem.scales, problem.order) == (REAL.scales, REAL.order)


def test_drags_do_not_add_up_to_a_drift() -> None:
    problem, placed = REAL, PLACED
    start = placed.on_paper(problem.lattice, problem.target)
    for angle in np.linspace(0, 20, 300):
        basis = placed.basis(problem.lattice)
        basis[:, 0] = 4 * np.cos(angle), 4 * np.sin(angle)
        if can_be_drawn(Lattice(basis)):
            problem, placed = with_basis_on_paper(problem, placed, basis)
    np.testing.assert_allclose(placed.on_paper(problem.lattice, problem.target), start, atol=1e-4)


def test_a_dragged_basis_survives_its_link() -> None:
    basis = [[1.234567, 0.3], [0.1, -0.987654]]
    problem, _ = with_basis_on_paper(replace(REAL, order="act_order", bits=3), PLACED, basis)
    query = to_query(problem, 2)
    assert len("&".join(query.values())) < 150
    assert from_query(query).problem == problem


@pytest.mark.parametrize(
    ("basis", "words"),
    [
        ([[1.0, 1.0], [0.0, 0.0]], "almost parallel, 0.0°"),
        ([[1.0, -0.9], [0.0, 0.03]], "almost parallel, 1.9°"),
        ([[0.0, 1.0], [0.0, 1.0]], "too short"),
        ([[1.0, 0.0], [0.0, 0.02]], "too short"),
    ],
)
def test_a_basis_that_becomes_dependent_is_refused_with_its_reason(basis, words) -> None:
    with pytest.raises(ValueError, match=words):
        with_basis_on_paper(REAL, PLACED, basis)


def test_the_origin_follows_a_target_far_away_and_only_then() -> None:
    near = REAL.with_target(REAL.lattice.point([2, -1.4]))
    assert Placement().near_target(near) == Placement()
    far = REAL.with_target(REAL.lattice.point([90.2, -70.4]))
    assert Placement(7).near_target(far) == Placement(7, anchor=(90, -70))


@pytest.mark.parametrize("name", [n for n, p in PRESETS.items() if p.problem.size == 2])
def test_laws_of_the_lesson_hold(name) -> None:
    problem = PRESETS[name].problem
    for check in (
        loss_is_squared_distance(problem),
        turning_changes_nothing(problem, Placement()),
        turning_changes_nothing(problem, PLACED),
        cells_have_one_area(problem),
    ):
        assert check.holds, check.title
    least = rounding_answers(problem)["closest"].loss
    assert all(least <= answer.loss + 1e-12 for answer in rounding_answers(problem).values())


def test_laws_fail_where_the_lattice_is_another(monkeypatch) -> None:
    problem = PRESETS["skewed"].problem
    stretched = np.array([[1.0, 0.4], [0.0, 1.3]])
    monkeypatch.setattr(Placement, "matrix", stretched)
    assert not turning_changes_nothing(problem, PLACED).holds
    monkeypatch.setattr(Lattice, "determinant", 0.6)
    assert not cells_have_one_area(problem).holds
    monkeypatch.setattr("lattice_core.problem.Problem.loss_of", lambda self, codes: 1.0)
    assert not loss_is_squared_distance(problem).holds
