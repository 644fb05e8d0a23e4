"""The core of the lesson Lattice reduction: stages, laws L12 and L13, the permutation, larger lattices."""

from dataclasses import replace
from itertools import pairwise, permutations, product
from math import prod

import numpy as np
import pytest
from small_problems import assert_close, random_hessian

from app import cached
from app.figures.sorting import sorting_figure
from lattice_core import (
    PRESETS,
    Lattice,
    closest_vector,
    is_lll_reduced,
    lll_reduce,
    nearest_plane,
    nearest_plane_of_many,
    order_laws,
    random_problem,
    reduction_laws,
    resolve_order,
    targets_in_box,
)
from lattice_core.recorded_reduction import recorded_reduction
from lattice_core.reduced_problem import (
    codes_from_reduced,
    on_the_grid,
    reduction_stages,
)
from lattice_core.reduction_contest import (
    TARGETS,
    contest,
    judged,
    made_up_hessian,
    min_pivot_basis,
)
from lattice_core.reduction_steps import size_reduction
from lattice_core.sorting_path import sorting_path

FILE = "lattice_reduction.py"
PROBLEMS = {name: preset.problem for name, preset in PRESETS.items()} | {
    "min-pivot": replace(random_problem(3, 1728), order="min_pivot"),
    "front to back": replace(random_problem(3, 4), order="front_to_back", bits=2),
    **{f"random {size}": random_problem(size, 1) for size in (2, 3, 4, 6)},
}
DELTAS = (0.5, 0.99, 1.0)

# Nearest plane on each basis


@pytest.mark.parametrize("delta", DELTAS)
@pytest.mark.parametrize("name", PROBLEMS)
def test_each_stage_is_a_basis_of_the_problems_lattice(name, delta) -> None:
    problem = PROBLEMS[name]
    stages = reduction_stages(problem, delta)
    unclipped = replace(problem, bits=None)
    assert stages[0].move is None
    assert stages[0].codes.tolist() == unclipped.babai.codes.tolist()
    assert_close(stages[0].loss, unclipped.babai.squared_distance)
    assert is_lll_reduced(stages[-1].lattice, delta)
    for stage in stages:
        matrix = codes_from_reduced(problem, stage)
        assert abs(reduction_laws.exact_determinant(matrix)) == 1
        assert_close(stage.lattice.basis, problem.lattice.basis @ matrix)
        error = problem.lattice.point(stage.codes) - problem.target
        assert_close(stage.loss, error @ error)
        assert stage.loss <= stage.bound * (1 + 1e-9)
        assert_close(np.prod(stage.lengths), problem.lattice.determinant)


@pytest.mark.parametrize("name", PROBLEMS)
def test_L12_only_swaps_change_lengths_and_answers(name) -> None:
    stages = reduction_stages(PROBLEMS[name])
    for before, stage in pairwise(stages):
        if stage.move.kind != "swap":
            assert_close(stage.lengths, before.lengths)
            assert stage.codes.tolist() == before.codes.tolist()


def test_L12_size_reduction_is_triangular_and_short(rng) -> None:
    for size in (1, 2, 5, 12):
        lattice = Lattice(np.triu(rng.uniform(-9, 9, (size, size)), 1) + np.eye(size))
        transform = size_reduction(lattice)
        assert np.triu(transform).tolist() == transform.tolist()
        assert np.diag(transform).tolist() == [1] * size
        triangle = Lattice(lattice.basis @ transform).gram_schmidt()[1]
        ratios = np.abs(np.triu(triangle, 1)) / np.diag(triangle)[:, None]
        assert ratios.max() <= 0.5 + 1e-9
        target = rng.standard_normal(size)
        ours = nearest_plane(Lattice(lattice.basis @ transform), target)
        assert_close(ours.squared_distance, nearest_plane(lattice, target).squared_distance)


