"""The command line from end to end, on a model that is made in a moment."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from tiny_model import saved_tiny_model, sha256_of_folder, tiny_text
from typer.main import get_command
from typer.testing import CliRunner, Result

from app.command_line import application, options
from app.command_line.progress import Progress, in_words
from app.time_left import TimeLeft
from lattice_core import ORDERS
from lattice_core.language_model import open_checkpoint
from lattice_core.layers.methods import METHODS

PROJECT = Path(__file__).parents[1]
COMMANDS = ("layers", "quantize", "evaluate", "study", "audit", "report")
SIZED = ("--method", "hptq", "--bits", "4.5", "--window", "64", "--tokens", "1024")


def run(*words: object) -> Result:
    return CliRunner().invoke(application, [str(word) for word in words])


def run_json(*words: object) -> Any:
    """All of stdout is one JSON document."""
    result = run(*words, "--json")
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def start(*words: object) -> subprocess.Popen[str]:
    """The command as its own process."""
    return subprocess.Popen(
        [sys.executable, "-m", "app.command_line", *map(str, words)],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def start_and_stop(sign: signal.Signals, to: Path, *words: object) -> subprocess.Popen[str]:
    """The command, sent a signal once a layer is there and before all are."""
    process = start(*words, "--to", to)
    while not list(to.glob("layers/*.safetensors")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(sign)
    process.wait(timeout=60)
    assert not (to / "checkpoint.json").exists(), "the signal came too late to stop anything"
    return process


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a text, and the model quantized."""
    folder = tmp_path_factory.mktemp("command_line")
    saved_tiny_model(folder / "tiny")
    (folder / "text.txt").write_text(tiny_text(3000))
    made = run(
        "quantize", folder / "tiny", "--text", folder / "text.txt", *SIZED, "--to", folder / "made"
    )
    assert made.exit_code == 0, made.stderr
    return folder


# Help


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nfrom app.command_line import main\nsys.argv[1:] = ['quantize', '--help']\n"
        "try: main()\nexcept SystemExit: pass\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True
    ).stdout
    loaded = set(shown.splitlines()[-1].split())
    assert "watersic" in shown
    assert not loaded & {"torch", "transformers", "plotly", "streamlit", "pandas", "numpy", "rich"}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_explains_every_option(name: str) -> None:
    shown = run(name, "--help")
    assert shown.exit_code == 0
    assert "Examples:" in shown.stdout
    for parameter in get_command(application).commands[name].params:  # type: ignore[attr-defined]
        assert len((parameter.help or "").split()) > 2, parameter.name


def test_help_names_all_commands() -> None:
    shown = run("--help").stdout
    assert re.findall(r"^  (\w+)  +\w", shown, re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_can_be_typed(name: str) -> None:
    command = get_command(application).commands[name]  # type: ignore[attr-defined]
    examples = re.findall(r"^  nearest-plane (.+)$", command.epilog, re.MULTILINE)
    assert examples
    for example in examples:
        words = shlex.split(example)
        assert words[0] == name
        command.make_context(name, words[1:])


def test_choices_are_those_of_the_core() -> None:
    assert set(options.METHODS) == set(get_args(options.MethodName)) == set(METHODS)
    assert set(get_args(options.OrderName)) == set(ORDERS)
    assert all(about.endswith(".") for about in options.METHODS.values())


def test_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run("--version").stdout)


# Each command


def test_layers_lists_what_would_be_quantized(place: Path) -> None:
    found = run_json("layers", place / "tiny")
    assert len(found["layers"]) == 14
    assert found["layers"][-1] == {
        "name": "model.layers.1.mlp.down_proj",
        "rows": 64,
        "columns": 96,
        "weights": 6144,
    }
    assert sum(layer["weights"] for layer in found["layers"]) == found["weights"]
    shown = run("layers", place / "tiny").stdout
    assert re.search(r"model\.layers\.1\.mlp\.down_proj +64 +96 +6,144", shown)
    assert "14 linear layers with 69,632 of" in shown


