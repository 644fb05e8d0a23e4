"""The lesson *Quantization order*: its pictures, tables, sentences and files say what the core says."""

import csv
import io
import json
import re
from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from test_pages import figure_on, open_page, texts

from app.figures.edge_bars import edges_figure
from app.figures.numbers import short
from app.figures.order_cloud import cloud_figure, order_text
from app.figures.pivot_sentences import pivot_sentences
from app.figures.residual_arrows import arrows_figure
from app.figures.residual_bars import bars_figure
from app.order_names import ORDER_NAMES
from app.quantization_order.all_orders import (
    all_orders,
    all_orders_csv,
    best_bound_has_best_loss,
    clipping_sentence,
)
from app.quantization_order.rotated_inputs import OUTLYING
from lattice_core import PRESETS, Problem, gptq, min_pivot_steps, random_problem
from lattice_core.rotation import rotated, rotation_side

PAGE = "quantization_order.py"
CLIPS = replace(random_problem(3, 65), bits=2)
DRAWN = {
    "skewed": PRESETS["skewed"].problem,
    "three_orders": PRESETS["three_orders"].problem,
    "real_three_inputs": PRESETS["real_three_inputs"].problem,
    "random 4": random_problem(4, 1),
    "random 6": random_problem(6, 2),
}


def figure_of(problem: Problem) -> go.Figure:
    return arrows_figure(problem) if problem.size <= 3 else bars_figure(problem)


def drawn(figure: go.Figure, step: int, name: str) -> np.ndarray:
    """The numbers of the named trace in one frame: points, or heights of bars; gaps left out."""
    frame = figure.frames[step]
    traces = dict(enumerate(figure.data)) | dict(zip(frame.traces, frame.data, strict=True))
    trace = next(trace for trace in traces.values() if trace.name == name)
    axes = "y" if trace.type == "bar" else [a for a in "xyz" if getattr(trace, a, None) is not None]
    columns = [[np.nan if v is None else v for v in getattr(trace, axis)] for axis in axes]
    points = np.array(columns, dtype=float).T
    return points[~np.isnan(points).any(axis=1)]


@pytest.mark.parametrize("size", [2, 3, 4, 5, 6])
def test_page_shows_random_problems_of_every_size(size) -> None:
    problem = replace(random_problem(size, 3), bits=2)
    app = open_page(PAGE, problem, size)
    assert len(figure_on(app)["figure"]["frames"]) == size + 2
    shown = texts(app)
    assert f"| **{size}** |" in shown  # the row of the study
    assert "A picture has three" in shown or size <= 3
    orders = all_orders(problem)
    for row in orders.named.values():
        assert order_text(orders.kept.orders[row]).replace(" ", "\N{NO-BREAK SPACE}") in shown
        assert short(orders.kept.losses[row]) in shown
        assert short(orders.clipped.losses[row]) in shown
    assert f"{problem.lattice.orthogonality_defect:.4g}" in " ".join(f.value for f in app.latex)


def test_table_beside_the_figure_follows_the_step() -> None:
    problem = PRESETS["three_orders"].problem
    steps = min_pivot_steps(problem.damped_hessian)
    for step in range(5):
        shown = texts(open_page(PAGE, problem, step))
        taken = [f"**{s.lengths[s.index]:.3g}**\N{NO-BREAK SPACE}★" in shown for s in steps]
        assert taken == [k < step for k in range(3)]


@pytest.mark.parametrize("name", DRAWN)
def test_figure_keeps_the_contract_of_the_stepper(name) -> None:
    figure = figure_of(DRAWN[name])
    assert len(figure.frames) == DRAWN[name].size + 2
    assert len(figure.layout.meta["sentences"]) == len(figure.frames)
    for frame in figure.frames:
        for place, trace in zip(frame.traces, frame.data, strict=True):
            assert type(figure.data[place]) is type(trace)
            assert figure.data[place].showlegend == trace.showlegend
    assert len(figure.to_json()) < 100_000


@pytest.mark.parametrize("name", ["skewed", "three_orders", "real_three_inputs"])
def test_arrows_are_the_residuals_and_the_box_is_theirs(name) -> None:
    problem = DRAWN[name]
    figure, steps = arrows_figure(problem), min_pivot_steps(problem.damped_hessian)
    edges = np.array([step.residuals[:, step.index] for step in steps])
    for k, step in enumerate(steps, start=1):
        origin, tip = drawn(figure, k, "shortest: taken")
        np.testing.assert_allclose(origin, 0)
        np.testing.assert_allclose(tip, step.residuals[:, step.index])
        tips = drawn(figure, k, "left over")[1::2]
        others = sorted(s.index for s in steps[k:])
        np.testing.assert_allclose(tips, step.residuals.T[others].reshape(-1, problem.size))
        np.testing.assert_allclose(drawn(figure, k, "taken before")[1::2], edges[: k - 1])
        for point in drawn(figure, k, "projected out"):
            taken = edges[: k - 1]
            foot = taken.T @ np.linalg.lstsq(taken.T, point, rcond=None)[0]
            np.testing.assert_allclose(foot, point, atol=1e-9 * np.abs(edges).max())
    corners = np.unique(drawn(figure, problem.size + 1, "box of these edges").round(9), axis=0)
    assert len(corners) == 2**problem.size
    np.testing.assert_allclose(corners.mean(axis=0), edges.sum(axis=0) / 2)


