"""Texts, loading and calibration, on files and tiny models made here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from tiny_model import tiny_model  # noqa: E402

from lattice_core.language_model import (  # noqa: E402
    Cancelled,
    LoadedModel,
    Text,
    collect_hessians,
    decode_text,
    draw_windows,
    embedded_text,
    linear_layers,
    load_model,
    read_text,
    tokenize,
)
from lattice_core.layers import HessianAccumulator  # noqa: E402

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


def test_uploaded_bytes_are_decoded_as_a_file_is(tmp_path) -> None:
    assert decode_text("\ufeffvoilà".encode(), "notes.txt") == Text("voilà", "notes.txt")
    with pytest.raises(ValueError, match=r"notes\.txt is not UTF-8 text \(byte 4\)"):
        decode_text(b"voil\xe0 ", "notes.txt")


def counting_model() -> LoadedModel:
    """Its tokenizer numbers the words from 0, so a token says where in the text it stood."""

    def number_words(content: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": list(range(len(content.split())))}

    return LoadedModel(None, number_words, "counting")  # type: ignore[arg-type]


def words(count: int) -> Text:
    return Text("word " * count, "words.txt")


@pytest.mark.parametrize(("count", "token_count"), [(100, 40), (107, 67), (130, 130), (10, 7)])
def test_drawn_windows_are_whole_and_none_is_drawn_twice(count, token_count) -> None:
    drawn = draw_windows(counting_model(), words(count), token_count, seed=3, window=10)
    assert len(drawn) == token_count
    assert len(drawn.unique()) == token_count
    for window in drawn.split(10):
        assert window[0] % 10 == 0
        assert (window.diff() == 1).all()


def test_windows_of_a_seed_are_always_the_same_and_another_seed_draws_others() -> None:
    one, again, other = (
        draw_windows(counting_model(), words(1000), 40, seed=seed, window=10) for seed in (1, 1, 2)
    )
    assert one.equal(again)
    assert not one.equal(other)
    assert not one.equal(tokenize(counting_model(), words(1000), 40))


def test_every_window_is_drawn_by_some_seed_and_the_rest_by_none() -> None:
    drawn = [draw_windows(counting_model(), words(37), 10, seed=s, window=10) for s in range(40)]
    assert {int(window[0]) for window in drawn} == {0, 10, 20}


@pytest.mark.parametrize(("count", "wanted"), [(29, 30), (21, 30), (0, 1)])
def test_text_with_too_few_windows_is_an_error(count, wanted) -> None:
    with pytest.raises(ValueError, match=rf"words\.txt has {count} tokens; {wanted} were wanted"):
        draw_windows(counting_model(), words(count), 25, seed=0, window=10)


@pytest.mark.parametrize(("token_count", "window"), [(0, 10), (10, 0)])
def test_no_tokens_and_no_window_are_errors(token_count, window) -> None:
    with pytest.raises(ValueError, match="at least 1 of each was wanted"):
        draw_windows(counting_model(), words(100), token_count, seed=0, window=window)


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
    with pytest.raises(Cancelled, match="after 20 of 45 tokens"):
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
