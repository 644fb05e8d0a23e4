"""The lesson Closest vector: its figure, and the page without a browser."""

import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from test_pages import figure_on, open_page, texts

from app.closest_vector.words import answers_csv
from app.figures.closest_vector import closest_vector_figure
from app.figures.numbers import percent, short
from app.figures.rounding_sentences import LAST_STEP
from app.snippets_closest_vector import closest_vector_snippet
from lattice_core import PRESETS, convex_polygon, random_problem
from lattice_core.disagreement import disagreement_share
from lattice_core.placement import Placement
from lattice_core.rounding_answers import rounding_answers

PAGE = "closest_vector.py"
SKEWED = PRESETS["skewed"].problem
PLACED = Placement(degrees=70, mirrored=True, anchor=(1, 0))


def traces(figure, step: int, name: str) -> list:
    """What the frame shows under this name."""
    frame = figure.frames[step]
    shown = dict(enumerate(figure.data)) | dict(zip(frame.traces, frame.data, strict=True))
    return [trace for trace in shown.values() if trace.name == name]


def polygons(trace) -> list[np.ndarray]:
    """The closed polygons of one trace."""
    found, corners = [], []
    for x, y in zip(trace.x, trace.y, strict=True):
        if x is not None:
            corners.append((x, y))
        elif corners:
            found.append(np.array(corners[:-1]))
            corners = []
    return found


@pytest.mark.parametrize(
    ("rounding", "name"),
    [("round_off", "round-off misses"), ("nearest_plane", "nearest plane misses")],
)
def test_hatched_is_the_share_of_the_plane_that_misses(rounding, name) -> None:
    figure = closest_vector_figure(SKEWED, PLACED)
    (trace,) = traces(figure, LAST_STEP, name)
    plane, *holes = polygons(trace)
    share = disagreement_share(SKEWED.lattice, rounding, "closest", SKEWED.order_indices)
    for hole in holes:  # one a lattice point, wound the other way
        assert convex_polygon.area(hole) == pytest.approx(-(1 - share) * 0.52, rel=5e-3)
        assert (plane.min(axis=0) <= hole.min(axis=0)).all()
    middles = np.array([convex_polygon.centroid(hole) for hole in holes])
    codes = np.linalg.solve(PLACED.basis(SKEWED.lattice), middles.T).T
    np.testing.assert_allclose(codes, codes.round(), atol=5e-3)
    assert len(np.unique(codes.round(), axis=0)) == len(holes)
    ranges = np.array([figure.layout.xaxis.range, figure.layout.yaxis.range])
    assert (plane.min(axis=0) < ranges[:, 0]).all()
    assert (plane.max(axis=0) > ranges[:, 1]).all()
    assert not polygons(traces(figure, LAST_STEP - 1, name)[0])


def test_each_cell_holds_the_target_and_is_around_its_answer() -> None:
    figure = closest_vector_figure(SKEWED, PLACED)
    target = PLACED.on_paper(SKEWED.lattice, SKEWED.target)
    names = {
        "cell of the closest point": "closest",
        "cell of round-off": "round_off",
        "box of nearest plane": "nearest_plane",
    }
    for name, rounding in names.items():
        ((cell,),) = (polygons(trace) for trace in traces(figure, LAST_STEP, name))
        answer = rounding_answers(SKEWED)[rounding].point
        np.testing.assert_allclose(
            cell.mean(axis=0), PLACED.on_paper(SKEWED.lattice, answer), atol=1e-9
        )
        cut = convex_polygon.intersection(
            convex_polygon.in_turn(cell), target + 1e-4 * np.array([[-1, -1], [1, -1], [0, 1]])
        )
        assert convex_polygon.area(cut) > 0