def test_quantize_makes_the_checkpoint_that_was_asked_for(place: Path, tmp_path: Path) -> None:
    words = ("--method", "watersic", "--bits", "4.25", "--decoder", "k_best", "--k", "3")
    words += ("--rate-aware", "--refit-scales", "--order", "min_pivot", "--damping", "0.02")
    words += ("--targets", "unquantized", "--window", "32", "--tokens", "512", "--seed", "7")
    text = ("--text", place / "text.txt")
    found = run_json("quantize", place / "tiny", *text, *words, "--to", tmp_path / "new")
    made = open_checkpoint(tmp_path / "new")
    settings = made.recipe.settings
    assert (settings.method, settings.bits, settings.decoder, settings.k) == (
        "watersic",
        4.25,
        "k_best",
        3,
    )
    assert settings.rate_aware
    assert settings.refit_scales
    assert (made.recipe.order, made.recipe.damping) == ("min_pivot", 0.02)
    assert (made.recipe.targets, made.recipe.window) == ("unquantized", 32)
    assert made.about["text"] == "text.txt, 512 tokens in windows drawn with seed 7"
    assert found["bits_per_weight"] == made.report.bits_per_weight
    assert found["recipe"] == made.recipe.as_record()
    assert len(found["layers"]) == 14


def test_quantize_on_a_grid_with_all_its_options(place: Path, tmp_path: Path) -> None:
    words = ("--method", "ssqr", "--bits", "3", "--group-size", "row", "--outlier-rate", "0.02")
    words += ("--coder", "huffman", "--inputs", "one_shot", "--scale-rule", "absmax")
    words += ("--refine", "coordinate_descent", "--window", "64", "--first", "500")
    words += ("--hessians", tmp_path / "h", "--text", place / "text.txt")
    result = run("quantize", place / "tiny", *words, "--to", tmp_path / "new")
    assert result.exit_code == 0, result.stderr
    made = open_checkpoint(tmp_path / "new")
    settings = made.recipe.settings
    assert (settings.bits, settings.group_size, settings.outlier_rate) == (3, None, 0.02)
    assert (settings.coder, settings.scale_rule) == ("huffman", "absmax")
    assert settings.refine == "coordinate_descent"
    assert made.about["text"] == "text.txt, tokens 500 to 2,999"
    assert "all 2,500 tokens from token 500 on" in result.stderr
    assert list((tmp_path / "h").glob("block-*.safetensors"))
    assert "weights kept aside" in result.stdout


def test_quantize_takes_the_embedded_text_by_default(place: Path, tmp_path: Path) -> None:
    words = ("--bits", "4", "--group-size", "32", "--window", "64", "--tokens", "128")
    run("quantize", place / "tiny", *words, "--to", tmp_path / "new")
    about = open_checkpoint(tmp_path / "new").about
    assert "documentation (pydoc_data.topics), calibration part" in about["text"]


def test_evaluate_compares_with_the_original(place: Path) -> None:
    words = ("--text", place / "text.txt", "--first", "1024", "--tokens", "512", "--window", "64")
    alone = run_json("evaluate", place / "tiny", *words)
    both = run_json("evaluate", place / "tiny", *words, "--checkpoint", place / "made")
    assert alone["original"] == both["original"]
    assert alone["original"]["predicted"] == 512 - 8
    assert 0 < both["checkpoint"]["divergence"] < 0.01
    assert 0.5 < both["checkpoint"]["agreement"] < 1
    assert both["checkpoint"]["bits_per_weight"] == pytest.approx(4.5, abs=0.05)
    shown = run("evaluate", place / "tiny", *words, "--checkpoint", place / "made").stdout
    assert f"{both['checkpoint']['divergence']:.4g}" in shown


