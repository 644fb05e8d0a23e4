"""The figures of the study, and what the study can be asked."""

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch")

from made_up_study import made_up_study

from app.figures.bits_plot import bits_plot
from app.figures.inputs_plot import inputs_plot
from app.figures.predictor_plot import predictor_plot
from app.figures.study_axes import Point, Series, log_axis
from lattice_core.language_model.study_laws import (
    above_the_gaussian_reference,
    at_size,
    clipping_voids_the_bound,
    distinct_models,
    prediction,
    size_is_met,
    spacing_beats_one_scale,
)

STUDY = made_up_study()
A_SERIES = Series(
    "a", "#0072B2", "circle", (Point(2, 10, "two"), Point(3, 5, "three", True)), "dot"
)


def divergence(run) -> float:
    return run.divergence


def run_of(contender: str, bits: float = 3.25):
    key = f"A-{contender}-{bits:g}-act_order-clip-one_shot-own-text"
    found = STUDY.run(key)
    assert found is not None
    return found, STUDY.layers_of(key)


# Figures


@pytest.mark.parametrize(
    ("least", "most"), [(1.0, 1.0), (0.9, 1.1), (0.01, 3.0), (20, 3e5), (1e-4, 1e9), (20, 1e90)]
)
def test_axis_has_a_few_ticks_within_its_range_in_plain_numbers(least, most) -> None:
    axis = log_axis("y", least, most)
    low, high = (10**end for end in axis["range"])
    assert low < least <= most < high
    assert all(low <= tick <= high for tick in axis["tickvals"])
    assert 1 <= len(axis["tickvals"]) <= 14
    assert most > 1e9 or not any("e" in text for text in axis["ticktext"])


def test_shares_are_written_in_percent() -> None:
    axis = log_axis("y", 0.05, 0.5, percent=True)
    assert "10 %" in axis["ticktext"]


def test_what_is_too_high_is_an_arrow_at_the_edge_and_the_rest_keeps_its_room() -> None:
    high = replace(A_SERIES, points=(*A_SERIES.points, Point(2.5, 1e9, "far")))
    figure = bits_plot([high], "perplexity", ceiling=20, level=("original: 4", 4.0))
    arrows = next(trace for trace in figure.data if trace.name == "above the edge")
    assert (list(arrows.x), list(arrows.text)) == ([2.5], ["far"])
    assert 18 < arrows.y[0] < 10 ** figure.layout.yaxis.range[1] == pytest.approx(20)
    assert "above the edge" not in [t.name for t in bits_plot([A_SERIES], "y", ceiling=20).data]
    assert 10 ** bits_plot([A_SERIES], "y", ceiling=20).layout.yaxis.range[1] < 12


def test_hollow_points_are_outlines_and_the_line_joins_all() -> None:
    figure = bits_plot([A_SERIES], "y", level=("original: 4", 4.0))
    points, level = figure.data
    assert list(points.marker.symbol) == ["circle", "circle-open"]
    assert points.mode == "lines+markers"
    assert list(level.y) == [4.0, 4.0]
    assert 10 ** figure.layout.yaxis.range[0] < 4


def test_several_models_in_a_column_are_spanned() -> None:
    other = replace(A_SERIES, name="b")
    found = {
        A_SERIES: {0: [Point(0, 2, "")], 1: [Point(0, 3, ""), Point(0, 5, ""), Point(0, 4, "")]},
        other: {0: [Point(0, 7, "")]},
    }
    figure = inputs_plot(("one", "two"), found, "y")
    dots, bar, others = figure.data
    assert list(dots.y) == [2, 3, 5, 4]
    assert list(bar.y) == [3, 5]
    assert bar.x[0] == dots.x[1]
    assert others.x[0] > dots.x[0]
    assert list(figure.layout.xaxis.ticktext) == ["one", "two"]


def test_figures_of_nothing_can_be_drawn() -> None:
    bits_plot([], "y")
    inputs_plot((), {}, "y")
    predictor_plot([], "x", "y", void="void")


