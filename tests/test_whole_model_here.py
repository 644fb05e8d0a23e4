"""The view *Run it here*: work in the background, results beside the recorded ones; on a model made in a moment."""

import csv
import io
import json
import os
import threading
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from laboratory_app import labels, open_laboratory, press, shown_text, value_in_link, wait
from streamlit.testing.v1 import AppTest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
from made_up_study import made_up_study
from tiny_model import tiny_model

from app import cached
from app.laboratory_snippets import whole_model_snippet
from app.whole_model import run_here, run_job
from app.whole_model.choice import ModelChoice
from app.whole_model.own_downloads import own_layers_csv, own_runs_csv, own_texts_json
from lattice_core.language_model import (
    LoadedModel,
    embedded_text,
    open_checkpoint,
    pipeline,
    study_judge,
    study_record,
    tokenize,
)
from lattice_core.language_model.checkpoint_folders import keep_newest
from lattice_core.language_model.evaluate import evaluate, gather_reference

STUDY = made_up_study()
QUICK = {"view": "here", "tokens": "2048", "evaluated": "1024"}
open_page = partial(open_laboratory, "whole_model", **QUICK)


class Letters:
    """A tokenizer: a letter a token, of what stands at the start."""

    eos_token_id = 1

    def __call__(self, text: str, **options: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) % 50 for letter in text[:5000]]}

    def decode(self, ids: torch.Tensor, **options: Any) -> str:
        return "".join(f" {int(i)}" for i in ids)


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    made = tiny_model(hidden_size=64, intermediate_size=96)
    return replace(made, tokenizer=Letters())  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def small_world(loaded, monkeypatch, tmp_path: Path) -> Iterator[Path]:
    """The page finds this model, an empty cache, and no work of earlier tests; the folder of the cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(run_here, "what_is_missing", lambda: "")
    monkeypatch.setattr("lattice_core.language_model.load.load_model", lambda: loaded)
    monkeypatch.setattr(study_judge, "WRITTEN_TOKENS", 4)
    monkeypatch.setattr(study_record, "recorded_study", lambda: STUDY)
    caches = (cached.language_model, cached.background_jobs, cached.original_models)
    for cache in caches:
        cache.clear()
    yield tmp_path / "nearest-plane" / "whole-model"
    cached.background_jobs().close()
    for cache in caches:
        cache.clear()


def chart(app: AppTest) -> dict[str, dict]:
    """The traces of the first figure, by name."""
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    return {trace.get("name"): trace for trace in spec["data"]}


def result(app: AppTest) -> run_job.Finished:
    """Of the choice on show."""
    job = run_job.run_job(app.session_state.model_choice)
    assert job is not None
    assert job.state == "done", job.error
    return job.result


def ran(app: AppTest) -> AppTest:
    return wait(press(app, "Start"), 120)


def test_model_is_quantized_judged_and_shown_beside_the_recorded_ones(small_world, loaded) -> None:
    app = ran(open_page(method="watersic", bits="3.75"))
    done = result(app)
    (folder,) = small_world.iterdir()
    checkpoint = open_checkpoint(folder)
    tokens = tokenize(loaded, embedded_text("evaluation"), 1024)
    found = evaluate(checkpoint.model(loaded), tokens, reference=gather_reference(loaded, tokens))
    assert done.run.perplexity == pytest.approx(found.perplexity)
    assert done.run.divergence == pytest.approx(found.divergence)
    assert done.run.bits_per_weight == checkpoint.report.bits_per_weight <= 3.75
    assert done.original_perplexity == pytest.approx(evaluate(loaded, tokens).perplexity)
    assert len(done.layers) == 14

    traces = chart(app)
    own = traces["here: Spacing, 3.75 bits"]
    assert own["y"] == pytest.approx([done.run.perplexity / done.original_perplexity])
    recorded = traces["HPTQ"]
    runs = [r for r in STUDY.stage("A") if r.contender == "hptq"]
    assert sorted(recorded["y"]) == pytest.approx(sorted(r.perplexity / 22.55 for r in runs))
    assert own["marker"]["size"] > recorded["marker"]["size"]
    (table,) = app.dataframe
    assert table.value["stored"].tolist() == [done.run.bits_per_weight]
    shown = shown_text(app)
    assert "were calibrated and judged on other text (wiki.test.raw)" in shown
    assert f"Prompt: *{done.prompt}*" in shown
    assert "**L18." in shown
    assert "Law L20 compares Spacing with HPTQ." in shown
    assert "fails" not in shown
    assert not {"Start", "Go on", "Cancel"} & set(labels(app))


def test_several_models_are_compared_and_each_has_its_row(small_world) -> None:
    app = ran(open_page(method="hptq"))
    app.selectbox(key="model_method").set_value("ssqr").run()
    app.selectbox(key="model_outliers").set_value(0.05).run()
    app.selectbox(key="model_measure").set_value("divergence").run()
    ran(app)
    names = app.dataframe[0].value["model"].tolist()
    assert names == ["HPTQ", "SSQR 5 %"]
    traces = chart(app)
    assert "here: HPTQ, 3.25 bits" in traces
    assert traces["here: SSQR 5 %, 3.25 bits"]["y"] == pytest.approx([result(app).run.divergence])
    assert result(app).run.outlier_rate > 0.01
    assert "Computed here: **SSQR 5 %; 3.25 bits; act-order; one-shot" in shown_text(app)
    assert app.selectbox(key="own_beside").options[0].startswith("HPTQ; 3.25 bits")
    assert len(list(small_world.iterdir())) == 2


def test_law_20_compares_models_that_differ_in_the_method_only() -> None:
    def made(**options: object) -> SimpleNamespace:
        choice = replace(ModelChoice(), **options)
        return SimpleNamespace(choice=choice, run=options)

    shown = made(method="watersic", tokens=4096)
    alike = made(method="hptq", tokens=4096)
    finished = [
        made(method="hptq", tokens=2048),
        alike,
        made(method="hptq", tokens=4096, beams=4),
        shown,
    ]
    assert run_here._but_for_the_method(shown, finished) == [alike.run, shown.run]


def test_what_cannot_be_combined_is_a_sentence_and_nothing_is_lost() -> None:
    app = open_page(method="rtn", rate_aware="on")
    assert "These cannot be combined: rate\\_aware has no meaning for rtn" in app.warning[0].value
    assert "Start" not in labels(app)
    assert app.session_state.model_choice.rate_aware
    app.toggle(key="model_rate_aware").set_value(False).run()
    assert not app.warning
    assert "Start" in labels(app)
    assert value_in_link(app, "rate_aware") == "off"


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        (
            {"method": "gptq", "bits": "2.75"},
            {"bits": 2, "coder": None, "decoder": "nearest_plane"},
        ),
        ({"method": "gptq_huffman", "beams": "4"}, {"bits": 3, "coder": "huffman", "k": 4}),
        ({"method": "watersic", "beams": "16", "rate_aware": "on", "bits": "2.75"}, {"bits": 2.75}),
        ({"method": "hptq", "descent": "on", "refit": "on"}, {"refine": "coordinate_descent"}),
        ({"method": "ssqr", "outliers": "0.03"}, {"outlier_rate": 0.03}),
    ],
)
def test_recipe_and_snippet_are_those_of_the_choice(query, settings) -> None:
    choice: ModelChoice = open_page(**query, inputs="targets").session_state.model_choice
    recipe = run_job.recipe_of(choice)
    assert {name: getattr(recipe.settings, name) for name in settings} == settings
    assert (recipe.inputs, recipe.targets, recipe.window) == ("sequential", "unquantized", 512)
    begun = whole_model_snippet(choice).partition("loaded = ")[0]
    exec(begun, space := {})
    assert space["recipe"] == recipe


def test_snippet_prints_the_pages_numbers(monkeypatch, tmp_path: Path) -> None:
    done = result(ran(open_page(method="gptq", bits="4.25")))
    monkeypatch.chdir(tmp_path)
    with redirect_stdout(io.StringIO()) as printed:
        exec(whole_model_snippet(done.choice), {})
    numbers = [float(word) for word in printed.getvalue().splitlines()[0].split()]
    run = done.run
    wanted = [run.bits_per_weight, run.perplexity, run.divergence, run.agreement]
    assert numbers == pytest.approx(wanted)


def test_cancelled_work_keeps_its_layers_and_goes_on(small_world, monkeypatch) -> None:
    gate, reached = threading.Event(), threading.Event()
    real = pipeline.quantize_to_folder

    def slow(*arguments: Any, progress: Any, **options: Any) -> Any:
        def report(message: str, done: int, total: int) -> None:
            progress(message, done, total)
            if done > 14:  # in the second block
                reached.set()
                gate.wait(30)

        return real(*arguments, progress=report, **options)

    monkeypatch.setattr(pipeline, "quantize_to_folder", slow)
    app = press(open_page(method="hptq"), "Start")
    assert reached.wait(60)
    app.run()
    assert "Quantizing the model, block by block." in app.get("progress")[0].proto.text
    assert "steps" in app.get("progress")[0].proto.text
    press(app, "Cancel")
    gate.set()
    (folder,) = small_world.iterdir()
    kept = {file.name: file.stat().st_mtime_ns for file in (folder / "layers").iterdir()}
    assert len(kept) >= 7
    assert "What was finished is kept" in shown_text(app)
    wait(press(app, "Go on"), 120)
    assert len(result(app).layers) == 14
    after = {file.name: file.stat().st_mtime_ns for file in (folder / "layers").iterdir()}
    assert {name: after[name] for name in kept} == kept


def test_killed_work_goes_on_in_another_process(small_world) -> None:
    done = result(ran(open_page(method="hptq")))
    (folder,) = small_world.iterdir()
    before = (folder / "checkpoint.json").read_bytes()
    (folder / "checkpoint.json").unlink()
    next((folder / "layers").glob("*down_proj*")).unlink()
    cached.background_jobs.clear()  # as a new process has it
    again = result(ran(open_page(method="hptq")))
    assert again.run.divergence == pytest.approx(done.run.divergence)
    assert (folder / "checkpoint.json").read_bytes() == before


def test_failed_work_is_told_in_words_and_the_page_goes_on(monkeypatch) -> None:
    def full(*arguments: Any, **options: Any) -> Any:
        raise ValueError("there is no room for model.layers.0: the disk is full.")

    monkeypatch.setattr(pipeline, "quantize_to_folder", full)
    app = ran(open_page(method="hptq"))
    assert "the disk is full" in app.error[0].value
    monkeypatch.undo()
    assert "Go on" in labels(app)


def test_two_visitors_share_the_work_and_a_link_shows_it() -> None:
    first = ran(open_page(method="gptq"))
    second = open_page(method="gptq")
    assert "Computed here, beside the recorded ones" in shown_text(second)
    assert result(second) is result(first)
    second.selectbox(key="model_method").set_value("rtn").run()
    assert second.dataframe[0].value["model"].tolist() == ["GPTQ"]  # it stays to be compared with
    assert "Computed here: **GPTQ;" in shown_text(second)
    assert "Computed here" not in shown_text(open_page(method="rtn"))


def test_view_without_the_model_says_what_to_do_and_the_record_needs_none(monkeypatch) -> None:
    monkeypatch.setattr(run_here, "what_is_missing", lambda: "SmolLM2 is not installed.")
    app = open_page()
    assert "SmolLM2 is not installed" in app.info[0].value
    assert "Start" not in labels(app)
    app.segmented_control(key="model_view").set_value("recorded").run()
    assert not app.exception
    assert "Recorded on" in app.info[0].value


def test_files_have_every_model_with_its_settings() -> None:
    done = [result(ran(open_page(method=method))) for method in ("rtn", "gptq")]
    rows = list(csv.DictReader(io.StringIO(own_runs_csv(done))))
    assert [row["method"] for row in rows] == ["rtn", "gptq"]
    assert [float(row["divergence"]) for row in rows] == [each.run.divergence for each in done]
    assert all("first 2,048 tokens" in row["calibration"] for row in rows)
    layers = list(csv.DictReader(io.StringIO(own_layers_csv(done))))
    assert len(layers) == 28
    assert {row["key"] for row in layers} == {each.run.key for each in done}
    texts = json.loads(own_texts_json(done))
    assert set(texts) == {"prompt", "reference", *(each.run.key for each in done)}


def test_same_work_has_the_same_folder_and_other_work_another() -> None:
    def folder(**fields: Any) -> str:
        return run_job._folder_name(replace(ModelChoice(), **fields), "text", "model")

    assert folder(evaluated=4096) == folder() == folder(outliers=0.05) == folder(measure="held_out")
    others = [folder(**{k: v}) for k, v in (("bits", 2.75), ("order", "min_pivot"), ("beams", 4))]
    assert len({folder(), *others, folder(tokens=2048), folder(inputs="targets")}) == 6


def test_only_old_checkpoints_are_removed(tmp_path: Path) -> None:
    for age, name in enumerate(("newest", "newer", "old", "oldest, in use", "older")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "recipe.json").touch()
        os.utime(tmp_path / name / "recipe.json", (1e9 - age, 1e9 - age))
    (tmp_path / "of somebody else").mkdir()
    keep_newest(tmp_path, 2, tmp_path / "oldest, in use")
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"newest", "newer", "oldest, in use", "of somebody else"}
    assert keep_newest(tmp_path / "nowhere", 2, tmp_path) == []