@pytest.mark.parametrize(
    "problem",
    [
        SKEWED,
        PRESETS["clipping_bites"].problem,
        PRESETS["real_two_inputs"].problem,
        random_problem(2, 5),
        SKEWED.with_basis([[1.0, 0.0], [0.0, 1.0]], [0.2, 0.1]),
        SKEWED.with_basis([[1.0, 0.95], [0.0, 0.05]], [0.2, 0.01]),
    ],
)
def test_figure_has_three_handles_a_sentence_a_step_and_is_small(problem) -> None:
    placed = PLACED.near_target(problem)
    figure = closest_vector_figure(problem, placed)
    handles = figure.layout.meta["handles"]
    names = [figure.data[handles[name]].name for name in ("b1", "b2", "target")]
    assert names == ["tip of b₁", "tip of b₂", "target y"]
    wanted = [*placed.basis(problem.lattice).T, placed.on_paper(problem.lattice, problem.target)]
    for name, place in zip(("b1", "b2", "target"), wanted, strict=True):
        trace = figure.data[handles[name]]
        np.testing.assert_allclose([trace.x[0], trace.y[0]], place)
        low, high = np.array([figure.layout.xaxis.range, figure.layout.yaxis.range]).T
        assert (low < place).all()
        assert (place < high).all()
    assert len(figure.layout.meta["sentences"]) == len(figure.frames) == LAST_STEP + 1
    assert len(figure.to_json()) < 200_000


def test_sentences_say_codes_losses_and_shares() -> None:
    _, closest, off, plane, misses = closest_vector_figure(SKEWED, PLACED).layout.meta["sentences"]
    answers = rounding_answers(SKEWED)
    assert f"z = (0, 1), loss {short(answers['closest'].loss)}" in closest
    assert "z = (1, 1)" in off
    assert "times the least" in off
    assert "as good as can be" in plane
    assert percent(disagreement_share(SKEWED.lattice, "round_off", "closest")) in misses
    upright = SKEWED.with_basis([[1.0, 0.0], [0.0, 1.0]], [0.2, 0.1])
    assert (
        "all agree everywhere"
        in closest_vector_figure(upright, PLACED).layout.meta["sentences"][-1]
    )


@pytest.mark.parametrize("name", [n for n, p in PRESETS.items() if p.problem.size == 2])
def test_page_shows_the_answers_from_both_sides_and_laws_that_hold(name) -> None:
    problem = PRESETS[name].problem
    app = open_page(PAGE, problem, LAST_STEP)
    assert figure_on(app)["step"] == LAST_STEP
    shown = texts(app)
    for answer in rounding_answers(problem).values():
        assert shown.count(short(answer.loss)) >= 3  # lattice, weights, law
    verdicts = re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", shown)
    assert [law for law, _ in verdicts].count("L1") == 2
    assert all(icon == "check" or problem.babai.clipped for _, icon in verdicts)


def test_turning_changes_the_picture_and_no_number() -> None:
    app = open_page(PAGE, SKEWED, 4)
    before = texts(app)
    upright = figure_on(app)["figure"]["data"]
    app.select_slider(key="option_turn").set_value("90").run()
    assert app.query_params["turn"] == "90"
    assert figure_on(app)["figure"]["data"] != upright
    same = [line for line in before.split("\n") if not line.startswith("Any factor")]
    assert all(line in texts(app) for line in same)
    assert app.session_state.problem == SKEWED


def test_basis_by_numbers_keeps_the_target_and_refuses_what_is_flat() -> None:
    app = open_page(PAGE, PRESETS["real_two_inputs"].problem)
    assert "without damping" in texts(app)
    target = app.session_state.problem.target
    app.number_input(key="control_basis_01").set_value(-1.0).run()
    changed = app.session_state.problem
    assert changed.lattice.basis[0, 1] == pytest.approx(-1.0, abs=1e-3)
    assert (changed.name, changed.damping) == ("custom", 0)
    np.testing.assert_allclose(changed.target, target, atol=1e-6)
    app.number_input(key="control_basis_11").set_value(-2.0).run()  # to the other side
    assert app.query_params["mirror"] == "yes"
    before = app.session_state.problem
    app.number_input(key="control_basis_11").set_value(0.01).run()
    assert "almost parallel" in app.warning[0].value
    assert app.session_state.problem == before
    link = dict(app.query_params)
    again = open_page(
        PAGE, None, 0, **{k: v if isinstance(v, str) else v[0] for k, v in link.items()}
    )
    assert again.session_state.problem == before
    assert figure_on(again)["figure"] == figure_on(app)["figure"]