def test_crosses_cover_hollow_points_if_they_have_a_name() -> None:
    crossed = predictor_plot([A_SERIES], "x", "y", void="void").data[-1]
    assert (crossed.name, list(crossed.x), list(crossed.y)) == ("void", [3], [5])
    assert len(predictor_plot([A_SERIES], "x", "y").data) == 1


# What the study can be asked


def test_models_that_are_stored_in_two_ways_count_once() -> None:
    runs = [run_of("gptq")[0], run_of("gptq_huffman")[0], run_of("hptq")[0]]
    assert [run.contender for run in distinct_models(runs)] == ["gptq", "hptq"]


def test_prediction_is_the_rank_correlation_and_needs_three_models() -> None:
    runs = [run_of(name)[0] for name in ("hptq", "watersic", "rtn", "ssqr")]
    turned = [replace(run, relative_bound=-run.divergence) for run in runs]
    assert prediction(turned, "bound").correlation == pytest.approx(-1)
    assert prediction(turned, "bound").models == 4
    assert prediction(runs[:2], "loss").correlation is None
    unknown = [*runs[:3], replace(runs[3], held_out_loss=math.nan)]
    assert prediction(unknown, "held_out").models == 3


def test_size_is_read_off_the_line_and_only_between_the_ends() -> None:
    runs = [run for run in STUDY.stage("A") if run.contender == "hptq"]
    for run in runs:
        assert at_size(runs, run.bits_per_weight, divergence) == pytest.approx(run.divergence)
    ends = sorted((run.bits_per_weight, run.divergence) for run in runs)[:2]
    middle = at_size(runs, (ends[0][0] + ends[1][0]) / 2, divergence)
    assert middle == pytest.approx(math.sqrt(ends[0][1] * ends[1][1]))
    assert at_size(runs, 4.25, divergence) == pytest.approx(min(map(divergence, runs)))
    assert at_size(runs, 4.5, divergence) is None
    assert at_size([], 3, divergence) is None


def test_law_18_compares_the_largest_layer_with_what_was_asked() -> None:
    run, layers = run_of("hptq")
    assert size_is_met(run, layers).holds
    assert not size_is_met(run, layers).void
    larger = [*layers[:-1], replace(layers[-1], bits_per_weight=3.26)]
    assert not size_is_met(run, larger).holds
    assert size_is_met(*run_of("gptq")).void


def test_law_9_is_void_where_a_code_is_clipped_and_fails_where_the_bound_is_wrong() -> None:
    run, layers = run_of("hptq")
    check = clipping_voids_the_bound(run, layers)
    assert check.left == max(layer.loss_over_bound for layer in layers)
    assert check.holds
    assert not check.void
    wrong = [replace(layers[0], loss_over_bound=1.1), *layers[1:]]
    assert not clipping_voids_the_bound(run, wrong).holds
    clipped = clipping_voids_the_bound(*run_of("gptq"))
    assert clipped.void.startswith("210 of 210 layers have clipped codes")


def test_law_20_compares_two_models_that_differ_in_nothing_else() -> None:
    run, _ = run_of("rtn")
    check = spacing_beats_one_scale(run, STUDY.runs)
    assert check is not None
    assert (check.left, check.right) == (
        run_of("watersic")[0].relative_loss,
        run_of("hptq")[0].relative_loss,
    )
    assert check.holds
    assert spacing_beats_one_scale(replace(run, order="min_pivot"), STUDY.runs) is None
    assert spacing_beats_one_scale(replace(run, target_bits=2.75), STUDY.runs) is None


def test_law_21_holds_above_the_reference_and_says_nothing_below() -> None:
    run, layers = run_of("hptq")
    check = above_the_gaussian_reference(run, layers)
    assert check.left == pytest.approx(run.bits_per_weight - run.distance)
    assert check.holds
    assert not check.void
    below = [replace(layer, distance=-0.1) for layer in layers]
    easier = above_the_gaussian_reference(replace(run, distance=-0.1), below)
    assert "210 of 210 layers lie below" in easier.statement
    assert easier.void
    assert np.isfinite(easier.left)