def test_bars_are_the_lengths_left_over() -> None:
    problem = DRAWN["random 6"]
    figure, steps = bars_figure(problem), min_pivot_steps(problem.damped_hessian)
    for k, step in enumerate(steps, start=1):
        np.testing.assert_allclose(
            drawn(figure, k, "shortest: taken"), [[step.lengths[step.index]]]
        )
        others = sorted(s.index for s in steps[k:])
        np.testing.assert_allclose(drawn(figure, k, "left over")[:, 0], step.lengths[others])
        assert len(drawn(figure, k, "taken before")) == k - 1
    assert len(drawn(figure, 7, "taken before")) == 6
    assert len(drawn(figure, 0, "left over")) == 6


def test_sentences_build_the_order_from_its_end() -> None:
    problem = replace(PRESETS["three_orders"].problem, order="min_pivot")
    start, *steps, result = pivot_sentences(problem)
    names = [f"w{'₁₂₃'[j]}" for j in problem.order_indices]
    assert "from its end" in start
    assert f"{names[2]} is rounded last" in steps[0]
    assert f"{names[1]} is rounded number 2" in steps[1]
    assert f"{names[0]} is rounded first" in steps[2]
    assert f"{names[0]}, {names[1]}, then {names[2]}" in result
    assert short(np.sqrt(np.linalg.det(problem.damped_hessian))) in result


@pytest.mark.parametrize("name", DRAWN)
def test_cloud_holds_every_order_and_marks_the_named(name) -> None:
    problem = DRAWN[name]
    orders = all_orders(problem)
    figure = cloud_figure(orders.kept, orders.named, orders.floor)
    traces = {trace.name: trace for trace in figure.data}
    assert len(traces["an order"].x) == np.prod(np.arange(1, problem.size + 1))
    for key in orders.named:
        trace = traces[ORDER_NAMES[key].name]
        row = replace(problem, order=key)
        assert list(trace.x) == pytest.approx([orders.kept.bounds[orders.named[key]]])
        loss = gptq(row.damped_hessian, row.weights, row.scales, row.order_indices)
        assert list(trace.y) == pytest.approx([loss.squared_distance])
    low, high = figure.layout.xaxis.range
    assert low < orders.floor <= min(traces["an order"].x)
    assert high > max(traces["an order"].x)
    line = traces["loss = bound"]
    assert list(line.x) == list(line.y)


def test_clipped_cloud_says_that_the_bound_is_void() -> None:
    orders = all_orders(CLIPS)
    figure = cloud_figure(orders.clipped, orders.named, orders.floor)
    names = [trace.name for trace in figure.data]
    assert "loss = bound (void where clipped)" in names
    assert "a third of the bound" not in names
    (marked,) = [trace for trace in figure.data if trace.name == "an order that clips"]
    assert len(marked.x) == (orders.clipped.clipped > 0).sum()
    assert figure.layout.yaxis.range[1] > orders.clipped.losses.max()


@pytest.mark.parametrize("name", DRAWN)
def test_no_bound_leaves_its_two_limits(name) -> None:
    orders = all_orders(DRAWN[name])
    assert orders.floor <= orders.kept.bounds.min()
    assert orders.kept.bounds.max() <= orders.ceiling
    lengths = np.linalg.norm(DRAWN[name].lattice.basis, axis=0)
    assert orders.ceiling == pytest.approx((lengths**2).sum() / 4)


def test_bars_of_edges_add_up_to_four_bounds_and_meet_the_floor() -> None:
    orders = all_orders(DRAWN["random 6"])
    figure = edges_figure(orders.kept, orders.named, orders.floor)
    sums = np.sum([trace.x for trace in figure.data], axis=0)
    rows = list(orders.named.values())
    np.testing.assert_allclose(sums, [*(4 * orders.kept.bounds[rows]), 4 * orders.floor])
    first = [orders.kept.orders[row, 0] for row in rows]
    assert list(figure.data[0].text)[:-1] == [f"w{'₁₂₃₄₅₆'[j]}" for j in first]


def test_bound_is_crossed_out_where_clipping_voids_it() -> None:
    shown = texts(open_page(PAGE, CLIPS))
    orders = all_orders(CLIPS)
    for row in orders.named.values():
        bound = short(orders.kept.bounds[row])
        assert (f"~~{bound}~~" in shown) == bool(orders.clipped.clipped[row])
    assert "its clipped loss is **7.37 times**" in shown
    assert "No order clips" in clipping_sentence(*_both(replace(random_problem(3, 65), bits=8)))


