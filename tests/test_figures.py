"""The figures show the algorithm's own numbers: frame by frame, asked of the figure itself."""

import json
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from app.figures.bar_panel import rectangles
from app.figures.narration import sentences
from app.figures.number_lines import lockstep_figure
from app.figures.numbers import short, symbol, vector
from app.figures.plane import plane_figure
from app.figures.space import space_figure
from app.figures.stepped import standalone_html
from app.figures.window import window_around
from lattice_core import PRESETS, Problem, random_problem

PROBLEMS = {name: preset.problem for name, preset in PRESETS.items()} | {
    "random 2": random_problem(2, 3),
    "random 3": random_problem(3, 11),
    "act-order, clipped": replace(random_problem(3, 4), order="act_order", bits=2),
    "min-pivot": replace(PRESETS["three_orders"].problem, order="min_pivot"),
}
THREE = {name: problem for name, problem in PROBLEMS.items() if problem.size == 3}
TWO = {name: problem for name, problem in PROBLEMS.items() if problem.size == 2}


def lattice_figure(problem: Problem) -> go.Figure:
    return plane_figure(problem) if problem.size == 2 else space_figure(problem)


def shown(figure: go.Figure, step: int, name: str) -> np.ndarray:
    """Points of the named trace in one frame, as (m, 2) or (m, 3), gaps left out."""
    frame = figure.frames[step]
    traces = dict(enumerate(figure.data)) | dict(zip(frame.traces, frame.data, strict=True))
    (trace,) = [trace for trace in traces.values() if trace.name == name]
    columns = [getattr(trace, axis) for axis in "xyz" if getattr(trace, axis, None) is not None]
    points = np.array([[np.nan if v is None else v for v in column] for column in columns]).T
    return points[~np.isnan(points).any(axis=1)]


@pytest.mark.parametrize("name", PROBLEMS)
def test_target_walks_along_the_projections_to_the_answer(name) -> None:
    problem = PROBLEMS[name]
    figure = lattice_figure(problem)
    assert len(figure.frames) == problem.size + 2
    np.testing.assert_allclose(shown(figure, 0, "target y"), [problem.target])
    for k in range(1, problem.size + 1):
        now = problem.lattice.point(problem.babai.coordinates_after(k))
        before = problem.lattice.point(problem.babai.coordinates_after(k - 1))
        np.testing.assert_allclose(shown(figure, k, "target now"), [now])
        np.testing.assert_allclose(shown(figure, k, "before this step"), [before])
    answer = problem.lattice.point(problem.babai.codes)
    np.testing.assert_allclose(shown(figure, problem.size, "answer B z"), [answer], atol=1e-9)
    assert shown(figure, problem.size - 1, "answer B z").size == 0


@pytest.mark.parametrize("name", PROBLEMS)
def test_legs_are_as_long_as_the_plane_distances(name) -> None:
    problem = PROBLEMS[name]
    path = shown(lattice_figure(problem), problem.size, "error of a step")
    lengths = np.linalg.norm(np.diff(path, axis=0), axis=1)
    np.testing.assert_allclose(lengths, [s.plane_distance for s in problem.babai.steps], atol=1e-9)


@pytest.mark.parametrize("name", TWO)
def test_lines_to_choose_from_hold_the_lattice_and_the_nearest_is_marked(name) -> None:
    problem = TWO[name]
    figure = plane_figure(problem)
    first = problem.babai.steps[0]
    chosen = problem.lattice.coordinates
    for point in shown(figure, 1, "nearest plane"):
        np.testing.assert_allclose(chosen(point)[first.index], first.code, atol=1e-9)
    family = [chosen(point)[first.index] for point in shown(figure, 1, "planes to choose from")]
    np.testing.assert_allclose(family, np.rint(family), atol=1e-9)
    assert len(set(np.rint(family))) >= min(4, 2 ** (problem.bits or 2))
    candidates = [chosen(point) for point in shown(figure, 2, "points to choose from")]
    np.testing.assert_allclose(candidates, np.rint(candidates), atol=1e-9)


@pytest.mark.parametrize("name", PROBLEMS)
def test_box_holds_the_target_unless_clipped(name) -> None:
    problem = PROBLEMS[name]
    corners = shown(lattice_figure(problem), problem.size + 1, "box of the error")
    directions, triangle = problem.lattice.gram_schmidt(problem.order_indices)
    error = problem.target - problem.lattice.point(problem.babai.codes)
    inside = bool((np.abs(directions.T @ error) <= np.diag(triangle) / 2 + 1e-9).all())
    assert inside != problem.babai.clipped
    centred = (corners - problem.lattice.point(problem.babai.codes)) @ directions
    np.testing.assert_allclose(np.abs(centred), np.tile(np.diag(triangle) / 2, (len(corners), 1)))


@pytest.mark.parametrize("name", THREE)
def test_planes_in_space_hold_their_points(name) -> None:
    problem = THREE[name]
    first = problem.babai.steps[0]
    for point in shown(space_figure(problem), 1, "nearest plane"):
        coordinates = problem.lattice.coordinates(point)
        np.testing.assert_allclose(coordinates[first.index], first.code, atol=1e-9)
    second = problem.babai.steps[1]
    for point in shown(space_figure(problem), 3, "nearest line"):
        coordinates = problem.lattice.coordinates(point)
        np.testing.assert_allclose(
            coordinates[[first.index, second.index]], [first.code, second.code], atol=1e-9
        )


