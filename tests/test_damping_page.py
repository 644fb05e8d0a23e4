"""The lesson on damping through the real entry, without a browser."""

import json
import re
import subprocess
import sys

import numpy as np
import pytest
from test_pages import figure_on, open_page, texts

from app.damping.words import ANSWERS
from app.figures.damping_curves import loss_by_damping
from app.figures.damping_path import damping_figure
from app.figures.numbers import short
from app.snippets_damping import damping_snippet
from lattice_core import PRESETS, Problem, random_problem
from lattice_core.damping_path import DAMPINGS, damping_curve, damping_path, nearest_loss
from lattice_core.recorded_damping_study import recorded_damping_study

PAGE = "damping.py"
SKEWED = PRESETS["skewed"].problem
SINGULAR = Problem(((1.0, 1.0), (1.0, 1.0)), (0.21, 0.33), (0.5, 0.5), damping=0.01)


def verdicts(app) -> list[tuple[str, str]]:
    return re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", texts(app))


@pytest.mark.parametrize("name", ["skewed", "real_three_inputs", "clipping_bites"])
def test_every_step_is_a_damping_and_no_law_fails(name) -> None:
    problem = PRESETS[name].problem
    path = damping_path(problem)
    for step in (0, 4, len(path) - 1):
        app = open_page(PAGE, problem, step)
        data = figure_on(app)
        assert data["step"] == step
        assert len(data["figure"]["frames"]) == len(DAMPINGS) == len(path)
        found = verdicts(app)
        assert sorted(law for law, _ in found) == ["L14", "L14", "L6", "L6"]
        clipped = path[step].clipped
        assert all(icon == "check" or (law == "L6" and clipped) for law, icon in found)
        shown = texts(app)
        assert f"**{short(path[step].undamped_loss)}" in shown
        assert ("| ∞ | …" in shown) == (step < len(path) - 1)


def test_the_picture_ends_in_the_cell_of_round_off() -> None:
    figure = json.loads(damping_figure(SKEWED).to_json())

    def corners(frame: int, name: str) -> np.ndarray:
        trace = next(t for t in figure["frames"][frame]["data"] if t["name"] == name)
        return np.array([trace["x"], trace["y"]]).T

    last = len(DAMPINGS) - 1
    cells = [corners(last, name) for name in ("box of the error", "round-off cell")]
    np.testing.assert_allclose(*cells)
    assert not np.allclose(corners(0, "box of the error"), corners(0, "round-off cell"))
    for k, sentence in enumerate(figure["layout"]["meta"]["sentences"]):
        answer, nearest = corners(k, "answer B z"), corners(k, "rounded to nearest")
        assert ("what rounding to nearest finds" in sentence) == np.allclose(answer, nearest)
    # Basis vectors are in view in every frame.
    low, high = figure["layout"]["xaxis"]["range"]
    for frame in range(last + 1):
        ends = corners(frame, "basis vector").astype(float)
        assert np.nanmin(ends) >= low
        assert np.nanmax(ends) <= high


@pytest.mark.parametrize("problem", [SKEWED, random_problem(3, 1), SINGULAR])
def test_curves_stand_in_line(problem) -> None:
    figure = loss_by_damping(
        damping_curve(problem),
        damping_path(problem),
        here=1.0,
        own=0.01,
        nearest=nearest_loss(problem),
    )
    lines = {trace.name: np.array(trace.y) for trace in figure.data if trace.mode == "lines"}
    assert (lines["loss on the data"] <= lines["damped loss"]).all()
    assert (lines["damped loss"] <= lines["bound with the damped H"] * (1 + 1e-9)).all()
    assert "the problem's λ = 0.01" in lines


def test_a_singular_hessian_begins_with_damping_and_none_of_no_inputs_is_shown() -> None:
    app = open_page(PAGE, SINGULAR, 0)
    assert len(figure_on(app)["figure"]["frames"]) == len(DAMPINGS) - 1
    assert "λ = 0 is left out" in texts(app)
    indefinite = Problem(((1.0, 2.0), (2.0, 1.0)), (0.2, 0.3), (0.5, 0.5), damping=3.0)
    assert any("eigenvalue" in warning.value for warning in open_page(PAGE, indefinite).warning)


def test_numbers_at_the_end_of_their_range_are_said() -> None:
    tiny = Problem(((0.0, 0.0), (0.0, 1e-12)), (0.3, 0.4), (1.0, 1.0), damping=1.0)
    shown = open_page(PAGE, tiny).warning
    assert any("There is no path to show" in warning.value for warning in shown)


def test_more_inputs_have_numbers_without_a_picture() -> None:
    app = open_page(PAGE, random_problem(5, 1))
    assert "A picture needs two or three" in app.info[0].value
    assert "| ∞ | …" not in texts(app)
    assert len(verdicts(app)) == 4


def test_prediction_is_answered_and_every_idea_opens() -> None:
    app = open_page(PAGE, SKEWED)
    for option in ANSWERS.values():
        app.radio[0].set_value(option).run()
        assert bool(app.success) == (option == "λ = 100 is needed")
    labels = [b.label for b in app.button if b.key and b.key.startswith("try_")]
    assert len(labels) >= 4
    for label in labels:
        app.button(key=f"try_{label}").click().run()
        assert not app.exception
        assert not any(icon == "close" for _, icon in verdicts(app))


def test_held_out_losses_follow_their_options_and_are_in_the_link() -> None:
    app = open_page(PAGE, SKEWED, seen="16", recorded="20.q_proj")
    assert "16 inputs cannot tell 32 weights apart" in texts(app)
    study = recorded_damping_study()
    layer = next(x for x in study.layers if x.layer == "model.layers.20.self_attn.q_proj")
    assert f"`{layer.layer}`: {layer.rows:,} rows" in texts(app)
    for tokens in study.tokens:
        assert f"least at **λ = {study.best(layer, tokens):g}" in texts(app)
    assert f"`{study.command}`, {study.date}" in texts(app)
    app.select_slider(key="option_seen").set_value("512").run()
    assert app.query_params["seen"] == "512"


def test_snippet_prints_the_path() -> None:
    problem = PRESETS["real_two_inputs"].problem
    run = subprocess.run(
        [sys.executable, "-c", damping_snippet(problem)], capture_output=True, text=True, check=True
    )
    lines = run.stdout.splitlines()
    for line, step in zip(lines, damping_path(problem), strict=False):
        assert line.startswith(f"{step.damping} {step.codes} ")
        assert float(line.split()[-1]) == pytest.approx(step.bound)
