"""The lesson Beyond Babai without a browser: its figure, its laws, its question, its ideas."""

import re
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
from test_pages import figure_on, open_page, texts

from app import cached
from app.beyond_babai import layer_job
from app.beyond_babai.numbers import nodes_csv
from app.beyond_babai.words import BOTH, NEITHER, ONLY_TWO
from app.figures.search_figure import search_figure
from app.figures.search_sentences import MOST_STEPS
from app.figures.tree_layout import MOST_LEAVES, tree_layout
from app.snippets_beyond_babai import beyond_babai_snippet
from lattice_core import PRESETS, closest_vector, random_problem, search_laws
from lattice_core.coordinate_descent import coordinate_descent
from lattice_core.enumeration import enumerate_closest
from lattice_core.k_best import k_best
from lattice_core.klein import klein
from lattice_core.recorded_search_study import Decoder, recorded_search_study
from lattice_core.search_tree import Search

PAGE = "beyond_babai.py"
SEARCHES = ("k_best", "klein", "enumeration", "coordinate_descent")


def searches(problem) -> dict[str, Search]:
    where, how = (
        (problem.lattice, problem.target),
        {"order": problem.order_indices, "grid": problem.grid},
    )
    return {
        "k_best": k_best(*where, 16, **how),
        "klein": klein(*where, 16, 0.5, 0, **how),
        "enumeration": enumerate_closest(*where, **how),
        "coordinate_descent": coordinate_descent(*where, **how),
    }


@pytest.mark.parametrize(
    "problem",
    [
        PRESETS["far_from_best"].problem,
        PRESETS["clipping_bites"].problem,
        replace(random_problem(3, 3), bits=2, order="front_to_back"),
        random_problem(6, 1),
    ],
    ids=["2 inputs", "clipped", "3 inputs", "6 inputs"],
)
def test_tree_fits_on_a_phone_and_says_what_it_leaves_out(problem) -> None:
    for kind, search in searches(problem).items():
        tree = tree_layout(search)
        assert tree.leaves <= MOST_LEAVES
        shown = set(tree.places)
        assert all(codes[:-1] in shown for codes in shown if codes)  # a tree
        for path in (search.babai[-1].codes, search.best.codes):
            assert path in shown
        for level in range(1, problem.size + 1):
            places = sorted(tree.places[codes] for codes in shown if len(codes) == level)
            assert min(np.diff(places), default=1) >= 1  # room for a number in each
        figure = search_figure(problem, search, kind, 16)
        sentences = figure.layout.meta["sentences"]
        assert len(figure.frames) == len(sentences) == min(len(search.steps), MOST_STEPS) + 2
        if kind == "enumeration":
            hidden = [s.looked_at[0].codes not in tree.places for s in search.steps[:MOST_STEPS]]
            assert ["no room" in sentence for sentence in sentences[1:-1]] == hidden
        if tree.left_out:
            assert f"{tree.left_out:,} node" in sentences[-1]
        else:
            assert "not drawn" not in sentences[-1]


def test_each_frame_shows_what_goes_on_and_what_is_dropped() -> None:
    problem = random_problem(3, 32)
    search = k_best(problem.lattice, problem.target, 2)
    parents = {codes[:-1] for codes in search.steps[1].kept}
    assert not set(search.steps[0].kept) <= parents  # one that went on has no children that do
    figure = search_figure(problem, search, "k_best", 2)
    names = [trace.name for trace in figure.data]
    for number, step in enumerate(search.steps[:-1], start=1):
        by_name = dict(zip(names, figure.frames[number].data, strict=True))
        on = {text for text in by_name["goes on"].text if text}
        assert {f"<b>{codes[-1]}</b>".replace("-", "−") for codes in step.kept} <= on
        for level, taken in enumerate(search.steps[:number], start=1):
            below = [y for y in by_name["dropped"].y if y == -level]
            assert len(below) == len(taken.looked_at) - len(taken.kept)
    last = dict(zip(names, figure.frames[-1].data, strict=True))
    integers = [int(text[3:-4].replace("−", "-")) for text in last["best so far"].text]
    down = dict(zip(last["best so far"].y, integers, strict=True))
    assert [down[-level] for level in (1, 2, 3)] == list(search.best.codes)


@pytest.mark.parametrize("kind", SEARCHES)
def test_page_shows_every_search_with_its_laws(kind) -> None:
    app = open_page(PAGE, PRESETS["three_inputs"].problem, 2, search=kind, beam="4")
    data = figure_on(app)
    assert data["step"] == 2 or kind == "coordinate_descent"
    verdicts = re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", texts(app))
    assert [law for law, _ in verdicts].count("L15") == 3
    assert [law for law, _ in verdicts].count("L16") == 2
    assert all(icon == "check" for _, icon in verdicts)
    assert ("search" in app.query_params) == (kind != "k_best")