@pytest.mark.parametrize("name", PROBLEMS)
def test_laws_hold(name) -> None:
    problem = PROBLEMS[name]
    first, *_, last = reduction_stages(problem)
    closest = closest_vector(problem.lattice, problem.target)
    for check in (
        reduction_laws.transform_is_unimodular(last),
        reduction_laws.codes_come_back(problem, last),
        reduction_laws.size_reduction_keeps_the_point(problem),
        reduction_laws.volume_stays(first, last),
        reduction_laws.reduced_loss_is_near_the_least(problem, last, closest),
        order_laws.greedy_pivots_satisfy_lovasz(problem),
    ):
        assert check.holds, check.title


def test_laws_notice_what_is_wrong() -> None:
    problem = PRESETS["skewed"].problem
    first, *_, last = reduction_stages(problem)
    doubled = replace(last, transform=2 * last.transform, codes=last.codes + 1)
    assert not reduction_laws.transform_is_unimodular(doubled).holds
    assert not reduction_laws.codes_come_back(problem, doubled).holds
    stretched = replace(last, lattice=Lattice(2 * last.lattice.basis))
    assert not reduction_laws.volume_stays(first, stretched).holds


def test_exact_determinant_is_leibnizs_sum_and_no_float_of_it(rng) -> None:
    for size in (1, 2, 3, 5):
        matrix = rng.integers(-50, 51, (size, size))
        matrix[0, 0] = 0  # the first pivot has to be looked for
        terms = (
            round(np.linalg.det(np.eye(size)[list(p)]))
            * prod(int(matrix[i, p[i]]) for i in range(size))
            for p in permutations(range(size))
        )
        assert reduction_laws.exact_determinant(matrix) == sum(terms)
    large = np.array([[2**40 + 1, 2**40], [2**40, 2**40 - 1]])  # floats would say 0
    assert reduction_laws.exact_determinant(large) == -1
    assert reduction_laws.exact_determinant(np.zeros((3, 3), dtype=int)) == 0


@pytest.mark.parametrize("size", [2, 3])
def test_L12_measured_lll_goes_on_after_min_pivot_on_small_lattices(size) -> None:
    gains = []
    for seed in range(200):
        start = min_pivot_basis(random_problem(size, seed).damped_hessian)
        before, after = (
            np.sum(np.diag(lattice.gram_schmidt()[1]) ** 2)
            for lattice in (start, lll_reduce(start, backend="steps").lattice)
        )
        gains.append(1 - after / before)
    assert max(gains) > 0.2
    assert np.mean(np.array(gains) > 1e-9) > 0.2


def test_L13_clipping_a_reduced_answer_is_worse_than_minding_the_grid() -> None:
    problem = replace(PRESETS["skewed"].problem, weights=(-0.71, -1.2), bits=2)
    codes = reduction_stages(problem)[-1].codes
    found = on_the_grid(problem, codes)
    assert not found.inside
    assert found.clipped_codes.tolist() == np.clip(codes, -2, 1).tolist()
    assert found.clipped_loss > 4 * found.kept_inside_loss
    best = min(
        float(np.sum((problem.lattice.point(z) - problem.target) ** 2))
        for z in product(range(-2, 2), repeat=2)
    )
    assert_close(found.kept_inside_loss, best)
    with pytest.raises(ValueError, match="no grid"):
        on_the_grid(PRESETS["skewed"].problem, codes)


# The permutation


@pytest.mark.parametrize("order", ["front_to_back", "back_to_front"])
def test_L12_measured_swaps_sort_a_real_slice_into_min_pivots_order(order) -> None:
    record = recorded_reduction()
    hessian = record.slices[0].damped_hessian(32, record.damping)
    path = sorting_path(hessian, order)
    first, last = path.frames[0], path.frames[-1]
    assert first.arrangement.tolist() == resolve_order(order, hessian)[::-1].tolist()
    assert last.arrangement.tolist() == path.goal.tolist()
    assert path.goal.tolist() == resolve_order("min_pivot", hessian)[::-1].tolist()
    assert (last.inversions, first.swaps) == (0, 0)
    assert first.inversions > 150
    assert_close(last.pivot_sum, path.goal_sum)
    assert len(path.frames) == 40
    assert [f.swaps for f in path.frames] == sorted({f.swaps for f in path.frames})