def test_evaluate_writes_on_from_a_prompt_with_a_seed(place: Path) -> None:
    words = ("--text", place / "text.txt", "--tokens", "64", "--prompt", "bara dera")
    words += ("--length", "9", "--checkpoint", place / "made")
    first, again, other = (
        run_json("evaluate", place / "tiny", *words, "--seed", seed)["texts"] for seed in (1, 1, 2)
    )
    assert first == again
    assert set(first) == {"original", "checkpoint"}
    assert all(first[name] != other[name] for name in first)
    assert first["original"] in run("evaluate", place / "tiny", *words, "--seed", 1).stdout


def test_dtype_is_that_of_the_model_that_runs(place: Path, tmp_path: Path) -> None:
    words = ("--text", place / "text.txt", *SIZED, "--dtype", "bfloat16", "--jobs", "1")
    made = run_json("quantize", place / "tiny", *words, "--to", tmp_path / "new")
    assert made["about"]["threads"] == 1
    words = ("--text", place / "text.txt", "--tokens", "64", "--checkpoint", tmp_path / "new")
    run_json("evaluate", place / "tiny", *words, "--dtype", "bfloat16")
    refused = run("evaluate", place / "tiny", *words)
    assert refused.exit_code == 2  # the same weights in float32 are another model
    assert "this checkpoint is of" in refused.stderr


def test_audit_finds_out_how_a_checkpoint_was_made(place: Path) -> None:
    words = ("--source", place / "tiny", "--text", place / "text.txt", "--tokens", "1024")
    found = run_json("audit", "--checkpoint", place / "made", *words)
    assert len(found) == 14
    for audit in found.values():
        best = audit["records"][0]
        assert best["order"] == "act_order"
        assert best["step_share"] > 0.999  # each block on the inputs that the stored ones give
        assert best["bound_holds"]
    shown = run("audit", "--checkpoint", place / "made", *words, "--layer", "*.1.mlp.up*").stdout
    assert re.search(r"model\.layers\.1\.mlp\.up_proj .* act-order +100 % +0 %", shown)
    assert "q_proj" not in shown
    other = run(
        "audit", "--checkpoint", place / "made", *words[:-1], "256", "--layer", "*.1.mlp.up*"
    )
    assert "This is not the text it was calibrated on" in other.stderr


def test_audit_refuses_targets_that_are_kept_nowhere(place: Path, tmp_path: Path) -> None:
    words = ("--text", place / "text.txt", *SIZED, "--targets", "unquantized")
    run_json("quantize", place / "tiny", *words, "--to", tmp_path / "new")
    words = ("--source", place / "tiny", "--text", place / "text.txt", "--tokens", "64")
    refused = run("audit", "--checkpoint", tmp_path / "new", *words)
    assert refused.exit_code == 2
    assert "made with --targets unquantized" in refused.stderr


def test_audit_reads_a_file(tmp_path: Path) -> None:
    import numpy as np
    import torch

    from lattice_core.layers import quantize_layer

    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(24, 64, generator=generator)
    inputs = torch.randn(300, 64, generator=generator).double().cumsum(dim=1)
    made = quantize_layer(weight, inputs.T @ inputs, "gptq", 3, 64, order="back_to_front")
    file = tmp_path / "layer.npz"
    np.savez(file, W=weight.numpy(), Q=made.dequantize().numpy(), X=inputs.numpy())
    strange = tmp_path / "strange.npz"
    np.savez(strange, W=weight.numpy(), Q=made.dequantize().numpy(), X=inputs.numpy()[:, ::-1])
    assert "No order explains the codes; the closest is: " in run("audit", strange).stdout
    records = run_json("audit", file)["layer.npz"]["records"]
    assert records[0]["order"] == "back_to_front"
    shown = run("audit", file).stdout
    assert "Made in: back to front (100 % of the codes explained" in shown
    assert "void, for codes are clipped" in shown