def test_question_is_answered_by_the_problem() -> None:
    for problem, answer in (
        (PRESETS["nearly_orthogonal"].problem, BOTH),
        (PRESETS["far_from_best"].problem, ONLY_TWO),
        (random_problem(3, 32), NEITHER),
    ):
        app = open_page(PAGE, problem)
        (radio,) = [radio for radio in app.radio if "K = 2" in radio.label]
        radio.set_value(answer).run()
        assert any(box.value.startswith("Yes") for box in app.success)


def test_ideas_show_what_they_promise() -> None:
    app = open_page(PAGE)
    ratios = {}
    labels = [button.label for button in app.button if (button.key or "").startswith("try_")]
    assert len(labels) >= 4
    for label in labels:
        app.button(key=f"try_{label}").click().run()
        assert not app.exception
        problem = app.session_state.problem
        exact = enumerate_closest(
            problem.lattice, problem.target, problem.order_indices, problem.grid
        )
        rows = re.findall(r"^\| (.+?) \| \(.*?\) \| (\S+) \| [\d,]+ \|", texts(app), re.MULTILINE)
        losses = {name: float(loss) for name, loss in rows}
        assert losses["Closest point"] == pytest.approx(exact.squared_distance, rel=1e-3)
        (search,) = set(losses) - {"Closest point", "Nearest plane"}
        least = losses["Closest point"]
        ratios[label] = losses["Nearest plane"] / least, losses[search] / least
    assert ratios["Two planes instead of one"][0] > 50
    assert ratios["Two planes instead of one"][1] == 1
    assert ratios["Two are not enough"][1] > 1.5
    assert ratios["Lucky dice"] == (pytest.approx(2.37, abs=0.1), 1)
    assert 1.3 < ratios["Stuck"][1] < ratios["Stuck"][0]
    assert ratios["Repair a bad start"][1] < ratios["Repair a bad start"][0] / 5
    assert ratios["Cut off everything else"][1] == 1


def test_laws_hold_on_random_problems_and_fail_in_a_wrong_world(monkeypatch) -> None:
    for size in (2, 3, 4, 6):
        for seed in range(6):
            problem = replace(random_problem(size, seed), bits=[None, 2][seed % 2])
            closest = closest_vector(problem.lattice, problem.target, problem.grid)
            checks = [
                search_laws.k_best_is_never_worse(problem, 3),
                search_laws.one_beam_is_babai(problem),
                search_laws.k_best_becomes_exact(problem, closest),
                search_laws.descent_is_never_worse(problem),
                search_laws.no_single_move_improves(problem),
            ]
            assert all(check.holds or check.void for check in checks)
    problem = random_problem(3, 32)
    unknown = search_laws.k_best_becomes_exact(problem, None)
    assert unknown.void
    wrong = search_laws.k_best_becomes_exact(problem, problem.babai.codes)
    assert not wrong.holds
    monkeypatch.setattr(
        search_laws, "coordinate_descent", lambda *how: k_best(*how[:2], 1, *how[2:])
    )
    assert not search_laws.no_single_move_improves(problem).holds


def test_snippet_prints_the_pages_numbers() -> None:
    problem = replace(random_problem(3, 32), order="act_order")
    run = subprocess.run(
        [sys.executable, "-c", beyond_babai_snippet(problem)],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = run.stdout.splitlines()
    exact = enumerate_closest(problem.lattice, problem.target, problem.order_indices)
    assert lines[-1] == (
        f"exact {exact.codes} {exact.squared_distance} {exact.work} {exact.stopped}"
    )
    assert lines[0].endswith(f"{problem.babai.squared_distance}")


def test_table_of_nodes_has_every_node() -> None:
    problem = random_problem(3, 32)
    search = enumerate_closest(problem.lattice, problem.target)
    lines = nodes_csv(search).splitlines()
    assert len(lines) == 1 + len(search.steps)


def test_recorded_study_keeps_the_laws() -> None:
    study = recorded_search_study()
    for decoder in study.decoders:
        calibrated, _ = study.taken_off(decoder)
        assert (calibrated >= -1e-4).all()  # L15, L16; five digits are kept
    beams = [study.taken_off(Decoder("k_best", k, "good", "keep"))[0].mean() for k in (4, 16, 64)]
    assert 0 < beams[0] < beams[1] < beams[2]
    kept = [place for place, decoder in enumerate(study.decoders) if decoder.overflow == "keep"]
    assert (study.clipped_fraction[kept] == 0).all()


def test_whole_layer_runs_in_the_background_and_can_be_cancelled(without_model) -> None:
    pytest.importorskip("torch")
    jobs = cached.background_jobs()
    key = ("k_best", layer_job.SIZE, 2)
    job = layer_job.start_layer(2)
    while job.active and not job.parts:
        time.sleep(0.01)
    job.cancel()
    app = open_page(PAGE, beam="2")
    assert "576 rows is" in texts(app) or "Cancelled after" in texts(app)
    assert all(part.found <= part.babai * (1 + 1e-12) for part in job.parts)
    assert all(part.better > 0 for part in job.parts)
    assert any(button.label == "Run K-best, K = 2" for button in app.button) == (
        jobs.get(key).state == "cancelled"
    )
