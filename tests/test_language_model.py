"""The real model: loading, texts, calibration, and the laws on its layers."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from small_problems import assert_close

from lattice_core import ORDERS, PRESETS

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from lattice_core.language_model import (  # noqa: E402
    CalibrationCancelled,
    LoadedModel,
    Text,
    collect_hessians,
    embedded_text,
    linear_layers,
    load_model,
    read_text,
    tokenize,
)
from lattice_core.layers import HessianAccumulator, quantize_layer  # noqa: E402

BLOCK = "model.layers.0"
KINDS = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj")
KINDS += ("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj")
LAYERS = [f"{BLOCK}.{kind}" for kind in KINDS]
TOKENS = 3000  # more than the 1536 inputs of down_proj, and no multiple of the window


# Texts


def test_parts_of_the_embedded_text_have_no_paragraph_in_common() -> None:
    parts = [embedded_text(part).content for part in ("calibration", "evaluation")]
    first, second = (set(part.split("\n\n")) for part in parts)
    assert not first & second
    assert len(parts[0]) > len(parts[1]) > 100_000


def test_embedded_text_says_which_python_it_is_from_and_its_hash() -> None:
    text = embedded_text("calibration")
    assert ".".join(map(str, sys.version_info[:3])) in text.source
    assert text == embedded_text("calibration")
    assert text.sha256 != embedded_text("evaluation").sha256


def test_unknown_part_is_an_error() -> None:
    with pytest.raises(ValueError, match="'calibration' or 'evaluation'"):
        embedded_text("test")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"\x89PNG\r\n\xff\xfe", "not UTF-8 text"),
        (b"text\0text", "NUL"),
        ("text".encode("utf-16-le"), "NUL"),
        (None, "no text file"),
    ],
)
def test_file_that_is_no_text_is_an_error(data, message, tmp_path) -> None:
    path = tmp_path / "text.txt"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        read_text(path)


def test_text_file_is_read_without_its_byte_order_mark(tmp_path) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes("\ufeffvoilà".encode())
    assert read_text(path) == Text("voilà", str(path))


# Loading


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ([], "holds no weights"),
        (["config.json"], "holds no weights"),
        (["config.json", "pytorch_model.bin"], r"pickled weights only \(pytorch_model.bin\)"),
        (["model.pt", "model.ckpt"], "pickled"),
        (["a.gguf", "b.gguf"], "several GGUF files"),
    ],
)
def test_folder_without_readable_weights_is_an_error(files, message, tmp_path) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path)


def test_file_or_path_that_is_not_there_is_an_error(tmp_path) -> None:
    (tmp_path / "model.bin").touch()
    with pytest.raises(ValueError, match=r"not a \.gguf file"):
        load_model(tmp_path / "model.bin")
    for missing in (tmp_path / "nothing", str(tmp_path / "nothing"), "./nothing/at/all"):
        with pytest.raises(ValueError, match="no file or folder"):
            load_model(missing)


def test_hub_that_cannot_be_reached_is_an_error_that_says_what_to_do() -> None:
    program = (
        "from lattice_core.language_model import load_model\n"
        "try:\n    load_model('nobody/a-model-that-is-not-there')\n"
        "except ValueError as error:\n    print(error)\n"
    )
    unreachable = {"HF_ENDPOINT": "http://127.0.0.1:9", "PYTHONPATH": str(Path.cwd())}
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | unreachable,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "pass a local folder, or None for the packaged model" in result.stdout
    assert "no answer from http://127.0.0.1:9" in result.stdout


def test_model_file_is_found_without_torch() -> None:
    program = (
        "import sys, lattice_core.language_model.model_file\n"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def tiny_model(**sizes: int) -> LoadedModel:
    """A Llama of two blocks with random weights; its tokenizer is never asked."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = {
        "vocab_size": 50,
        "hidden_size": 12,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 1024,
    }
    torch.manual_seed(0)
    return LoadedModel(LlamaForCausalLM(LlamaConfig(**(config | sizes))).eval(), None, "tiny")  # type: ignore[arg-type]


def test_folder_with_safetensors_is_loaded_and_only_then(tmp_path, monkeypatch) -> None:
    import transformers

    tiny_model().model.save_pretrained(tmp_path)
    monkeypatch.setattr(transformers.AutoTokenizer, "from_pretrained", lambda *_, **__: "words")
    loaded = load_model(tmp_path)
    assert (loaded.tokenizer, loaded.source) == ("words", str(tmp_path))
    assert not loaded.model.training
    assert loaded.model.dtype == torch.float32


# Calibration, on a tiny model


