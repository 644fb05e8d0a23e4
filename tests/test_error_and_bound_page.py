"""The lesson *Error and bound*: its figures, frame by frame, and its page without a browser."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from test_pages import figure_on, open_page, texts

from app.error_and_bound.sample import Sample, findings, sample_csv
from app.figures.bound_bars import step_limits, step_losses
from app.figures.error_and_bound import error_figure, sentences
from app.figures.numbers import short
from app.figures.ratio_dots import ratio_dots
from app.figures.share_histogram import A_THIRD, bound_mark, mean_mark, share_histogram
from app.figures.stepped import standalone_html
from lattice_core import PRESETS, Problem, absolute_bound, nearest_plane_of_many, random_problem
from lattice_core.bound_laws import drawn_targets, edge_means, shares_of_the_bound
from lattice_core.recorded_row_shares import recorded_row_shares
from lattice_core.wrong_worlds import gptq_in_world

FILE = "error_and_bound.py"
BREAKS = random_problem(3, 40)  # both wrong worlds exceed the bound here
CLIPPED = replace(PRESETS["clipping_bites"].problem, weights=(1.1, 0.64))
PROBLEMS = {name: preset.problem for name, preset in PRESETS.items()} | {
    "clipped": CLIPPED,
    "act-order, clipped": replace(random_problem(3, 4), order="act_order", bits=2),
    **{f"random {size}": random_problem(size, 1) for size in range(2, 7)},
    "six, clipped": replace(random_problem(6, 1), bits=1, order="min_pivot"),
}


def bound(problem: Problem) -> float:
    return absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices)


def trace(figure: go.Figure, step: int, name: str) -> go.Scatter | None:
    frame = figure.frames[step]
    traces = dict(enumerate(figure.data)) | dict(zip(frame.traces, frame.data, strict=True))
    found = [trace for trace in traces.values() if trace.name == name]
    return found[0] if found else None


def bars(figure: go.Figure, step: int, name: str) -> np.ndarray:
    """Start, end and row of each bar of the named trace in one frame."""
    drawn = trace(figure, step, name)
    if drawn is None or drawn.x[0] is None:
        return np.empty((0, 3))
    x, y = (np.array(values, dtype=float).reshape(-1, 6)[:, :5] for values in (drawn.x, drawn.y))
    return np.column_stack([x.min(axis=1), x.max(axis=1), y.max(axis=1)])


@pytest.mark.parametrize("name", PROBLEMS)
def test_limits_are_the_parts_of_the_bound_and_losses_those_of_the_loss(name) -> None:
    problem = PROBLEMS[name]
    assert step_limits(problem).sum() == pytest.approx(bound(problem))
    assert step_losses(problem).sum() == pytest.approx(problem.gptq.squared_distance)
    for taken, loss, limit in zip(
        problem.babai.steps, step_losses(problem), step_limits(problem), strict=True
    ):
        assert loss == pytest.approx(4 * limit * (taken.center - taken.code) ** 2, abs=1e-12)


@pytest.mark.parametrize("name", PROBLEMS)
def test_bars_grow_step_by_step_under_their_limits(name) -> None:
    problem = PROBLEMS[name]
    figure = error_figure(problem)
    assert len(figure.frames) == problem.size + 2
    losses, limits = step_losses(problem), step_limits(problem)
    for k in range(problem.size + 2):
        done = min(k, problem.size)
        shown = bars(figure, k, "squared error of a step")
        assert len(shown) == 2 * done
        np.testing.assert_allclose(shown[:done, 1], losses[:done])
        if done:
            np.testing.assert_allclose(shown[done:, 1], np.cumsum(losses[:done]))
            np.testing.assert_allclose(shown[done:, 0], shown[done:, 1] - losses[:done], atol=1e-9)
        whole = bars(figure, k, "most it can be")
        crossed = bars(figure, k, "void: a code is clipped")
        ends = np.vstack([whole, crossed])
        np.testing.assert_allclose(ends[np.argsort(-ends[:, 2]), 1], [*limits, limits.sum()])
        clipped = sum(step.clipped for step in problem.babai.steps[:k])
        assert len(crossed) == clipped + bool(clipped)
        axis = figure.layout.xaxis2.range
        assert axis[1] > max(ends[:, 1].max(), shown[:, 1].max(initial=0))


@pytest.mark.parametrize("name", PROBLEMS)
def test_void_bound_is_struck_through_from_the_clipped_step_on(name) -> None:
    problem = PROBLEMS[name]
    figure = error_figure(problem)
    for k in range(problem.size + 2):
        labels = trace(figure, k, "labels").text
        void = any(step.clipped for step in problem.babai.steps[:k])
        assert ("<s>" in labels[-1]) == ("void: a code is clipped" in labels[-1]) == void
        assert short(bound(problem)) in labels[-1]
        box = trace(figure, k, "box of the error")
        if box is not None:
            assert (box.line.dash == "dash") == void
    assert ("void" in sentences(problem)[-1]) == problem.babai.clipped


@pytest.mark.parametrize("name", [n for n, p in PROBLEMS.items() if p.size <= 3])
def test_box_stands_around_the_answer_in_every_frame_and_in_the_window(name) -> None:
    problem = PROBLEMS[name]
    figure = error_figure(problem)
    axes = figure.layout if problem.size == 2 else figure.layout.scene
    for k in range(problem.size + 2):
        box = trace(figure, k, "box of the error")
        for j, letter in enumerate("xyz"[: problem.size]):
            places = np.array([v for v in box[letter] if v is not None], dtype=float)
            middle = (places.min() + places.max()) / 2
            answer = problem.lattice.point(problem.babai.codes)[j]
            assert middle == pytest.approx(answer, abs=1e-9)
            low, high = axes[f"{letter}axis"].range
            assert low < min(places.min(), problem.target[j])
            assert high > max(places.max(), problem.target[j])


def test_only_two_inputs_have_a_target_to_drag() -> None:
    for name, problem in PROBLEMS.items():
        figure = error_figure(problem)
        index = figure.layout.meta["handles"].get("target")
        assert (index is not None) == (problem.size == 2), name
        if index is not None:
            shown = figure.data[index]
            assert [shown.x[0], shown.y[0]] == pytest.approx(list(problem.target))


def test_sentences_say_the_numbers_and_find_corner_and_centre() -> None:
    problem = PRESETS["skewed"].problem
    told = sentences(problem)
    for k, taken in enumerate(problem.babai.steps, start=1):
        assert short(taken.plane_distance**2) in told[k]
        assert short(step_limits(problem)[k - 1]) in told[k]
    answer = problem.lattice.point(problem.babai.codes)
    corner = problem.lattice.nearest_plane_box(problem.order_indices)[-1] * (1 - 1e-9)
    assert "at a corner" in sentences(problem.with_target(answer + corner))[-1]
    assert "nothing is lost" in sentences(problem.with_target(answer))[-1]
    assert "times as large" in sentences(CLIPPED)[-1]


def test_figure_goes_into_a_page_of_its_own() -> None:
    html = standalone_html(error_figure(PROBLEMS["six, clipped"]), "Error and bound")
    assert "<title>Error and bound</title>" in html


def test_histogram_counts_everything_once_and_hatches_the_void() -> None:
    shares = np.array([0.0, 0.01, 0.3, 0.34, 0.999, 1.0, 1.4, 2.99, 7.0])
    void = shares > 0.9995
    figure = share_histogram(shares, void, [A_THIRD, mean_mark(shares, "rows"), bound_mark(void)])
    kept, clipped = (t for t in figure.data if t.type == "bar")
    assert (sum(kept.y), sum(clipped.y)) == (5, 4)
    assert clipped.marker.pattern.shape
    assert not kept.marker.pattern.shape
    assert clipped.customdata[-1].endswith("or more")
    assert clipped.y[-1] == 2  # 2.99 and 7
    lines = {t.name: t.x[0] for t in figure.data if t.type == "scatter"}
    assert lines["a third, the mean of law L7"] == pytest.approx(1 / 3)
    assert lines["mean of these rows"] == pytest.approx(shares.mean())
    assert "void" in bound_mark(void).name
    assert "<s>" in bound_mark(np.ones(2, dtype=bool)).name
    assert "void" not in bound_mark(np.zeros(2, dtype=bool)).name


def test_histogram_without_clipping_ends_at_the_bound() -> None:
    figure = share_histogram(np.array([0.2, 1.0]), np.zeros(2, dtype=bool), [])
    (counts,) = figure.data
    assert len(counts.y) == 40
    assert (counts.y[8], counts.y[39]) == (1, 1)


def test_dots_are_sorted_under_the_limit() -> None:
    figure = ratio_dots(np.array([3.0, 1.0, 2.0, 1.0]), 5.0, 2.0)
    assert list(figure.data[0].y) == [1, 1, 2, 3]
    assert set(figure.data[1].y) == {5.0}
    assert (figure.data[2].x[0], figure.data[2].y[0]) == (50, 2)
    assert len(ratio_dots(np.array([1.0]), 1.0, None).data) == 2


def sample_of(problem: Problem, count: int = 200) -> Sample:
    targets = drawn_targets(problem, count, 0)
    rounded = nearest_plane_of_many(problem.lattice, targets, problem.order_indices, problem.grid)
    return Sample(targets, rounded, shares_of_the_bound(problem, rounded), 0)


@pytest.mark.parametrize("name", ["skewed", "clipped", "random 6"])
def test_csv_holds_what_reproduces_each_loss(name) -> None:
    problem = PROBLEMS[name]
    sample = sample_of(problem)
    rows = list(csv.DictReader(io.StringIO(sample_csv(problem, sample))))
    assert len(rows) == 200
    for row in rows[:20]:
        place, codes = (
            np.array([float(row[f"{kind}_{j}"]) for j in range(problem.size)])
            for kind in ("coordinate", "code")
        )
        alone = replace(problem, weights=tuple(place * np.array(problem.scales)))
        assert alone.babai.codes.tolist() == codes.tolist()
        assert float(row["loss"]) == pytest.approx(alone.babai.squared_distance)
        assert float(row["share_of_bound"]) == pytest.approx(float(row["loss"]) / bound(problem))
        assert bool(int(row["clipped"])) == alone.babai.clipped


def test_findings_name_mean_or_clipping() -> None:
    plain = sample_of(PROBLEMS["skewed"])
    assert f"**{plain.shares.mean():.4f}**" in findings(PROBLEMS["skewed"], plain)
    clipped = sample_of(PROBLEMS["clipped"])
    told = findings(PROBLEMS["clipped"], clipped)
    assert told.startswith(f"**{clipped.rounded.clipped.sum()}** of 200 targets")
    assert "void" in told


# The page.


def charts(app) -> list[dict]:
    """What is measured on the page; the parabola, which is always the same, comes before them."""
    parabola, *measured = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert "u²" in parabola["data"][0]["name"]
    return measured


@pytest.mark.parametrize("size", range(2, 7))
def test_page_opens_for_every_size_with_its_laws(size) -> None:
    app = open_page(FILE, random_problem(size, 1), size + 1)
    assert len(figure_on(app)["figure"]["frames"]) == size + 2
    verdicts = re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", texts(app))
    assert sorted(verdicts) == [(law, "check") for law in ("L2", "L6", "L7", "L8")]
    assert len(charts(app)) == 2 + 2 * len(recorded_row_shares().layers)


def test_clipping_crosses_the_bound_out_and_voids_the_laws() -> None:
    app = open_page(FILE, CLIPPED, 3)
    shown = texts(app)
    assert f"~~{short(bound(CLIPPED))}~~" in shown
    verdicts = dict(re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", shown))
    assert verdicts == {"L6": "block", "L2": "check", "L7": "block", "L8": "block"}
    assert "have a clipped code" in shown
    assert any("void" in t["name"] for t in charts(app)[0]["data"])
    assert "~~" not in texts(open_page(FILE, PRESETS["skewed"].problem, 3))


def test_corner_button_reaches_the_bound_and_centre_loses_nothing() -> None:
    app = open_page(FILE, random_problem(5, 2))
    app.button(key="try_Go to the corner").click().run()
    problem = app.session_state.problem
    assert problem.babai.squared_distance == pytest.approx(bound(problem), rel=1e-6)
    assert not problem.babai.clipped
    assert "at a corner" in figure_on(app)["figure"]["layout"]["meta"]["sentences"][-1]
    app.button(key="try_Go to the centre").click().run()
    problem = app.session_state.problem
    assert problem.babai.squared_distance < 1e-12 * bound(problem)


def test_clip_button_shows_a_loss_beyond_the_bound() -> None:
    app = open_page(FILE)
    app.button(key="try_Clip").click().run()
    problem = app.session_state.problem
    assert problem.babai.clipped
    assert problem.babai.squared_distance > bound(problem)


def test_far_from_the_best_names_the_closest_point_and_the_ratio() -> None:
    app = open_page(FILE)
    app.button(key="try_Far from the best").click().run()
    shown = texts(app)
    assert "$\\gamma^2$ = **101**" in shown
    assert "the closest point is $z$ = (0, 0), not (0, 1)" in shown


def test_more_targets_and_other_targets_change_the_histogram() -> None:
    app = open_page(FILE)
    first = charts(app)[0]
    app.select_slider(key="bound_count").set_value(1000).run()
    fewer = charts(app)[0]
    (others,) = [b for b in app.button if b.label == "Draw others"]
    others.click().run()
    anew = charts(app)[0]
    assert "1,000 targets" in texts(app)
    assert json.dumps(first) != json.dumps(fewer) != json.dumps(anew)


def test_grid_offers_to_spread_the_targets_wider() -> None:
    assert "bound_beyond" not in {s.key for s in open_page(FILE).select_slider}
    app = open_page(FILE, CLIPPED)
    count = re.compile(r"\*\*([\d,]+)\*\* of 5,000 targets")
    near = int(count.search(texts(app))[1].replace(",", ""))
    app.select_slider(key="bound_beyond").set_value(2.0).run()
    assert int(count.search(texts(app))[1].replace(",", "")) > 2 * near


def test_too_skewed_a_basis_leaves_the_comparison_out() -> None:
    skewed = Problem([[1.0, 0.3], [0.3, 0.09 + 1e-12]], (0.3, 0.4), (1.0, 1.0))
    app = open_page(FILE, skewed)
    assert "so skewed" in app.info[0].value
    assert "L8." not in texts(app)


def test_comparison_with_the_best_takes_no_notice_of_grid_and_target() -> None:
    moved = replace(CLIPPED, bits=None, weights=(0.1, 0.2))
    with_grid, without = (
        charts(open_page(FILE, problem))[1]["data"] for problem in (CLIPPED, moved)
    )
    assert with_grid[0] == without[0]
    assert [trace["name"] for trace in without][2:] == ["the target above"]
    assert len(with_grid) == 2  # the target's code is clipped: the law says nothing about it


def test_real_rows_are_labelled_as_recorded() -> None:
    recorded = recorded_row_shares()
    shown = texts(open_page(FILE))
    assert f"recorded {recorded.date}" in shown
    assert recorded.command in shown
    assert "measurement" in shown
    for layer in recorded.layers:
        assert layer.layer in shown
        assert f"Mean {layer.kept.mean():.3f}" in shown


def test_everything_that_can_be_hidden_is() -> None:
    app = open_page(FILE, hide="controls,laws,quiz,try,code,sources,downloads,numbers")
    assert not app.selectbox
    assert not app.select_slider
    assert not app.radio
    assert not app.expander
    assert not app.button
    assert len(charts(app)) == 6


def test_integral_over_the_box_adds_up_edge_by_edge() -> None:  # law L7
    for name in ("skewed", "random 6"):
        problem = PROBLEMS[name]
        (formula,) = open_page(FILE, problem).latex
        means = edge_means(problem)
        assert means.sum() == pytest.approx(bound(problem) / 3)
        for value in (*means, means.sum(), bound(problem)):
            assert short(value).partition("e")[0] in formula.value


# The wrong worlds.


def test_wrong_world_is_announced_breaks_the_bound_and_is_mended() -> None:
    app = open_page(FILE, BREAKS, 4, wrong="whole_inverse")
    assert "wrong world: invert the whole Hessian" in app.error[0].value
    verdicts = re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", texts(app))
    assert {law for law, icon in verdicts if icon == "close"} == {"L6", "L2"}
    broken = gptq_in_world(BREAKS, "whole_inverse")
    assert f"| {short(BREAKS.loss_of(broken.codes))} | > | {short(bound(BREAKS))} |" in texts(app)
    assert f"**{short(BREAKS.loss_of(broken.codes))}**" in texts(
        app
    )  # the sum of the broken column
    assert app.query_params["wrong"] == "whole_inverse"
    app.button(key="mend").click().run()
    assert not app.error
    assert "fails]" not in texts(app)
    assert "wrong" not in app.query_params


def test_wrong_world_that_does_no_harm_says_so() -> None:
    app = open_page(FILE, PRESETS["skewed"].problem, 1, wrong="whole_inverse")
    assert "**No law fails.** With two inputs" in texts(app)
    app = open_page(FILE, PRESETS["nearly_orthogonal"].problem, 1)
    app.segmented_control(key="option_wrong").set_value("no_propagation").run()
    assert "Red above: **L2**" in texts(app)
