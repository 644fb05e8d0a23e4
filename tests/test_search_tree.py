"""Ways through the tree of nearest planes on small problems: laws L15, L16, and two oracles for exactness."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from small_problems import GRIDS, assert_close, lopsided_order, random_lattice

from lattice_core import (
    IntegerGrid,
    Lattice,
    closest_vector,
    nearest_plane,
    nearest_plane_of_many,
    random_problem,
    search_laws,
)
from lattice_core.bound_laws import drawn_targets
from lattice_core.coordinate_descent import coordinate_descent, least_change
from lattice_core.enumeration import enumerate_closest, partial_codes_within
from lattice_core.k_best import k_best, k_best_levels, k_best_of_many
from lattice_core.klein import klein, klein_of_many
from lattice_core.loss_against_work import loss_against_work
from lattice_core.search_tree import Levels, Search, nearest_integers

EVERY_GRID = pytest.mark.parametrize("grid", GRIDS, ids=str)
EVERY_SIZE = pytest.mark.parametrize("size", [1, 2, 3, 5])


def case(rng: np.random.Generator, size: int, extra: int = 1):
    lattice = random_lattice(rng, size, size + extra, condition=15)
    return lattice, 1.5 * rng.standard_normal(size + extra), lopsided_order(rng, size)


def loss(lattice: Lattice, target: np.ndarray, codes) -> float:
    return float(np.sum((lattice.point(codes) - target) ** 2))


def every_search(lattice, target, order, grid) -> dict[str, Search]:
    how = {"order": order, "grid": grid}
    return {
        "k_best": k_best(lattice, target, 3, **how),
        "klein": klein(lattice, target, 5, 0.4, 7, **how),
        "enumeration": enumerate_closest(lattice, target, **how),
        "coordinate_descent": coordinate_descent(lattice, target, **how),
    }


@EVERY_GRID
@EVERY_SIZE
def test_every_search_leaves_a_true_record(size, grid, rng) -> None:
    lattice, target, order = case(rng, size)
    babai = nearest_plane(lattice, target, order, grid)
    for name, search in every_search(lattice, target, order, grid).items():
        assert_close(search.squared_distance, loss(lattice, target, search.codes))
        assert [node.codes[-1] for node in search.babai] == [step.code for step in babai.steps]
        assert_close([node.center for node in search.babai], babai.centers)
        seen = {()}
        for step in search.steps:
            for node in step.looked_at:
                assert node.codes[:-1] in seen  # a child of what was looked at before
                seen.add(node.codes)
                codes = np.array(node.codes)
                if node.level == size:
                    whole = np.empty(size, dtype=int)
                    whole[order] = codes
                    assert_close(node.loss + search.outside, loss(lattice, target, whole))
                if grid is not None:
                    assert grid.low <= codes.min()
                    assert codes.max() <= grid.high
            assert set(step.kept) <= seen
        if name != "klein":
            assert search.squared_distance <= babai.squared_distance * (1 + 1e-12)


@EVERY_GRID
@EVERY_SIZE
def test_enumeration_is_exact(size, grid, rng) -> None:
    better = 0
    for _ in range(6):
        lattice, target, order = case(rng, size)
        search = enumerate_closest(lattice, target, order, grid)
        assert not search.stopped
        assert_close(
            search.squared_distance, loss(lattice, target, closest_vector(lattice, target, grid))
        )
        better += search.squared_distance < search.babai[-1].loss + search.outside - 1e-9
    assert size < 3 or better > 0


def test_enumeration_agrees_with_fpylll(rng) -> None:
    fpylll = pytest.importorskip("fpylll")
    scale = 10**6
    for _ in range(5):
        rows = np.rint(scale * random_lattice(rng, 7, condition=8).basis.T).astype(int)
        target = rng.standard_normal(7)
        matrix = fpylll.IntegerMatrix.from_matrix(rows.tolist())
        gso = fpylll.GSO.Mat(matrix, update=True)
        start = gso.from_canonical((scale * target).tolist())
        (found,) = fpylll.Enumeration(gso).enumerate(0, 7, 4.0 * scale**2, 0, target=start)
        ours = enumerate_closest(Lattice(rows.T / scale), target)
        assert ours.codes.tolist() == [round(code) for code in found[1]]
        assert_close(ours.squared_distance, found[0] / scale**2)


def test_enumeration_stops_where_it_is_told_and_says_so(rng) -> None:
    lattice, target = random_lattice(rng, 7, condition=1e4), 5 * rng.standard_normal(7)
    search = enumerate_closest(lattice, target, most=30)
    assert search.stopped
    assert len(search.steps) == 30
    assert search.squared_distance <= nearest_plane(lattice, target).squared_distance * (1 + 1e-12)
    with pytest.raises(ValueError, match="most is 6; at least c = 7"):
        enumerate_closest(lattice, target, most=6)


@EVERY_GRID
@EVERY_SIZE
def test_law_15_never_worse_babai_at_one_and_exact_at_the_count(size, grid, rng) -> None:
    for _ in range(6):
        lattice, target, order = case(rng, size)
        babai = nearest_plane(lattice, target, order, grid)
        assert k_best(lattice, target, 1, order, grid).codes.tolist() == babai.codes.tolist()
        for k in (2, 3):
            found = k_best(lattice, target, k, order, grid)
            assert found.squared_distance <= babai.squared_distance * (1 + 1e-12)
        counts = partial_codes_within(lattice, target, babai.squared_distance, order, grid)
        if counts.max() > 600:
            continue
        exact = k_best(lattice, target, int(counts.max()), order, grid)
        assert_close(
            exact.squared_distance, loss(lattice, target, closest_vector(lattice, target, grid))
        )


@pytest.mark.parametrize("bits", [None, 3])
def test_no_search_law_fails_or_is_void_with_the_target_on_a_lattice_point(bits, rng) -> None:
    for seed in range(20):
        scales = 0.1 * rng.integers(1, 8, 3)  # a tenth is no binary fraction: losses of 1e-32
        weights = scales * rng.integers(-3, 4, 3)
        drawn = random_problem(3, seed)
        problem = replace(drawn, weights=tuple(weights), scales=tuple(scales), bits=bits)
        closest = closest_vector(problem.lattice, problem.target, problem.grid)
        checks = [
            search_laws.k_best_is_never_worse(problem, 2),
            search_laws.one_beam_is_babai(problem),
            search_laws.k_best_becomes_exact(problem, closest),
            search_laws.descent_is_never_worse(problem),
            search_laws.no_single_move_improves(problem),
        ]
        assert [(c.title, c.void) for c in checks if not c.holds or c.void] == []
        other = search_laws.k_best_becomes_exact(problem, closest + np.eye(3, dtype=int)[0])
        assert not other.holds


def test_law_15_a_beam_alone_may_be_worse_so_babai_has_an_extra_slot(rng) -> None:
    lattice, _, _ = case(rng, 6, 0)
    targets = rng.standard_normal((2000, 6))
    *_, beam = k_best_levels(Levels.of(lattice, targets), 2)
    babai = nearest_plane_of_many(lattice, targets).squared_distances
    worse = np.flatnonzero(beam.losses[:, 0] > babai * (1 + 1e-9))
    assert worse.size
    for place in worse:
        found = k_best(lattice, targets[place], 2)
        assert_close(found.squared_distance, babai[place])


def test_counts_within_a_radius_are_those_of_all_codes(rng) -> None:
    lattice, target, order = case(rng, 2)
    radius = nearest_plane(lattice, target, order).squared_distance + 1.0
    counts = partial_codes_within(lattice, target, radius, order)
    middle = np.rint(lattice.coordinates(target))
    codes = middle + np.array(np.meshgrid(*[np.arange(-60, 61)] * 2)).reshape(2, -1).T
    within = [z for z in codes if loss(lattice, target, z) <= radius]
    assert counts[1] == len(within)
    with pytest.raises(ValueError, match="at most 3 are counted"):
        partial_codes_within(lattice, target, 100 * radius, order, most=3)


def test_many_targets_get_what_each_gets_alone(rng) -> None:
    lattice, _, order = case(rng, 4, 0)
    targets = 2 * rng.standard_normal((20, 4))
    for grid in (None, IntegerGrid(2)):
        codes, work = k_best_of_many(lattice, targets, 3, order, grid)
        alone = [k_best(lattice, target, 3, order, grid) for target in targets]
        assert codes.tolist() == [search.codes.tolist() for search in alone]
        assert {search.work for search in alone} == {work}


@pytest.mark.parametrize("grid", [None, IntegerGrid(2)], ids=str)
def test_small_versions_agree_with_those_of_whole_layers(grid, rng) -> None:
    torch = pytest.importorskip("torch")
    from lattice_core.layers.coordinate_descent import descend
    from lattice_core.layers.k_best import k_best_rounding
    from lattice_core.layers.solver import factorize, round_columns

    problem = random_problem(6, 4)
    hessian, scales = torch.tensor(problem.damped_hessian), torch.tensor(problem.scales)
    order = lopsided_order(rng, 6)
    factor = factorize(hessian, order)
    rows = torch.tensor(rng.standard_normal((12, 6)))
    spread = scales.expand(12, 6)
    targets = (rows / scales).numpy() @ problem.lattice.basis.T
    babai = round_columns(rows, factor, spread, grid).codes
    moved = descend(rows, hessian, spread, babai, grid)
    for target, codes in zip(targets, moved.numpy(), strict=True):
        found = coordinate_descent(problem.lattice, target, order, grid)
        assert found.codes.tolist() == codes.tolist()
    if grid is None:  # near the grid's ends the layers' version offers fewer integers
        for k, children in ((2, 2), (4, 2), (4, 4)):
            whole = k_best_rounding(rows, factor, spread, grid, k=k, children=children).codes
            ours, _ = k_best_of_many(problem.lattice, targets, k, order, children=children)
            assert ours.tolist() == whole.tolist()


@EVERY_GRID
@EVERY_SIZE
def test_law_16_every_move_lowers_the_loss_and_none_is_left(size, grid, rng) -> None:
    moves = 0
    for _ in range(8):
        lattice, target, order = case(rng, size)
        search = coordinate_descent(lattice, target, order, grid)
        losses = [step.looked_at[-1].loss for step in search.steps]
        assert all(after < before for before, after in pairwise(losses))
        for before, after in pairwise(search.steps):
            changed = np.array(before.best.codes) != np.array(after.best.codes)
            assert changed.sum() == 1
        assert least_change(lattice, target, search.codes, grid) >= -1e-9
        moves += len(search.steps) - 1
    assert size < 3 or moves > 0


def test_least_change_is_that_of_the_best_neighbour(rng) -> None:
    lattice, target, _ = case(rng, 3)
    codes, grid = np.array([1, -2, 0]), IntegerGrid(2)
    changes = [
        loss(lattice, target, codes + t * step) - loss(lattice, target, codes)
        for step in np.eye(3, dtype=int)
        for t in (-1, 1)
        if (codes + t * step >= -2).all() and (codes + t * step <= 1).all()
    ]
    assert len(changes) == 4
    assert_close(least_change(lattice, target, codes, grid), min(changes))


def test_cold_dice_are_nearest_plane_and_their_chances_are_kleins(rng) -> None:
    lattice, target, order = case(rng, 4, 0)
    babai = nearest_plane(lattice, target, order)
    cold = klein(lattice, target, 3, 0.0, 1, order)
    assert cold.codes.tolist() == babai.codes.tolist()
    # One weight: the chances are those of the discrete Gaussian itself.
    codes, _ = klein_of_many(Lattice([[2.0]]), [[0.7]], 40_000, 0.8, rng)
    integers = np.arange(-4, 6)
    chances = np.exp(-((2 * integers - 0.7) ** 2) / (2 * (0.8 * 2) ** 2))
    chances /= chances.sum()
    shares = np.array([(codes == z).mean() for z in integers])
    np.testing.assert_allclose(shares, chances, atol=4 * 0.5 / np.sqrt(40_000))
    again = [klein(lattice, target, 4, 0.5, seed, order).steps[-1].kept for seed in (3, 3, 4)]
    assert again[0] == again[1] != again[2]


def test_nearest_integers_come_in_order_and_stay_in_the_grid() -> None:
    assert nearest_integers(np.array(0.4), 4, None).tolist() == [0, 1, -1, 2]
    assert nearest_integers(np.array(2.5), 1, None).tolist() == [2]  # ties as in nearest_codes
    assert nearest_integers(np.array(3.5), 2, None).tolist() == [4, 3]
    assert nearest_integers(np.array(9.0), 3, IntegerGrid(2)).tolist() == [1, 0, -1]
    assert nearest_integers(np.array(-0.2), 9, IntegerGrid(2)).tolist() == [0, -1, 1, -2]


@pytest.mark.parametrize("bits", [None, 2])
def test_loss_falls_with_the_work_put_in(bits) -> None:
    problem = replace(random_problem(4, 1), bits=bits)
    points = loss_against_work(problem, 60, 0, 0.3)
    ratios = {(point.search, point.setting): point.ratio for point in points}
    assert ratios["enumeration", 1] == 1
    assert min(ratios.values()) >= 1 - 1e-9
    beams = [ratios["k_best", k] for k in (1, 4, 16)]
    assert beams[0] >= beams[1] >= beams[2]
    assert beams[0] > 1
    assert ratios["klein", 64] <= ratios["klein", 4] <= ratios["klein", 1]
    assert ratios["coordinate_descent", 1] <= beams[0]
    moves = [
        coordinate_descent(problem.lattice, target, problem.order_indices, problem.grid).work
        for target in drawn_targets(problem, 60, 0)
    ]
    (descent,) = [point.work for point in points if point.search == "coordinate_descent"]
    assert descent == pytest.approx(np.mean(moves))
    works = [point.work for point in points if point.search == "k_best"]
    assert works[0] == 4
    assert works == sorted(works)


def test_what_would_take_too_long_is_refused(rng, monkeypatch) -> None:
    lattice, target, _ = case(rng, 3, 0)
    with pytest.raises(ValueError, match="k is 0"):
        k_best(lattice, target, 0)
    with pytest.raises(ValueError, match=r"at most 4,000,000 are\. Keep fewer"):
        k_best(lattice, target, 3000)
    with pytest.raises(ValueError, match="at least one run"):
        klein(lattice, target, 0, 0.3, 0)
    with pytest.raises(ValueError, match="Take fewer runs"):
        klein(lattice, target, 10**6, 0.3, 0)
    monkeypatch.setattr("lattice_core.loss_against_work.MOST_NODES", 50)
    with pytest.raises(ValueError, match="more than 50 nodes"):
        loss_against_work(random_problem(4, 1), 60, 0, 0.3)