def _both(problem: Problem):
    orders = all_orders(problem)
    return orders, orders.clipped


def test_a_page_without_a_grid_offers_one() -> None:
    app = open_page(PAGE, PRESETS["three_orders"].problem)
    (button,) = [button for button in app.button if button.label == "Clip to 2 bits"]
    button.click().run()
    assert app.session_state.problem == replace(PRESETS["three_orders"].problem, bits=2)
    assert "2" in app.query_params["bits"]


@pytest.mark.parametrize("seed", range(4))
def test_prediction_knows_the_smallest_loss(seed) -> None:
    problem = random_problem(4, seed)
    orders = all_orders(problem)
    kept = orders.kept
    yes, said = best_bound_has_best_loss(orders)
    best = int(np.argmin(kept.bounds))
    assert yes == np.isclose(kept.losses[best], kept.losses.min(), rtol=1e-9)
    assert order_text(kept.orders[best]) in said
    assert (short(kept.losses.min()) in said) or yes
    app = open_page(PAGE, problem)
    app.radio[0].set_value(app.radio[0].options[0 if yes else 1]).run()
    assert said in app.success[0].value


def test_prediction_has_problems_with_either_answer() -> None:
    answers = {best_bound_has_best_loss(all_orders(random_problem(4, s)))[0] for s in range(20)}
    assert answers == {True, False}


def test_min_pivot_missing_the_best_is_said() -> None:
    app = open_page(PAGE)
    app.button(key="try_Greedy misses").click().run()
    shown = texts(app)
    assert re.search(r"Min-pivot.s bound is number 3 from below, 1\.196 times the smallest", shown)
    assert "A measurement, not a theorem" in shown


def test_hidden_parts_leave_the_two_figures() -> None:
    app = open_page(PAGE, hide="controls,laws,quiz,try,code,sources,downloads,numbers")
    assert not app.selectbox
    assert not app.radio
    assert not app.tabs
    assert len(app.get("plotly_chart")) == 1
    assert len(figure_on(app)["figure"]["frames"]) == 4


def test_all_orders_csv_holds_bounds_losses_and_codes() -> None:
    rows = list(csv.DictReader(io.StringIO(all_orders_csv(CLIPS))))
    assert len(rows) == 6
    named = [name for row in rows for name in row["names"].split()]
    assert sorted(named) == sorted(ORDER_NAMES)
    for row in rows:
        order = [int(j) for j in row["order"].split()]
        args = CLIPS.damped_hessian, CLIPS.weights, CLIPS.scales, order
        for grid, codes, loss in (
            (None, "codes_kept", "loss_kept"),
            (CLIPS.grid, "codes_clipped", "loss_clipped"),
        ):
            trace = gptq(*args, grid)
            assert [int(z) for z in row[codes].split()] == trace.codes.tolist()
            assert float(row[loss]) == pytest.approx(trace.squared_distance)
    unlimited = list(csv.DictReader(io.StringIO(all_orders_csv(replace(CLIPS, bits=None)))))
    assert {row["loss_clipped"] for row in unlimited} == {""}


def test_figures_are_plain_json() -> None:
    for problem in DRAWN.values():
        assert set(json.loads(figure_of(problem).to_json())) == {"data", "layout", "frames"}


# Rotated inputs.


def test_rotation_is_in_the_link_and_shows_the_rotated_problem() -> None:
    app = open_page(PAGE, OUTLYING, 2, rotate="hadamard")
    shown = texts(app)
    turned = rotated(OUTLYING)
    best = all_orders(turned).kept.bounds.min()
    assert short(best) in shown
    steps = min_pivot_steps(turned.damped_hessian)
    assert f"**{steps[0].lengths[steps[0].index]:.3g}**\N{NO-BREAK SPACE}★" in shown
    assert "A rotation leaves the volume as it is** :green" in shown
    assert app.session_state.problem == OUTLYING  # the controls still hold the row as it was
    assert app.query_params["rotate"] == "hadamard"
    app.segmented_control(key="option_rotate").set_value("none").run()
    assert "rotate" not in app.query_params
    assert "A rotation leaves" not in texts(app)


@pytest.mark.parametrize("size", [3, 4])
def test_rotation_table_has_both_sides_and_names_the_matrix(size) -> None:
    problem = replace(random_problem(size, 2), bits=2)
    shown = texts(open_page(PAGE, problem))
    before, after = rotation_side(problem), rotation_side(rotated(problem))
    for name in ORDER_NAMES:
        row = f"{ORDER_NAMES[name].name} | {short(before.bounds[name])} | {short(after.bounds[name])} |"
        assert row in shown
    assert f"at that spacing | {before.clipped} | {after.clipped} |" in shown
    assert ("**Hadamard** matrix" in shown) == (size == 4)
    assert ("**discrete Hartley** matrix" in shown) == (size == 3)
