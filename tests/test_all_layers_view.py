"""The view of all layers: recorded first, then filled by work in the background."""

import csv
import io
import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout
from dataclasses import replace

import numpy as np
import pytest
from browser import eventually
from streamlit.testing.v1 import AppTest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from app import cached, machine
from app.figures.order_survey import best_order_map, loss_against_bound, number_map
from app.laboratory_snippets import survey_snippet
from app.order_names import ORDER_NAMES
from app.real_layers import survey_figures, survey_job, work
from app.real_layers.choice import SHAPES, LayerChoice
from app.real_layers.controls import calibration
from app.real_layers.survey_downloads import survey_csv
from app.real_layers.survey_quantities import QUANTITIES, Pick, best_counts, layer_map
from app.real_layers.survey_sentences import findings
from app.real_layers.survey_table import table_of
from lattice_core import ORDERS
from lattice_core.language_model import order_survey, recorded_survey

RECORDED = recorded_survey()
OF_ALL = f"of {len(RECORDED.layers)} layers"


class FakeWork:
    """Stands for the model: hands out the recorded layers, as many as it is allowed to."""

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.gathered = 0
        self.fails_at: str | None = None

    def gather(self, job, calibration, layers, into) -> dict[str, list[int]]:
        self.gathered += 1
        hessians = {layer.layer: [0] * layer.columns for layer in RECORDED.layers}
        return {name: hessians[name] for name in layers}

    def survey(self, loaded, hessians, *, skip, cancel, **how) -> Iterator[object]:
        for layer in RECORDED.layers:
            if layer.layer in skip:
                continue
            while not self.allowed.acquire(timeout=0.01):
                if cancel():
                    return
            if layer.layer == self.fails_at:
                raise ValueError(f"{layer.layer}: use more damping.")
            yield replace(layer, bits=how["bits"])

    def reduce(self, hessians, *, damping, skip, cancel) -> Iterator[object]:
        for reduction in RECORDED.reductions:
            if (reduction.layers[0], reduction.order) not in skip:
                yield reduction


@pytest.fixture
def fake(monkeypatch) -> Iterator[FakeWork]:
    """The page finds a model, but all slow work is done by the stand-in."""
    stand_in = FakeWork()
    monkeypatch.setattr(machine, "what_is_missing", lambda: "")
    monkeypatch.setattr("lattice_core.language_model.load.load_model", lambda: None)
    monkeypatch.setattr(survey_job, "gather", stand_in.gather)
    monkeypatch.setattr(order_survey, "survey_orders", stand_in.survey)
    monkeypatch.setattr(order_survey, "survey_reductions", stand_in.reduce)
    caches = (cached.language_model, cached.background_jobs, cached.latest_hessians)
    for cache in caches:
        cache.clear()
    yield stand_in
    cached.background_jobs().close()
    for cache in caches:
        cache.clear()


def open_page(**query: str) -> AppTest:
    app = AppTest.from_file("../app/main.py", default_timeout=60)
    for name, value in ({"view": "all"} | query).items():
        app.query_params[name] = value
    app.switch_page("../pages/real_layers.py").run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def job_of(app: AppTest):
    choice = app.session_state.layer_choice
    return survey_job.survey_job(choice, calibration(choice))


def until(app: AppTest, reached: Callable[[], bool]) -> AppTest:
    """What the poll in the browser does."""
    eventually(reached, seconds=60)
    app.run()
    assert not app.exception
    return app


def started(fake: FakeWork, layers: int, **query: str) -> AppTest:
    """A page on which so many layers have come in."""
    app = press(open_page(**query), "Compare all 210 layers")
    fake.allowed.release(layers)
    return until(app, lambda: len(job_of(app).parts) == layers)


def finished(fake: FakeWork, app: AppTest) -> AppTest:
    fake.allowed.release(len(RECORDED.layers))
    return until(app, lambda: not job_of(app).active)


def said(app: AppTest) -> str:
    kinds = (app.subheader, app.markdown, app.caption, app.info, app.error)
    return "\n".join(text.value for kind in kinds for text in kind)


