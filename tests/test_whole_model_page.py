"""The page *Whole model*: the recorded study, its link, its figures and its words."""

import re
from dataclasses import replace

import numpy as np
import pytest
from laboratory_app import shown_text, value_in_link

pytest.importorskip("torch")


from whole_model_app import GPTQ, HPTQ, KEYS, STUDY, figure, lines, open_page, run_of, values

from app.figures.study_marks import COLORS, LEGEND, NAMES
from app.whole_model import findings, predicting, study_quiz
from app.whole_model.choice import OPTIONS, ModelChoice, from_query
from app.whole_model.measures import MEASURES, hover, run_title
from lattice_core.language_model import study_laws, study_record
from lattice_core.language_model.study_plan import STAGES
from lattice_core.language_model.study_record import Study

pytestmark = pytest.mark.usefixtures("study_installed")


# The link


def test_every_choice_survives_its_link() -> None:
    for name, options in (OPTIONS | {"run": ("", *KEYS), "other": ("", *KEYS)}).items():
        for option in options:
            choice = ModelChoice(**{name: option})
            link = from_query(choice.to_query(), KEYS)
            assert link.choice == choice
            assert not link.notices


def test_what_makes_no_sense_in_a_link_is_told_as_plain_text() -> None:
    app = open_page(measure="<b>x</b>", run="A-nobody", layer="31-up_proj", compare="orders")
    told = [warning.value for warning in app.warning]
    assert len(told) == 3
    assert r"\<b\>x\</b\>" in told[0]
    assert "the key of a recorded run was wanted" in told[1]
    assert "0-q\\_proj … 29-down\\_proj" in told[2]
    assert app.session_state.model_choice == ModelChoice(compare="orders")


def test_widgets_keep_the_link_in_step() -> None:
    app = open_page(layer="3-up_proj")
    app.selectbox(key="model_compare").set_value("inputs").run()
    app.selectbox(key="model_measure").set_value("divergence").run()
    app.selectbox(key="model_run").set_value(GPTQ).run()
    app.selectbox(key="model_other").set_value(HPTQ).run()
    app.selectbox(key="model_quantity").set_value("distance").run()
    app.selectbox(key="model_predictor").set_value("held_out").run()
    assert not app.exception
    wanted = ModelChoice(
        compare="inputs",
        measure="divergence",
        run=GPTQ,
        other=HPTQ,
        quantity="distance",
        predictor="held_out",
        layer="3-up_proj",
    )
    assert app.session_state.model_choice == wanted
    assert {name: value_in_link(app, name) for name in wanted.to_query()} == wanted.to_query()
    assert open_page(**wanted.to_query()).session_state.model_choice == wanted


def test_lesson_link_hides_what_it_says() -> None:
    app = open_page(hide="controls,quiz,laws,code,sources,downloads,numbers")
    assert not app.selectbox
    assert not app.radio
    assert not app.get("download_button")
    assert "checked on this problem" not in shown_text(app)
    assert "Two ideas" not in shown_text(app)
    assert app.query_params["hide"]


# The record


def test_provenance_comes_first_and_what_is_missing_is_listed() -> None:
    app = open_page()
    told = app.info[0].value
    assert "**Recorded on 2026-01-17**, not computed here" in told
    assert "`nearest-plane study --to study`" in told
    assert "0 … 16,383" in told
    assert "Planned and not finished: 2 of 59 models" in [e.label for e in app.expander]
    assert all(f"- `{key}`" in shown_text(app) for key in STUDY.about["missing"])
    assert "rounded to 4 bits in groups of 32" in shown_text(app)


def test_without_a_study_the_page_says_so_and_can_still_run_one(monkeypatch) -> None:
    def nothing() -> Study:
        raise ValueError("/x is no study: it has no study.json.")

    monkeypatch.setattr(study_record, "recorded_study", nothing)
    app = open_page(run=GPTQ)
    assert "No study is recorded in this installation" in app.info[0].value
    assert len(app.warning) == 1  # the link names a run
    assert not app.get("plotly_chart")
    assert app.session_state.model_choice.view == "recorded"