def test_after_min_pivot_there_is_nothing_to_sort(rng) -> None:
    path = sorting_path(np.diag([3.0, 1.0, 2.0]), "min_pivot")
    assert [frame.swaps for frame in path.frames] == [0]
    assert path.frames[0].ranks.tolist() == [0, 1, 2]
    few = sorting_path(random_hessian(rng, 12, 1e3), "front_to_back", most_frames=5)
    assert len(few.frames) == 5


def test_lengths_of_a_frame_are_those_of_its_mixed_basis(rng) -> None:
    hessian = random_hessian(rng, 8, 1e4)
    path = sorting_path(hessian, "front_to_back", most_frames=1000)
    assert is_lll_reduced(Lattice(min_pivot_basis(hessian).basis)) is False
    for frame in path.frames:
        assert_close(np.prod(frame.lengths), np.sqrt(np.linalg.det(hessian)))
    assert path.frames[-1].size_reductions > 0
    assert path.frames[-1].pivot_sum < path.goal_sum


def test_sorting_figure_shows_the_ranks_and_says_the_counts() -> None:
    path = cached.sorting_of(0, 32, "front_to_back")
    figure = sorting_figure(path)
    assert len(figure.frames) == len(path.frames)
    for frame, drawn, sentence in zip(
        path.frames, figure.frames, figure.layout.meta["sentences"], strict=True
    ):
        assert list(drawn.data[0].y) == (frame.ranks + 1).tolist()
        assert_close(drawn.data[1].y, frame.lengths)
        assert f"{frame.inversions} of 496 pairs" in sentence
    assert "has found min-pivot's order" in sentence


# Larger lattices, and the record


@pytest.mark.parametrize("kind", ["random", "decaying"])
def test_contenders_are_bases_of_one_lattice_with_a_third_of_their_bounds(kind) -> None:
    hessian = made_up_hessian(kind, 16, 0)
    contenders = contest(hessian)
    for contender in contenders:
        assert_close(np.log(contender.lengths).sum(), np.linalg.slogdet(hessian)[1] / 2)
        assert contender.mean_loss / (contender.pivot_sum / 4) == pytest.approx(1 / 3, rel=0.06)
    sums = {contender.name: contender.pivot_sum for contender in contenders}
    assert sums["LLL after min-pivot"] <= sums["min-pivot"] * (1 + 1e-9)
    if kind == "decaying":
        assert sums["LLL after min-pivot"] < 0.6 * sums["min-pivot"]


def test_every_basis_is_judged_by_the_same_targets() -> None:
    given = Lattice([[1.0, 0.4], [0.0, 0.3]])
    reduced = lll_reduce(given, backend="steps").lattice
    rng = np.random.default_rng(0)
    targets = targets_in_box(given, [0, 0], count=TARGETS, rng=rng)
    losses = nearest_plane_of_many(reduced, targets).squared_distances
    assert_close(judged("reduced", reduced, given, 0.0).mean_loss, losses.mean())


def test_record_is_whole_and_says_what_it_is_said_to() -> None:
    record = recorded_reduction()
    for layer in record.layers:
        assert layer.bkz <= layer.lll * (1 + 1e-9) <= layer.min_pivot * (1 + 2e-9)
    assert 0 < record.largest_gain < 0.01
    for real in record.slices:
        assert real.hessian.shape == (len(real.inputs),) * 2
        assert np.linalg.eigvalsh(real.damped_hessian(64, record.damping))[0] > 0
        small = real.damped_hessian(5, 0.0)
        kept = np.arange(5) * len(real.inputs) // 5
        assert_close(small, real.hessian[np.ix_(kept, kept)])
    with pytest.raises(ValueError, match="1 … 64 inputs"):
        record.slices[0].damped_hessian(65, 0.01)