def labels(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


@pytest.mark.usefixtures("fake")
def test_recorded_run_is_shown_first_and_labelled_with_its_own_settings() -> None:
    app = open_page(bits="2", tokens="1024")
    assert "Recorded: all 210 layers" in said(app)
    assert f"Recorded on {RECORDED.date}" in said(app)
    assert RECORDED.command in said(app)
    assert f"{RECORDED.bits} bits" in app.info[0].value
    assert f"{RECORDED.tokens:,} tokens" in app.info[0].value
    assert "Compare all 210 layers" in labels(app)
    assert job_of(app) is None
    for law, verdict in (("L6", "holds"), ("L9", "does not apply"), ("L10", "holds")):
        assert f"**{law}." in said(app)
        assert verdict in said(app)
    assert "fails" not in said(app)
    cells, marks = (json.loads(chart.proto.spec) for chart in app.get("plotly_chart"))
    assert len(cells["data"]) == 2
    assert sum("bound" in str(trace.get("name")) for trace in marks["data"]) == 2
    assert len(app.dataframe[0].value) == 210


def test_results_fill_while_it_runs_and_stay_when_the_page_is_left(fake) -> None:
    app = started(fake, 5, bits="2")
    assert f"Computed here: 5 {OF_ALL}" in said(app)
    assert "Recorded" not in said(app)
    assert "Settings: 2 bits" in said(app)
    assert "Cancel" in labels(app)
    assert f"5 {OF_ALL}" in app.get("progress")[0].proto.text
    assert len(app.dataframe[0].value) == 5

    app.switch_page("../pages/nearest_plane.py").run()
    fake.allowed.release(2)
    eventually(lambda: len(job_of(app).parts) == 7)
    app.switch_page("../pages/real_layers.py").run()
    assert f"Computed here: 7 {OF_ALL}" in said(app)

    finished(fake, app)
    assert "Computed here: all 210 layers" in said(app)
    assert not {"Cancel", "Go on", "Compare all 210 layers"} & set(labels(app))
    assert job_of(app).result.reductions == RECORDED.reductions
    assert "LLL on 90 inputs" in said(app)


def test_cancelled_work_says_so_keeps_its_layers_and_is_gone_on_with(fake) -> None:
    app = press(started(fake, 5), "Cancel")
    assert f"cancelled after 5 {OF_ALL}" in said(app)
    assert f"Computed here: 5 {OF_ALL}" in said(app)
    press(app, "Go on")
    assert len(job_of(app).parts) >= 5
    finished(fake, app)
    assert [la.layer for la in job_of(app).result.layers] == [la.layer for la in RECORDED.layers]
    assert fake.gathered == 1


def test_failed_work_says_why_keeps_its_layers_and_is_gone_on_with(fake) -> None:
    fake.fails_at = RECORDED.layers[3].layer
    app = press(open_page(), "Compare all 210 layers")
    finished(fake, app)
    assert "use more damping" in app.error[0].value
    assert f"stopped after 3 {OF_ALL}" in said(app)
    assert f"Computed here: 3 {OF_ALL}" in said(app)
    fake.fails_at = None
    finished(fake, press(app, "Go on"))
    assert "Computed here: all 210 layers" in said(app)


def test_two_visitors_share_the_work_and_another_grid_its_hessians(fake) -> None:
    first = started(fake, 3)
    second = open_page()
    assert job_of(second) is job_of(first)
    assert f"Computed here: 3 {OF_ALL}" in said(second)
    finished(fake, first)
    second.selectbox(key="layer_bits").set_value(4).run()
    assert "Recorded: all 210 layers" in said(second)
    finished(fake, press(second, "Compare all 210 layers"))
    assert {layer.bits for layer in job_of(second).result.layers} == {4}
    assert fake.gathered == 1


@pytest.mark.usefixtures("fake")
def test_chosen_layer_is_opened_with_the_settings_it_was_found_with() -> None:
    app = open_page(bits="2", tokens="1024")
    app.session_state["survey_layer"] = "model.layers.3.mlp.up_proj"  # what a press on the map does
    app.run()
    assert "Block 3, up_proj" in said(app)
    press(app, "Open this layer")
    assert app.session_state.layer_choice == LayerChoice(
        block=3, linear="up_proj", bits=RECORDED.bits, tokens=RECORDED.tokens
    )


@pytest.mark.usefixtures("fake")
def test_choices_change_the_map_and_the_table() -> None:
    app = open_page()
    before = app.dataframe[0].value["pivots"].sum()
    app.session_state["survey_order"] = "back_to_front"
    app.session_state["survey_overflow"] = "clip"
    app.selectbox(key="survey_quantity").set_value("best").run()
    assert not app.exception
    assert app.dataframe[0].value["pivots"].sum() > before
    assert "Loss against bound, codes clipped" in said(app)
    assert "bound is void" in said(app)


# What the view is made of


@pytest.mark.parametrize("quantity", QUANTITIES)
@pytest.mark.parametrize("overflow", survey_figures.OVERFLOW_TITLES)
def test_map_has_each_layers_number_and_nothing_where_none_is_known(quantity, overflow) -> None:
    partly = replace(RECORDED, layers=RECORDED.layers[:10], reductions=RECORDED.reductions[:3])
    for survey in (RECORDED, partly):
        shown = layer_map(survey, quantity, Pick("act_order", overflow))
        assert shown.values.shape == (len(SHAPES), 30)
        draw = best_order_map if quantity == "best" else number_map
        cells, points = draw(shown).data
        assert len(points.customdata) == 210
        assert points.customdata[31] == shown.names[1][1] == "model.layers.1.self_attn.k_proj"
        np.testing.assert_array_equal(cells.z, shown.values)
    assert np.isfinite(shown.values).sum() <= 10
    assert math.isnan(shown.values[6, 29])
    assert "not computed yet" in shown.hovers[6][29]


def test_map_says_where_the_bound_is_void() -> None:
    kept, clipped = (
        layer_map(RECORDED, "share", Pick("min_pivot", overflow)) for overflow in ("keep", "clip")
    )
    assert not any("void" in hover for row in kept.hovers for hover in row)
    assert any("void" in hover for row in clipped.hovers for hover in row)
    first = RECORDED.layers[0].result("min_pivot", "clip")
    assert clipped.values[0, 0] == first.loss / first.bound


def test_scatter_has_a_mark_for_each_layer_and_order() -> None:
    points = [
        survey_figures.LossPoint("x", layer.linear, r.order, r.relative_loss, r.relative_bound, 0.0)
        for layer in RECORDED.layers
        for r in layer.with_overflow("keep")
    ]
    figure = loss_against_bound(points, list(SHAPES))
    marks = [trace for trace in figure.data if trace.name in {o.name for o in ORDER_NAMES.values()}]
    assert [len(trace.x) for trace in marks] == [210] * 4
    assert all((np.array(trace.y) <= np.array(trace.x)).all() for trace in marks)


def test_sentences_count_what_they_say() -> None:
    counts = best_counts(RECORDED.layers, "keep")
    assert sum(counts.values()) == 210
    assert set(counts) == set(ORDERS)
    told = findings(RECORDED)
    first = next(iter(counts))
    assert f"**{ORDER_NAMES[first].name}** has the least loss on {counts[first]} of 210" in told[0]
    shares = [r.loss / r.bound for layer in RECORDED.layers for r in layer.with_overflow("keep")]
    assert f"**{min(shares):.3f} … {max(shares):.3f}** of its bound" in " ".join(told)


def test_table_stars_the_best_order() -> None:
    table = table_of(RECORDED, "act_order")
    for row, layer in zip(table.itertuples(), RECORDED.layers, strict=True):
        assert row.kept_best.startswith("★") == (layer.best("keep").order == "act_order")
        assert row.kept == pytest.approx(layer.result("act_order", "keep").loss, rel=1e-3)
        assert (row.swaps >= 0) == (layer.columns == 576)


def test_csv_has_every_result_with_its_settings() -> None:
    rows = list(csv.DictReader(io.StringIO(survey_csv(RECORDED))))
    assert len(rows) == 210 * 8
    assert {row["text_sha256"] for row in rows} == {RECORDED.text_sha256}
    assert [float(row["loss"]) for row in rows] == [
        r.loss for layer in RECORDED.layers for r in layer.results
    ]
    with_lll = [row for row in rows if row["lll_swaps"]]
    assert len(with_lll) == 2 * sum(len(r.layers) for r in RECORDED.reductions)


def test_command_repeats_the_settings() -> None:
    choice = LayerChoice(bits=2, group=None, scales="absmax", damping=0.1, tokens=1024, seed=3)
    survey = survey_job.survey_so_far(
        choice, work.Calibration(calibration(choice).text, 1024, 3), []
    )
    options = order_survey.options(survey.command.split()[3:])
    assert vars(options) | {"out": None} == {
        "text": "calibration",
        "tokens": 1024,
        "seed": 3,
        "bits": 2,
        "group": None,
        "scales": "absmax",
        "damping": 0.1,
        "out": None,
    }


def test_snippet_prints_the_surveys_numbers(monkeypatch) -> None:
    from test_language_model import tiny_model

    loaded = tiny_model()
    tokenizer = lambda text, verbose: {"input_ids": [ord(letter) % 50 for letter in text]}  # noqa: E731
    loaded = replace(loaded, tokenizer=tokenizer)
    monkeypatch.setattr("lattice_core.language_model.load.load_model", lambda: loaded)
    with redirect_stdout(io.StringIO()) as printed:
        exec(survey_snippet(LayerChoice(tokens=1024, bits=2)), found := {})
    lines = [line.split() for line in printed.getvalue().splitlines()]
    assert len(lines) == 14 * 8
    survey = list(order_survey.survey_orders(loaded, found["hessians"], bits=2))
    assert [float(line[4]) for line in lines] == pytest.approx(
        [r.loss for layer in survey for r in layer.results]
    )