def test_study_of_a_single_model_is_shown(monkeypatch) -> None:
    one = replace(STUDY, runs=STUDY.runs[:1], about={**STUDY.about, "missing": []})
    monkeypatch.setattr(study_record, "recorded_study", lambda: one)
    for compare in OPTIONS["compare"]:
        app = open_page(compare=str(compare))
        assert "Planned and not finished" not in [e.label for e in app.expander]
        assert not app.radio  # nothing to ask
        assert "too few (0)" in shown_text(app)  # RTN clips


# The figures


@pytest.mark.parametrize("measure", OPTIONS["measure"])
def test_first_figure_has_every_contender_at_its_stored_sizes(measure) -> None:
    app = open_page(measure=str(measure))
    traces = lines(app)
    for contender, name in LEGEND.items():
        runs = [run for run in STUDY.stage("A") if run.contender == contender]
        wanted = {run.bits_per_weight: MEASURES[measure].value(run) for run in runs}
        trace = traces[name]
        shown = dict(zip(values(trace, "x"), values(trace, "y"), strict=True))
        assert shown == pytest.approx(wanted)
        assert trace["line"]["color"] == COLORS[contender]
    assert ("original: 22.55" in traces) == (measure == "perplexity")
    assert figure(app)["layout"]["yaxis"]["type"] == "log"


def test_what_is_above_the_figure_is_an_arrow_and_is_told() -> None:
    app = open_page()
    beyond = [run for run in STUDY.stage("A") if run.perplexity > 15 * 22.55]
    assert beyond
    assert len(lines(app)["above the edge"]["x"]) == len(beyond)
    for run in beyond:
        assert f"{run_title(run)} (" in shown_text(app)


def test_orders_are_clipped_and_kept() -> None:
    app = open_page(compare="orders", measure="divergence")
    act = lines(app)["act-order"]
    runs = {r.overflow: r for r in STUDY.stage("B") if r.order == "act_order"}
    assert values(act, "y") == pytest.approx([runs["clip"].divergence, runs["keep"].divergence])
    assert [symbol.endswith("open") for symbol in act["marker"]["symbol"]] == [False, True]
    kept = [r for r in STUDY.stage("B") if r.overflow == "keep"]
    best = min(kept, key=lambda run: run.divergence)
    assert "Codes kept: **act-order** has the least KL" in shown_text(app)
    assert best.order == "act_order"


def test_order_that_was_not_run_again_is_taken_from_the_first_part(monkeypatch) -> None:
    key = "B-gptq_huffman-3.25-act_order-clip-one_shot-own-text"
    without = replace(STUDY, runs=tuple(run for run in STUDY.runs if run.key != key))
    monkeypatch.setattr(study_record, "recorded_study", lambda: without)
    act = lines(open_page(compare="orders", measure="divergence"))["act-order"]
    twin = run_of("A-gptq_huffman-3.25-act_order-clip-one_shot-own-text")
    assert len(values(act, "y")) == 2
    assert twin.divergence in values(act, "y")


def test_moved_targets_are_not_judged_by_the_distance_from_the_original_weights() -> None:
    *_, told, _ = findings.findings(STUDY, "inputs")
    assert "does not judge them" in told
    far = [
        replace(run, held_out_loss=1e6) if run.targets == "unquantized" else run
        for run in STUDY.runs
    ]
    others = [run for run in STUDY.runs if run.targets == "own"]
    assert study_laws.prediction(far, "held_out") == study_laws.prediction(others, "held_out")


def test_inputs_stand_in_columns_and_draws_are_spanned() -> None:
    app = open_page(compare="inputs", measure="divergence")
    traces = figure(app)["data"]
    gptq = next(trace for trace in traces if trace.get("name") == "GPTQ")
    columns = np.round(values(gptq, "x")).astype(int).tolist()
    assert columns == [0, 1, 2, 3, 3, 3]
    drawn = [r.divergence for r in STUDY.stage("C") if r.contender == "gptq" and r.seed]
    assert any(
        trace["mode"] == "lines" and values(trace, "y") == pytest.approx([min(drawn), max(drawn)])
        for trace in traces
    )
    assert "over 6 models" in shown_text(app)


