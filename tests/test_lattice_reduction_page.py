"""The lesson Lattice reduction: its figure, its page, BKZ in the background."""

import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from small_problems import assert_close
from test_pages import figure_on, open_page, texts
from test_reduction import exact_determinant as determinant_here

from app import cached
from app.background_job import Job
from app.figures.reduction import reduction_figure
from app.lattice_reduction.bkz_job import BKZAsked, bkz_work, start_bkz
from app.lattice_reduction.numbers import stages_csv
from app.snippets_reduction import reduction_snippet
from lattice_core import (
    PRESETS,
    Problem,
    random_problem,
)
from lattice_core.reduced_problem import (
    reduction_stages,
)

FILE = "lattice_reduction.py"
PROBLEMS = {name: preset.problem for name, preset in PRESETS.items()} | {
    "min-pivot": replace(random_problem(3, 1728), order="min_pivot"),
    "front to back": replace(random_problem(3, 4), order="front_to_back", bits=2),
    **{f"random {size}": random_problem(size, 1) for size in (2, 3, 4, 6)},
}
DELTAS = (0.5, 0.99, 1.0)

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
