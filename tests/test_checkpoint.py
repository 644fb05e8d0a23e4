"""A quantized model read back from its folder."""

import json
from pathlib import Path

import pytest
import torch
from tiny_model import tiny_model

from lattice_core.language_model import (
    Checkpoint,
    LoadedModel,
    Recipe,
    open_checkpoint,
    quantize_to_folder,
)
from lattice_core.language_model.checkpoint import MANIFEST, RECIPE, layer_file
from lattice_core.layers import Settings

SIZES = {"hidden_size": 64, "intermediate_size": 96}
METHODS = (
    Settings("rtn", 3, 32),
    Settings("gptq", 3, 32, coder="huffman"),
    Settings("ssqr", 3, 32, outlier_rate=0.02),
    Settings("hrtn", 4.0),
    Settings("hptq", 4.0),
    Settings("watersic", 4.5, decoder="k_best", k=4, rate_aware=True, refit_scales=True),
)


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return tiny_model(**SIZES)


@pytest.fixture
def checkpoint(model: LoadedModel, tmp_path: Path) -> Checkpoint:
    return _quantize(model, METHODS[4], tmp_path / "checkpoint")


def _quantize(model: LoadedModel, settings: Settings, folder: Path) -> Checkpoint:
    tokens = torch.randint(0, 50, (640,), generator=torch.Generator().manual_seed(1))
    return quantize_to_folder(model, tokens, Recipe(settings, window=32, inputs="one_shot"), folder)


@pytest.mark.parametrize("settings", METHODS, ids=lambda settings: settings.method)
def test_logits_are_the_same_after_loading(
    model: LoadedModel, settings: Settings, tmp_path: Path
) -> None:
    made = _quantize(model, settings, tmp_path / "new").model(model)
    read = open_checkpoint(tmp_path / "new").model(tiny_model(**SIZES))
    piece = torch.arange(40)[None]
    with torch.no_grad():
        assert torch.equal(made.model(piece).logits, read.model(piece).logits)
        assert not torch.equal(made.model(piece).logits, model.model(piece).logits)


def test_what_is_not_quantized_is_shared(model: LoadedModel, checkpoint: Checkpoint) -> None:
    read = checkpoint.model(model).model
    assert read.model.embed_tokens.weight is model.model.model.embed_tokens.weight
    assert read.model.norm.weight is model.model.model.norm.weight


def test_damage_names_the_file(model: LoadedModel, checkpoint: Checkpoint) -> None:
    name = next(iter(checkpoint.hashes))
    file = layer_file(checkpoint.folder, name)
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(ValueError, match=r"q_proj\.safetensors is not the file that was written"):
        checkpoint.model(model)
    file.unlink()
    with pytest.raises(ValueError, match=r"q_proj\.safetensors is missing"):
        checkpoint.model(model)


def test_another_model_is_told(checkpoint: Checkpoint) -> None:
    other = tiny_model(**SIZES)
    with torch.no_grad():
        other.model.model.norm.weight[0] += 1
    with pytest.raises(ValueError, match="this checkpoint is of tiny"):
        checkpoint.model(other)


def test_unfinished_and_foreign_folders_are_told(checkpoint: Checkpoint, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"is no checkpoint: it has no recipe\.json"):
        open_checkpoint(tmp_path / "nothing")
    (checkpoint.folder / MANIFEST).unlink()
    with pytest.raises(ValueError, match="is unfinished"):
        open_checkpoint(checkpoint.folder)


def test_damaged_json_and_other_formats_are_told(checkpoint: Checkpoint) -> None:
    file = checkpoint.folder / RECIPE
    recipe = json.loads(file.read_text())
    file.write_text(json.dumps(recipe | {"format": 99}))
    with pytest.raises(ValueError, match="format 99; 1 was wanted"):
        open_checkpoint(checkpoint.folder)
    file.write_text(file.read_text()[:-3])
    with pytest.raises(ValueError, match=r"recipe\.json is damaged"):
        open_checkpoint(checkpoint.folder)


def test_manifest_says_what_was_done(checkpoint: Checkpoint) -> None:
    about = checkpoint.about
    assert about["token_count"] == 640
    assert len(about["model_sha256"]) == len(about["tokens_sha256"]) == 64
    assert {"torch", "python", "constriction"} <= set(about["versions"])
    assert checkpoint.recipe.settings.method == "hptq"
    assert len(checkpoint.report.layers) == 14
    assert checkpoint.report.distance is not None
