"""The lesson *Lattice reduction*: its core, its figures frame by frame, its page without a browser."""

import re
import subprocess
import sys
import time
from dataclasses import replace
from itertools import pairwise, product

import numpy as np
import pytest
from small_problems import assert_close, random_hessian
from test_pages import figure_on, open_page, texts
from test_reduction import exact_determinant as determinant_here

from app import cached
from app.background_job import Job
from app.figures.reduction import reduction_figure
from app.figures.sorting import sorting_figure
from app.lattice_reduction.bkz_job import BKZAsked, bkz_work, start_bkz
from app.lattice_reduction.numbers import stages_csv
from app.snippets_reduction import reduction_snippet
from lattice_core import (
    PRESETS,
    Lattice,
    Problem,
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
        assert abs(determinant_here(matrix)) == 1
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


def test_exact_determinant_agrees_with_another(rng) -> None:
    for size in (1, 2, 5, 9):
        matrix = rng.integers(-50, 51, (size, size))
        assert reduction_laws.exact_determinant(matrix) == determinant_here(matrix)
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


# The figure


@pytest.mark.parametrize("name", [n for n, p in PROBLEMS.items() if p.size <= 3])
def test_frames_show_the_basis_the_box_and_the_answer_of_their_stage(name) -> None:
    problem = PROBLEMS[name]
    stages = reduction_stages(problem)
    figure = reduction_figure(problem, stages, 0.99)
    assert len(figure.frames) == len(stages) + 1
    for k, frame in enumerate(figure.frames):
        stage = stages[min(k, len(stages) - 1)]
        traces = {trace.name: trace for trace in frame.data}
        answer = problem.lattice.point(stage.codes)
        assert_close([traces["answer B z"][a][0] for a in "xyz"[: problem.size]], answer)
        arrows = traces["basis now"]
        tips = np.array([arrows[a][1::3] for a in "xyz"[: problem.size]], dtype=float)
        starts = np.array([arrows[a][0::3] for a in "xyz"[: problem.size]], dtype=float)
        assert_close(tips - starts, stage.lattice.basis)
        assert_close(traces["length now"].y, stage.lengths)
        ghost = traces["basis before"].x
        assert (ghost[0] is None) == (k == 0)
        assert (traces["box before"].x[0] is not None) == (k == len(stages))


def test_sentences_tell_the_moves_with_their_numbers() -> None:
    problem = PRESETS["skewed"].problem
    stages = reduction_stages(problem)
    start, first, second, third, fourth, end = reduction_figure(problem, stages, 0.99).layout.meta[
        "sentences"
    ]
    assert "edges of the box" in start
    assert "b₂ reaches 0.78 of its length" in first
    assert "b₁ is subtracted from b₂" in first
    assert "0.99 times the squared length of b₁ is 0.99, that of b₂ is 0.3188" in second
    assert "exchanged" in second
    assert "size reduction" in third
    assert "both stay" in fourth
    assert "from 0.3176 to 0.2917" in end
    worse = PRESETS["three_inputs"].problem
    last = reduction_figure(worse, reduction_stages(worse), 0.99).layout.meta["sentences"][-1]
    assert "Worse for this target, though the bound is smaller" in last


def test_moves_can_be_taken_away() -> None:
    problem = PROBLEMS["min-pivot"]
    lines = stages_csv(problem, 0.99).splitlines()
    stages = reduction_stages(problem)
    assert len(lines) == 1 + len(stages)
    assert lines[0].startswith("move,kind,vector,partner,multiple")
    assert len({line.count(",") for line in lines}) == 1
    assert float(lines[-1].split(",")[-1]) == pytest.approx(stages[-1].loss)


@pytest.mark.parametrize("name", ["skewed", "min-pivot"])
def test_snippet_prints_the_moves_and_the_codes(name) -> None:
    problem = PROBLEMS[name]
    run = subprocess.run(
        [sys.executable, "-c", reduction_snippet(problem, 0.99)],
        capture_output=True,
        text=True,
        check=True,
    )
    stages = reduction_stages(problem)
    told = [line.split() for line in run.stdout.splitlines()]
    for line, stage in zip(told, stages[1:], strict=False):
        move = stage.move
        assert line == [move.kind, *map(str, (move.index, move.partner, move.multiple))]
    answer = told[len(stages) - 1]
    assert [float(x) for x in answer[:2]] == pytest.approx([stages[0].loss, stages[-1].loss])
    assert str(stages[-1].codes) in run.stdout


# The page


@pytest.mark.parametrize(
    ("hessian", "size"),
    [("1,0.99999999999,1", 2), ("1e-6,0,1e6", 2), ("1,0.999,0.99,1,0.998,1", 3)],
)
def test_extreme_links_open(hessian, size) -> None:
    scales, weights = ",".join(["1"] * size), ",".join(["3.3"] * size)
    app = open_page(FILE, problem="custom", hessian=hessian, scales=scales, weights=weights)
    assert ":material/close:" not in texts(app)


@pytest.mark.parametrize("name", ["skewed", "far_from_best", "clipping_bites", "real_three_inputs"])
def test_page_shows_presets_with_their_laws(name) -> None:
    problem = PRESETS[name].problem
    stages = reduction_stages(problem)
    app = open_page(FILE, problem, len(stages))
    data = figure_on(app)
    assert data["step"] == len(stages)
    assert len(data["figure"]["frames"]) == len(stages) + 1
    shown = texts(app)
    verdicts = re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", shown)
    assert {law for law, _ in verdicts} == {"L8", "L10", "L12", "L13"}
    assert {icon for _, icon in verdicts} == {"check"}
    assert rf"\det T = {determinant_here(stages[-1].transform)}" in str(app.latex[0].value)


def test_step_beyond_the_usual_survives_link_and_page() -> None:
    problem = PRESETS["three_orders"].problem
    app = open_page(FILE, problem, 8)
    assert figure_on(app)["step"] == 8
    assert app.query_params["step"] == "8"
    app.switch_page("../pages/nearest_plane.py").run()
    assert figure_on(app)["step"] == 4
    assert figure_on(open_page(FILE, problem, 60))["step"] == 10


def test_delta_and_ideas_set_the_figure() -> None:
    app = open_page(FILE, PROBLEMS["random 2"], delta="0.5")
    assert "0.5" in app.query_params["delta"]
    labels = [b.label for b in app.button if b.key and b.key.startswith("try_")]
    assert len(labels) >= 4
    for label in labels:
        app.button(key=f"try_{label}").click().run()
        assert not app.exception
        problem: Problem = app.session_state.problem
        delta = float(app.session_state.chosen_delta)
        frames = figure_on(app)["figure"]["frames"]
        assert len(frames) == len(reduction_stages(problem, delta)) + 1


def test_prediction_is_checked_and_the_grid_shows_what_clipping_costs() -> None:
    problem = replace(PRESETS["skewed"].problem, weights=(-0.71, -1.2), bits=2)
    app = open_page(FILE, problem)
    shown = texts(app)
    assert "2 bits do not have it" in shown
    assert "| the same, clipped afterwards | (−1, −2) | 0.5791 |" in shown
    verdicts = []
    for option in app.radio[0].options:
        app.radio[0].set_value(option).run()
        verdicts.append(bool(app.success))
    assert verdicts == [True, False, False]


def test_more_inputs_than_a_picture_has_are_referred_to_the_larger_lattices() -> None:
    app = open_page(FILE, random_problem(5, 1))
    assert "Larger lattices" in app.info[0].value
    assert "min-pivot" in texts(app)


def test_without_fpylll_the_page_says_so_and_reduces_by_itself(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "fpylll", None)
    cached.reduction_contest.clear()
    app = open_page(FILE, contest="real0", reduced="16")
    (said,) = [info.value for info in app.info if "fpylll" in info.value]
    assert "pip install" in said
    assert "our own steps" in said
    shown = texts(app)
    assert "LLL by our own steps" in shown
    assert "LLL after min-pivot" in shown
    assert not [b for b in app.button if b.key == "start_bkz"]
    cached.reduction_contest.clear()


def wait_for(job) -> None:
    until = time.monotonic() + 30
    while job.active and time.monotonic() < until:
        time.sleep(0.02)


def test_bkz_runs_in_the_background_and_its_row_appears() -> None:
    pytest.importorskip("fpylll")
    cached.background_jobs.clear()
    app = open_page(FILE, contest="decaying", reduced="24", block="10")
    app.button(key="start_bkz").click().run()
    asked = BKZAsked("decaying", 24, 10, 0.99)
    job = cached.background_jobs().get(asked.key)
    wait_for(job)
    assert job.state == "done"
    shown = texts(app.run())
    assert "| BKZ 10 after LLL |" in shown
    assert "**BKZ with blocks of 10**, after LLL, takes" in shown
    sums = [part.contender.pivot_sum for part in job.parts]
    assert sums[-1] < sums[0]
    cached.background_jobs().close()
    cached.background_jobs.clear()


def test_bkz_that_is_cancelled_keeps_its_tours_and_begins_anew() -> None:
    pytest.importorskip("fpylll")
    asked = BKZAsked("decaying", 24, 5, 0.99)
    job = Job(parts=["left by a run before"])
    job.state = "running"
    job.report = lambda *_: job.cancel() if job.parts else None
    assert bkz_work(asked)(job) == 1
    assert [part.number for part in job.parts] == [0]
    cached.background_jobs.clear()
    started = start_bkz(asked)
    wait_for(started)
    assert started.state == "done"
    assert started.parts[-1].ended == "finished"
    cached.background_jobs().close()
    cached.background_jobs.clear()