def captured_inputs(loaded: LoadedModel, tokens, window: int) -> dict[str, list]:
    """Inputs of every linear layer, by running whole forward passes."""
    seen: dict[str, list] = {name: [] for name in linear_layers(loaded.model)}
    handles = [
        module.register_forward_hook(lambda _, x, __, name=name: seen[name].append(x[0][0]))
        for name, module in linear_layers(loaded.model).items()
    ]
    with torch.no_grad():
        for piece in tokens.split(window):
            loaded.model(piece[None])
    for handle in handles:
        handle.remove()
    return {name: torch.cat(inputs).double() for name, inputs in seen.items()}


def test_hessians_are_those_of_the_inputs_of_whole_forward_passes() -> None:
    loaded = tiny_model()
    tokens = torch.arange(45) * 7 % 50
    layers = list(linear_layers(loaded.model))
    hessians = collect_hessians(loaded, tokens, layers=layers, window=20)
    for name, inputs in captured_inputs(loaded, tokens, window=20).items():
        torch.testing.assert_close(hessians[name], inputs.T @ inputs)
    assert list(hessians) == layers
    assert len(layers) == 14


def test_layers_with_one_input_share_one_hessian_and_others_do_not(monkeypatch) -> None:
    loaded = tiny_model()
    layers = list(linear_layers(loaded.model))
    added = []
    add = HessianAccumulator.add
    monkeypatch.setattr(HessianAccumulator, "add", lambda *x: added.append(add(*x)))
    hessians = collect_hessians(loaded, torch.arange(45), layers=layers)
    assert len(added) == 8  # and computed once
    distinct = {id(hessian) for hessian in hessians.values()}
    assert len(distinct) == 8
    block = "model.layers.1"
    q, k, v = (hessians[f"{block}.self_attn.{name}_proj"] for name in "qkv")
    assert q is k is v
    assert hessians[f"{block}.mlp.gate_proj"] is hessians[f"{block}.mlp.up_proj"]


def test_pass_ends_at_the_last_wanted_layer_and_leaves_no_hooks() -> None:
    loaded = tiny_model()
    ran = []
    handle = loaded.model.model.layers[1].register_forward_pre_hook(lambda *_: ran.append(1))
    collect_hessians(loaded, torch.arange(9), layers=["model.layers.0.mlp.down_proj"])
    handle.remove()
    assert not ran
    assert not any(module._forward_pre_hooks for module in loaded.model.modules())


def test_progress_counts_tokens_and_cancelling_raises_and_leaves_no_hooks() -> None:
    loaded = tiny_model()
    layers = ["model.layers.0.self_attn.q_proj"]
    reports: list[tuple[int, int]] = []
    tokens = torch.zeros(45, dtype=torch.int64)
    collect_hessians(
        loaded, tokens, layers=layers, window=20, progress=lambda *x: reports.append(x)
    )
    assert reports == [(20, 45), (40, 45), (45, 45)]
    with pytest.raises(CalibrationCancelled, match="after 20 of 45 tokens"):
        collect_hessians(
            loaded,
            tokens,
            layers=layers,
            window=20,
            progress=lambda *x: reports.append(x),
            cancel=lambda: len(reports) == 4,
        )
    assert not any(module._forward_pre_hooks for module in loaded.model.modules())


def test_model_that_overflows_is_an_error_naming_the_layer() -> None:
    loaded = tiny_model()
    with torch.no_grad():
        loaded.model.model.layers[0].mlp.up_proj.weight[3, 4] = torch.nan
    with pytest.raises(ValueError, match=r"model\.layers\.0\.mlp\.down_proj hold NaN"):
        collect_hessians(loaded, torch.arange(9), layers=list(linear_layers(loaded.model)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": []}, "layers is"),
        ({"layers": ["lm_head"]}, "'lm_head' is not in the model"),
        ({"window": 0}, "window is 0"),
        ({"window": 1025}, r"1 … 1024"),
        ({"tokens": torch.zeros(2, 3, dtype=torch.int64)}, r"\(2, 3\)"),
        ({"tokens": torch.zeros(0, dtype=torch.int64)}, r"\(0,\)"),
    ],
)
def test_calibration_that_cannot_be_done_is_an_error(arguments, message) -> None:
    good = {
        "tokens": torch.arange(9),
        "layers": ["model.layers.0.mlp.down_proj"],
        "window": 20,
    } | arguments
    with pytest.raises(ValueError, match=message):
        collect_hessians(tiny_model(), good.pop("tokens"), **good)


# The packaged model