@pytest.mark.parametrize("name", PROBLEMS)
def test_number_lines_show_gptq(name) -> None:
    problem = PROBLEMS[name]
    figure = lockstep_figure(problem)
    for k in range(1, problem.size + 1):
        taken = problem.gptq.steps[:k]
        codes = shown(figure, k, "code")
        np.testing.assert_allclose(codes[:, 0], [step.code for step in taken])
        np.testing.assert_allclose(codes[:, 1], -np.arange(k))
        np.testing.assert_allclose(shown(figure, k, "centre")[:, 0], [s.center for s in taken])
        free = sorted(problem.gptq.order[k:])
        now = problem.gptq.coordinates_after(k)[free]
        assert sorted(shown(figure, k, "weight now")[:, 0]) == pytest.approx(sorted(now))


def test_four_inputs_have_number_lines_without_a_lattice() -> None:
    figure = lockstep_figure(random_problem(4, 1))
    assert len(figure.frames) == 6
    assert "target y" not in {trace.name for trace in figure.data}


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("make", [lattice_figure, lockstep_figure])
def test_figure_keeps_the_contract_of_the_stepper(name, make) -> None:
    problem = PROBLEMS[name]
    figure = make(problem)
    meta = figure.layout.meta
    assert len(meta["sentences"]) == len(figure.frames)
    for frame in figure.frames:
        for place, trace in zip(frame.traces, frame.data, strict=True):
            assert type(figure.data[place]) is type(trace)
            assert figure.data[place].showlegend == trace.showlegend
    if problem.size == 2:
        assert figure.data[meta["handles"]["target"]].name == "target y"
    else:
        assert meta["handles"] == {}
    assert len(figure.to_json()) < 100_000  # it is sent anew for every position of a drag


def test_window_stays_while_the_target_moves_a_little() -> None:
    problem = PRESETS["skewed"].problem
    window = window_around(problem)
    nearby = problem.with_target(window.center + 0.3 * window.half)
    np.testing.assert_array_equal(window_around(nearby).center, window.center)
    far = problem.with_target(window.center + 5 * window.half)
    assert np.abs(far.target - window_around(far).center).max() <= window.half / 3 + 1e-9


def test_points_outside_the_grid_are_told_apart() -> None:
    problem = PRESETS["clipping_bites"].problem
    inside = shown(plane_figure(problem), 0, "lattice points")
    codes = np.array([problem.lattice.coordinates(point) for point in inside]).round()
    assert codes.min() >= problem.grid.low
    assert codes.max() <= problem.grid.high
    assert shown(plane_figure(problem), 0, "outside the grid").size


def test_sentences_carry_the_numbers() -> None:
    problem = PRESETS["skewed"].problem
    start, first, second, result = sentences(problem)
    assert "(0.52, 0.71)" in start
    assert "0.71" in first
    assert "z₂ = 1" in first
    assert "z₁ = 0" in second
    assert short(problem.babai.squared_distance) in result
    assert "clipped to z₁ = 1" in sentences(PRESETS["clipping_bites"].problem)[2]
    assert "bound says nothing" in sentences(PRESETS["clipping_bites"].problem)[-1]


def test_standalone_page_has_a_slider_over_all_steps() -> None:
    figure = space_figure(PRESETS["three_inputs"].problem)
    html = standalone_html(figure, "Nearest plane")
    assert html.startswith("<!doctype html>")
    assert "<title>Nearest plane</title>" in html
    assert html.count('"method":"animate"') == len(figure.frames)
    drawing = html.rsplit("<script", 1)[1]
    assert "Plotly.addFrames" in drawing
    assert "Plotly.animate(" not in drawing  # it opens at the start and waits for the reader
    assert figure.layout.sliders == ()  # the page's own figure is left alone


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (-0.5, "−0.5"), (1 / 3, "0.3333"), (123456.0, "1.23e+05"), (-1e-5, "−1e−05")],
)
def test_numbers_are_short(value, text) -> None:
    assert short(value) == text


def test_symbols_count_from_one() -> None:
    assert symbol("w", 0) == "w₁"
    assert symbol("z", 11) == "z₁₂"
    assert vector([1, -0.25]) == "(1, −0.25)"


def test_figure_is_plain_json() -> None:
    figure = json.loads(lockstep_figure(PRESETS["skewed"].problem).to_json())
    assert set(figure) == {"data", "layout", "frames"}


def test_rectangles_go_round_their_four_corners_and_close() -> None:
    traced = rectangles([(0.0, 2.0, -1.0, 1.0), (3.0, 4.0, 5.0, 6.0)], "bars", {})
    corners = list(zip(traced["x"], traced["y"], strict=True))
    assert corners[:6] == [(0, -1), (2, -1), (2, 1), (0, 1), (0, -1), (None, None)]
    assert set(corners[6:11]) == {(3, 5), (4, 5), (4, 6), (3, 6)}
    assert rectangles([], "bars", {})["x"] == [None]
