"""The study: planned points, runs that are kept, tables that are read back."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_model import tiny_model

from lattice_core.language_model import Cancelled, LoadedModel, study, study_judge
from lattice_core.language_model.study import StudyRunner, StudyText
from lattice_core.language_model.study_plan import CONTENDERS, STAGES, StudyPoint
from lattice_core.language_model.study_record import (
    RUNS,
    STUDY,
    StudyRun,
    as_csv,
    rank_correlation,
    read_study,
    recorded_study,
)
from lattice_core.language_model.text import Text

POINTS = [StudyPoint("A", "gptq", 4.25), StudyPoint("C", "hptq", 5.0, seed=2)]


class Letters:
    """A tokenizer: a letter a token."""

    eos_token_id = 1

    def __call__(self, text: str, **options: Any) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) % 50 for letter in text]}

    def decode(self, ids: torch.Tensor, **options: Any) -> str:
        return " ".join(str(int(i)) for i in ids)


@pytest.fixture
def model() -> LoadedModel:
    made = tiny_model(hidden_size=64, intermediate_size=96)
    return replace(made, tokenizer=Letters())  # type: ignore[arg-type]


@pytest.fixture
def text(monkeypatch: pytest.MonkeyPatch) -> StudyText:
    monkeypatch.setattr(study_judge, "WRITTEN_TOKENS", 4)
    letters = np.random.default_rng(0).integers(97, 147, 9000)
    content = "".join(chr(int(letter)) for letter in letters)
    return StudyText(Text(content, "letters"), (0, 200), (2000, 4048), (8000, 8600), 64)


def test_every_point_has_its_own_key_and_a_recipe() -> None:
    points = [point for stage in STAGES.values() for point in stage()]
    assert len({point.key for point in points}) == len(points)
    assert {point.recipe().window for point in points} == {512}
    assert len(STAGES["A"]()) <= 24
    assert len(STAGES["B"]()) == 8
    assert {point.seed for point in STAGES["C"]()} == {None, 1, 2, 3}


def test_keeping_codes_changes_nothing_else() -> None:
    clipped, kept = (
        StudyPoint("B", "gptq_huffman", 3.25, overflow=overflow).recipe().settings
        for overflow in ("clip", "keep")
    )
    assert kept == replace(clipped, overflow="keep")
    assert kept.coder == "huffman"


def test_contenders_are_settings_of_every_size() -> None:
    for contender in CONTENDERS.values():
        for bits in (2.25, 3.25, 4.25):
            settings = contender.settings(bits)
            assert settings.bits == (bits if settings.entropy_coded else int(bits))


def test_runs_are_kept_and_read_back(model: LoadedModel, text: StudyText, tmp_path: Path) -> None:
    runs = list(StudyRunner(model, text, tmp_path, command="typed").run(POINTS))
    found = read_study(tmp_path)
    assert [run.key for run in found.runs] == [point.key for point in POINTS]
    assert found.runs[0].perplexity == pytest.approx(runs[0].perplexity, rel=1e-5)
    assert found.about["command"] == "typed"
    assert found.about["missing"] == []
    assert set(found.texts) == {"reference", *(point.key for point in POINTS)}
    assert len(found.layers_of(POINTS[1].key)) == 14
    held_out = sum(layer.held_out_loss for layer in found.layers_of(POINTS[0].key))
    assert found.runs[0].held_out_loss == pytest.approx(held_out, rel=1e-4)
    assert found.runs[0].divergence > 0
    assert found.reference_perplexity > 1


def test_a_study_goes_on_with_what_is_missing(
    model: LoadedModel, text: StudyText, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = next(StudyRunner(model, text, tmp_path).run(POINTS))
    assert read_study(tmp_path).about["missing"] == [POINTS[1].key]
    done: list[str] = []
    quantize = study.quantize_to_folder

    def watch(*args: Any, **options: Any) -> Any:
        done.append(args[3].name)
        return quantize(*args, **options)

    monkeypatch.setattr(study, "quantize_to_folder", watch)
    again = list(StudyRunner(model, text, tmp_path).run(POINTS))
    assert done == [POINTS[1].key]
    assert again[0] == first
    assert first.quantize_seconds > 0
    assert not list((tmp_path / "checkpoints").iterdir())


def test_seconds_of_a_model_that_was_gone_on_with_are_not_known(
    model: LoadedModel, text: StudyText, tmp_path: Path
) -> None:
    windows = iter(range(10**9))

    def stop() -> bool:
        begun = list((tmp_path / "checkpoints").glob("*/layers/*.safetensors"))
        return len(begun) > 3 and next(windows) == 0

    with pytest.raises(Cancelled):
        list(StudyRunner(model, text, tmp_path, cancel=stop).run(POINTS[:1]))
    (again,) = StudyRunner(model, text, tmp_path).run(POINTS[:1])
    assert math.isnan(again.quantize_seconds)
    assert again.evaluate_seconds > 0


def test_a_study_of_another_text_is_refused(
    model: LoadedModel, text: StudyText, tmp_path: Path
) -> None:
    StudyRunner(model, text, tmp_path)
    with pytest.raises(ValueError, match="of another model, text or window"):
        StudyRunner(model, replace(text, evaluation=(0, 100)), tmp_path)
    with pytest.raises(ValueError, match="another model, text or window"):
        StudyRunner(model, replace(text, evaluation_window=8), tmp_path)
    with pytest.raises(ValueError, match="letters has 9,000 tokens; the study wants 9,001"):
        StudyRunner(model, replace(text, held_out=(8000, 9001)), tmp_path / "new")


def test_damaged_tables_are_told(model: LoadedModel, text: StudyText, tmp_path: Path) -> None:
    list(StudyRunner(model, text, tmp_path).run(POINTS[:1]))
    (tmp_path / RUNS).write_text("key,perplexity\nA,3\n")
    with pytest.raises(ValueError, match=r"\['key', 'perplexity'\] came"):
        read_study(tmp_path)
    (tmp_path / STUDY).unlink()
    with pytest.raises(ValueError, match=r"no study: it has no study\.json"):
        read_study(tmp_path)


def test_rank_correlation_is_spearmans() -> None:
    assert rank_correlation([1, 2, 3, 4], [10, 100, 1000, 10000]) == pytest.approx(1)
    assert rank_correlation([1, 2, 3, 4], [4, 3, 2, 1]) == pytest.approx(-1)
    # Ranks 1 2.5 2.5 4 and 1 2 3 4: by hand 4.5 / sqrt(4.5 · 5).
    assert rank_correlation([1, 2, 2, 9], [1, 2, 3, 4]) == pytest.approx(4.5 / 22.5**0.5)
    with pytest.raises(ValueError, match="three pairs or more"):
        rank_correlation([1, 2], [1, 2])
    with pytest.raises(ValueError, match="all the same"):
        rank_correlation([1, 1, 1], [1, 2, 3])


def test_recorded_study_is_whole() -> None:
    found = recorded_study()
    keys = {run.key for run in found.runs}
    planned = {point.key for stage in STAGES.values() for point in stage()}
    assert keys | set(found.about["missing"]) == planned
    assert set(found.texts) == {"reference", *keys}
    assert {layer.key for layer in found.layers} == keys
    assert all(len(found.layers_of(key)) == 210 for key in keys)
    # 22.55 is the original on the first 16,384 tokens of WikiText-2 raw in windows of 1024.
    assert found.reference_perplexity == pytest.approx(22.55, abs=0.005)
    for run in found.runs:
        assert run.bits_per_weight <= run.file_bits_per_weight < run.bits_per_weight + 0.02
        assert run.perplexity > found.reference_perplexity * 0.98
        if run.contender in ("hrtn", "hptq", "watersic", "watersic_k_best"):
            assert run.target_bits - 0.01 < run.bits_per_weight <= run.target_bits
            assert run.clipped_fraction == 0
    assert json.loads(json.dumps(dict(found.about))) == found.about
    assert as_csv(found.runs, StudyRun).count("\n") == len(found.runs) + 1