def test_study_can_be_stopped_and_gone_on_with(tmp_path: Path) -> None:
    saved_tiny_model(tmp_path / "tiny")
    (tmp_path / "long.txt").write_text(tiny_text(208_192))
    to = tmp_path / "study"
    words = ("study", tmp_path / "tiny", "--to", to, "--text", tmp_path / "long.txt")
    words += ("--stages", "a", "--evaluation-tokens", "256")
    one, three = ("--only", "A-hptq-4.25-*"), ("--only", "A-h*-4.25-*", "--only", "A-hptq-3.25-*")
    assert run(*words, *one).exit_code == 0
    before = (to / "runs" / "A-hptq-4.25-act_order-clip-one_shot-own-text.json").stat().st_mtime_ns
    result = run(*words, *three)
    assert result.exit_code == 0, result.stderr
    assert (
        before
        == (to / "runs" / "A-hptq-4.25-act_order-clip-one_shot-own-text.json").stat().st_mtime_ns
    )
    assert "3 of 3: A-hptq-3.25" in result.stderr
    for name in ("study.json", "runs.csv", "layers.csv", "texts.json"):
        assert str(to / name) in result.stdout
        assert (to / name).is_file()
    assert re.search(r"over the 3 models without clipped codes: [+-]\d\.\d\d\d", result.stdout)
    command = json.loads((to / "study.json").read_text())["command"]
    assert command.startswith("nearest-plane study tiny --to study --text long.txt --stages a")
    assert str(tmp_path) not in command
    listed = run_json("study", "--to", to, "--list")
    assert sum(point["done"] for point in listed) == 3
    assert len(listed) == 59
    assert "3 of 24 runs are done" in run("study", "--to", to, "--list", "--stages", "A").stdout
    found = run_json(*words, *one)
    assert found["unclipped_models"] == len(found["runs"]) == 3


# Stopped from outside


def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(place: Path, tmp_path: Path) -> None:
    words = ("quantize", place / "tiny", "--text", place / "text.txt")
    words += ("--method", "watersic", "--bits", "4", "--decoder", "k_best", "--k", "2")
    words += ("--window", "64")
    start_and_stop(signal.SIGKILL, tmp_path / "killed", *words)
    for to in ("killed", "unbroken"):
        process = start(*words, "--to", tmp_path / to)
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert sha256_of_folder(tmp_path / "killed") == sha256_of_folder(tmp_path / "unbroken")


def test_an_interrupted_run_says_how_to_go_on(place: Path, tmp_path: Path) -> None:
    words = ("quantize", place / "tiny", "--text", place / "text.txt")
    words += ("--method", "watersic", "--bits", "4", "--decoder", "k_best", "--k", "2")
    words += ("--window", "64")
    process = start_and_stop(signal.SIGINT, tmp_path / "stopped", *words)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert output == ""
    assert "Traceback" not in errors
    assert re.search(
        r"^Error: interrupted\. \d+ layers are finished in .*stopped; the same command goes on",
        errors,
        re.MULTILINE,
    )


# Progress


def test_time_left_counts_from_where_a_run_goes_on() -> None:
    now = 0.0
    left = TimeLeft(lambda: now)
    assert left.after(0, 100) is None
    assert left.after(60, 100) is None  # done before: it took no time
    now = 10.0
    assert left.after(70, 100) == pytest.approx(30.0)
    now = 11.0
    assert left.after(1, 50) is None  # something else is counted
    now = 21.0
    assert left.after(11, 50) == pytest.approx(39.0)


def test_progress_without_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress() as progress:
        for done in range(1000):
            progress("Working", done, 1000)
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["  0 %  Working"]
    assert captured.out == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.2, "1 s"), (59, "59 s"), (95, "2 min"), (5000, "1 h 23 min")],
)
def test_times_are_told_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_the_program_is_installed_under_its_name() -> None:
    if program := shutil.which("nearest-plane", path=str(Path(sys.executable).parent)):
        shown = subprocess.run([program, "--help"], capture_output=True, text=True, check=True)
        assert shown.stdout.startswith("Usage: nearest-plane ")