def test_crosses_are_where_the_bound_is_void() -> None:
    clipped = [r for r in predicting.distinct_models(STUDY.runs) if r.clipped_fraction]
    crosses = lines(open_page(), 1)["bound void"]
    assert sorted(values(crosses, "y")) == pytest.approx(sorted(r.divergence for r in clipped))
    assert "bound void" not in lines(open_page(predictor="loss"), 1)


# The words


def test_correlations_are_those_of_the_models_shown() -> None:
    by_weights = {(r.perplexity, r.divergence): r for r in STUDY.runs if not r.clipped_fraction}
    runs = list(by_weights.values())
    found = study_record.rank_correlation(
        [r.relative_bound for r in runs], [r.divergence for r in runs]
    )
    table = predicting.correlations(STUDY)
    assert f"| relative bound | **{found:.3f}** ({len(runs)}) |" in table
    assert table.count("void") == 1
    assert table in shown_text(open_page())
    rows = [line for line in table.splitlines() if "**" in line]
    best = max(rows, key=lambda row: float(row.split("**")[1]))
    assert f"the **{best.split('|')[1].strip()}** tells the order best" in shown_text(open_page())


def test_three_ways_are_told_apart_at_one_size() -> None:
    found = findings.damages_at(STUDY, 3.25, findings.TOLD_APART)
    assert set(found) == set(findings.TOLD_APART)
    three, four = (
        run_of(f"A-gptq_huffman-{b}-act_order-clip-one_shot-own-text") for b in (3.25, 4.25)
    )
    share = (3.25 - three.bits_per_weight) / (four.bits_per_weight - three.bits_per_weight)
    between = three.divergence ** (1 - share) * four.divergence**share
    assert found["gptq_huffman"] == pytest.approx(between)
    shown = shown_text(open_page())
    assert f"KL times **{found['hptq'] / found['hrtn']:.2f}**" in shown
    assert f"KL times **{found['hptq'] / found['gptq_huffman']:.2f}**" in shown
    assert f"| HPTQ | yes: nearest plane | none, one scale a layer | {3.249:.3f}" in shown


def test_prediction_is_answered_from_the_study() -> None:
    app = open_page()
    verdicts = {}
    for option in app.radio[0].options:
        app.radio[0].set_value(option).run()
        verdicts[option] = bool(app.success)
    found = findings.damages_at(STUDY, 3.25, findings.TOLD_APART)
    best = NAMES[min(found, key=lambda key: found[key])]
    assert verdicts == {NAMES[key]: NAMES[key] == best for key in findings.TOLD_APART}
    assert study_quiz.answered(STUDY)[0] == best


@pytest.mark.parametrize(("key", "clips"), [(GPTQ, True), (HPTQ, False)])
def test_laws_are_checked_on_the_model_on_show(key, clips) -> None:
    shown = shown_text(open_page(run=key))
    verdicts = dict(re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", shown))
    held = {"L18": "check", "L20": "check", "L21": "check", "L9": "check"}
    assert verdicts == (held | {"L9": "block", "L18": "block"} if clips else held)
    assert f"on the model chosen above: {run_title(run_of(key))}" in shown


def test_hover_says_where_the_bound_is_void() -> None:
    assert "<s>bound" in hover(run_of(GPTQ))
    assert "void" not in hover(run_of(HPTQ))
    assert f"perplexity {run_of(HPTQ).perplexity:.4g}" in hover(run_of(HPTQ))


def test_titles_tell_all_models_apart() -> None:
    for stage in STAGES:
        titles = [run_title(run) for run in STUDY.stage(stage)]
        assert len(set(titles)) == len(titles)


# The layers