def test_targets_where_they_disagree_are_found_one_after_the_other() -> None:
    app = open_page(PAGE, SKEWED)
    seen = []
    for _ in range(3):
        app.button(key="find_nearest_plane_closest").click().run()
        problem = app.session_state.problem
        answers = rounding_answers(problem)
        assert (answers["nearest_plane"].codes != answers["closest"].codes).any()
        seen.append(problem.weights)
    assert len(set(seen)) == 3
    app.button(key="find_round_off_nearest_plane").click().run()
    answers = rounding_answers(app.session_state.problem)
    assert (answers["nearest_plane"].codes != answers["round_off"].codes).any()
    app.button(key="try_A right angle").click().run()
    before = app.session_state.problem
    app.button(key="find_nearest_plane_closest").click().run()
    assert "no such target" in app.info[0].value
    assert app.session_state.problem == before


def test_prediction_is_answered_and_every_try_opens() -> None:
    app = open_page(PAGE, SKEWED)
    assert "Of all targets **round-off** misses" not in texts(app)  # it would give the answer away
    (question,) = app.radio
    app.radio[0].set_value(
        percent(1 - disagreement_share(SKEWED.lattice, "round_off", "closest"))
    ).run()
    assert app.success
    assert len(question.options) == 4
    for label in [b.label for b in app.button if b.key and b.key.startswith("try_")]:
        app.button(key=f"try_{label}").click().run()
        assert not app.exception
    assert app.query_params["turn"] == "90"


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (PRESETS["three_inputs"].problem, "3 inputs"),
        (
            replace(SKEWED, hessian=((1.0, 0.99999999999), (0.99999999999, 1.0)), name="custom"),
            "merge into lines",
        ),
    ],
)
def test_what_cannot_be_drawn_is_said(problem, words) -> None:
    app = open_page(PAGE, problem)
    assert words in app.info[0].value
    assert "checked on this problem" not in texts(app)


def test_snippet_and_table_carry_the_pages_numbers() -> None:
    problem = replace(PRESETS["clipping_bites"].problem, order="act_order")
    run = subprocess.run(
        [sys.executable, "-c", closest_vector_snippet(problem)],
        capture_output=True,
        text=True,
        check=True,
    )
    *answers, off, plane = run.stdout.splitlines()
    for (name, answer), line in zip(rounding_answers(problem).items(), answers, strict=True):
        assert line.startswith(f"{name} {answer.codes}")
        assert float(line.split()[-1]) == pytest.approx(answer.loss)
    assert float(off) == pytest.approx(disagreement_share(problem.lattice, "round_off", "closest"))
    table = [row.split(",") for row in answers_csv(problem).splitlines()]
    assert [row[0] for row in table] == ["rounding", "round_off", "nearest_plane", "closest"]
    assert float(table[2][-1]) == pytest.approx(float(plane))


def test_widgets_that_still_show_what_a_drag_has_changed_are_not_believed() -> None:
    app = open_page(PAGE, SKEWED, 4)
    # As the browser sends a drag: with what its widgets showed before the answer.
    app.session_state["stepper_heard"] = {"closest_stepper": -1}
    app.selectbox(key="control_preset").set_value("far_from_best")
    app.select_slider(key="option_turn").set_value("90").run()
    assert app.session_state.problem == SKEWED
    assert app.selectbox(key="control_preset").value == "skewed"
    assert "turn" not in app.query_params
    app.selectbox(key="control_preset").set_value("far_from_best").run()  # heard by now
    assert app.session_state.problem == PRESETS["far_from_best"].problem