@pytest.fixture(scope="module")
def hessians(smollm2) -> dict:
    """Raw Hessians of one early block."""
    tokens = tokenize(smollm2, embedded_text("calibration"), TOKENS)
    return collect_hessians(smollm2, tokens, layers=LAYERS)


@pytest.mark.model
def test_packaged_model_reads_and_writes_text(smollm2) -> None:
    prompt = "The capital of France is"
    ids = smollm2.tokenizer(prompt)["input_ids"]
    assert smollm2.tokenizer.decode(ids) == prompt
    # Also that transformers puts the rows of q and k, which GGUF interleaves, back in place.
    with torch.inference_mode():
        best = smollm2.model(torch.tensor([ids])).logits[0, -1].argmax()
    assert smollm2.tokenizer.decode(best) == " Paris"
    assert smollm2.model.dtype == torch.float32
    assert not smollm2.model.training


@pytest.mark.model
def test_packaged_model_has_seven_layers_in_each_of_thirty_blocks(smollm2) -> None:
    names = list(linear_layers(smollm2.model))
    assert len(names) == 210
    assert names[:7] == LAYERS


@pytest.mark.model
def test_text_shorter_than_asked_for_is_an_error(smollm2) -> None:
    assert len(tokenize(smollm2, embedded_text("calibration"))) > 32_768
    assert len(tokenize(smollm2, Text("one two three", "words"), 2)) == 2
    with pytest.raises(ValueError, match=r"words has 3 tokens; 10 were wanted"):
        tokenize(smollm2, Text("one two three", "words"), 10)
    with pytest.raises(ValueError, match="token_count is 0"):
        tokenize(smollm2, Text("one", "words"), 0)


@pytest.mark.model
@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("bits", [2, 4])
def test_law_6_holds_and_law_7_is_measured_on_real_layers(name, bits, smollm2, hessians) -> None:
    weight = linear_layers(smollm2.model)[name].weight
    ours = quantize_layer(weight, hessians[name], bits=bits, overflow="keep")
    error = (ours.dequantize() - weight.detach().double()).numpy()
    damped_hessian = hessians[name].numpy().copy()
    damped_hessian[np.diag_indices_from(damped_hessian)] += 0.01 * np.diag(damped_hessian).mean()
    assert_close(
        ours.row_losses, np.einsum("ri,ij,rj->r", error, damped_hessian, error, optimize=True)
    )
    assert ours.clipped_fraction == 0
    assert (ours.row_losses <= ours.row_bounds).all()
    assert 0.25 < ours.loss / ours.bound < 0.4  # a measurement, not a theorem


@pytest.mark.model
@pytest.mark.parametrize("order", ORDERS)
def test_gptq_beats_round_to_nearest_on_a_real_layer_in_every_order(
    order, smollm2, hessians
) -> None:
    name = f"{BLOCK}.mlp.up_proj"
    weight = linear_layers(smollm2.model)[name].weight
    gptq, rtn = (
        quantize_layer(weight, hessians[name], method, bits=3, order=order)
        for method in ("gptq", "rtn")
    )
    assert gptq.loss < rtn.loss
    assert 0 < gptq.clipped_fraction < 0.1


@pytest.mark.model
def test_law_10_the_determinant_of_a_real_layer_is_order_free(smollm2, hessians) -> None:
    name = f"{BLOCK}.self_attn.q_proj"
    weight = linear_layers(smollm2.model)[name].weight
    logs = [
        quantize_layer(weight, hessians[name], order=order).pivots.log().sum() for order in ORDERS
    ]
    for log in logs:
        assert_close(log, logs[0])


@pytest.mark.model
def test_shipped_slices_are_of_the_packaged_model(smollm2) -> None:
    recorded = json.loads(
        (Path(__file__).parents[1] / "lattice_core/real_slices.json").read_text(encoding="utf-8")
    )
    for entry in recorded["slices"]:
        weight = linear_layers(smollm2.model)[entry["layer"]].weight.detach()
        np.testing.assert_allclose(
            weight[entry["row"], entry["inputs"]], entry["weights"], rtol=1e-5
        )


@pytest.mark.parametrize("name", ["real_two_inputs", "real_three_inputs"])
def test_shipped_slices_tell_the_two_natural_orders_and_rounding_apart(name) -> None:
    from dataclasses import replace

    problem = PRESETS[name].problem
    front, back = (replace(problem, order=o).babai for o in ("front_to_back", "back_to_front"))
    assert (front.codes != back.codes).any()
    nearest = np.rint(np.divide(problem.weights, problem.scales))
    assert (nearest != back.codes).any()
    assert not front.clipped
    assert not back.clipped
