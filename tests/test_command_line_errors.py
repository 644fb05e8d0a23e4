"""What the command line refuses: one line on stderr, nothing on stdout, exit code 2, no traceback."""

import re
import shutil
from pathlib import Path

import pytest
import torch
import typer
from test_command_line import run
from tiny_model import saved_tiny_model, tiny_text
from typer.testing import CliRunner

from app.command_line.refusals import Commands

SMALL = ("--window", "64", "--tokens", "256")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models, texts and checkpoints, good and bad."""
    folder = tmp_path_factory.mktemp("refused")
    tiny = saved_tiny_model(folder / "tiny")
    saved_tiny_model(folder / "other", seed=1)
    (folder / "text.txt").write_text(tiny_text(3000))
    (folder / "short.txt").write_text(tiny_text(30))
    (folder / "binary.txt").write_bytes(b"\xff\xfe\x00a")
    (folder / "strange").mkdir()
    (folder / "strange" / "letter.txt").write_text("dear")
    words = ("quantize", tiny, "--text", folder / "text.txt", *SMALL, "--group-size", "32")
    assert run(*words, "--to", folder / "made").exit_code == 0
    shutil.copytree(folder / "made", folder / "unfinished")
    (folder / "unfinished" / "checkpoint.json").unlink()
    shutil.copytree(tiny, folder / "damaged")
    weights = folder / "damaged" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5000])
    (folder / "pickled").mkdir()
    (folder / "pickled" / "pytorch_model.bin").write_bytes(b"x")
    _save_convolving(folder / "convolving", tiny)
    _save_short_sighted(folder / "short_sighted", tiny)
    return folder


def _save_convolving(folder: Path, tiny: Path) -> None:
    """A model without a linear layer in its blocks."""
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=300, n_embd=32, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=1
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    shutil.copy(tiny / "tokenizer.json", folder)
    shutil.copy(tiny / "tokenizer_config.json", folder)


def _save_short_sighted(folder: Path, tiny: Path) -> None:
    """A model that has learned 128 positions."""
    from transformers import OPTConfig, OPTForCausalLM

    sizes = {"vocab_size": 300, "hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 64}
    sizes |= {"num_hidden_layers": 1, "num_attention_heads": 2, "max_position_embeddings": 128}
    ids = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1}
    OPTForCausalLM(OPTConfig(**sizes, **ids)).save_pretrained(folder)
    shutil.copy(tiny / "tokenizer.json", folder)
    shutil.copy(tiny / "tokenizer_config.json", folder)


# What is typed, {} for the folder above; and what the line says.
REFUSED = {
    "no linear layer": ("layers {}/convolving", r"c_attn \(Conv1D\) .* no torch\.nn\.Linear"),
    "quantizing it": ("quantize {}/convolving --to {}/new", r"\(Conv1D\)"),
    "no such model": ("layers {}/nowhere", "there is no file or folder"),
    "pickled weights": ("layers {}/pickled", "pickled weights only"),
    "damaged weights": ("layers {}/damaged", "damaged are damaged"),
    "no such text": ("quantize {}/tiny --to {}/new --text {}/no.txt", "no text file"),
    "binary text": ("quantize {}/tiny --to {}/new --text {}/binary.txt", "not UTF-8 text"),
    "text too short": (
        "quantize {}/tiny --to {}/new --text {}/short.txt --window 64",
        "has 30 tokens; at least one window of 64 was wanted",
    ),
    "tokens not there": (
        "quantize {}/tiny --to {}/new --text {}/short.txt --tokens 31",
        r"short\.txt has 30 tokens; 31 were wanted",
    ),
    "first too late": (
        "evaluate {}/tiny --text {}/short.txt --first 30",
        r"short\.txt has 30 tokens; 31 were wanted",
    ),
    "too few windows to draw": (
        "quantize {}/tiny --to {}/new --text {}/short.txt --seed 1 --window 64",
        "has 30 tokens; 64 were wanted",
    ),
    "first and seed": (
        "quantize {}/tiny --to {}/new --text {}/text.txt --seed 1 --first 5",
        "--first and --seed do not go together",
    ),
    "window beyond the model": (
        "quantize {}/short_sighted --to {}/new --text {}/text.txt --window 256",
        "window is 256; 1 … 128 tokens were wanted",
    ),
    "another run": (
        "quantize {}/tiny --to {}/made --text {}/text.txt --window 64 --tokens 256 --bits 3 --group-size 32",
        "made holds another run: its bits is 4, and 3 was asked for",
    ),
    "a folder of other things": (
        "quantize {}/tiny --to {}/strange --text {}/text.txt --window 64",
        "strange is not empty and no checkpoint",
    ),
    "bits out of reach": (
        "quantize {}/tiny --to {}/far --text {}/text.txt --window 64 --method hptq --bits 0.1",
        r"q_proj: 0\.1 bits a weight cannot be reached: the nearest found is 0\.\d+",
    ),
    "a fraction of a bit on a grid": (
        "quantize {}/tiny --to {}/new --bits 3.25",
        r"--bits is 3\.25; codes of gptq have a whole number of bits.*--method hptq",
    ),
    "too many bits": ("quantize {}/tiny --to {}/new --bits 9", "bits is 9"),
    "options that do not fit": (
        "quantize {}/tiny --to {}/new --method rtn --rate-aware",
        "rate_aware has no meaning for rtn",
    ),
    "targets and inputs": (
        "quantize {}/tiny --to {}/new --inputs one_shot --targets unquantized",
        "use inputs='sequential'",
    ),
    "hessians of sequential inputs": (
        "quantize {}/tiny --to {}/new --hessians {}/h",
        "serve --inputs one_shot only",
    ),
    "a group size in words": (
        "quantize {}/tiny --to {}/new --group-size many",
        "--group-size is 'many'; a number of inputs, or row",
    ),
    "no such method": ("quantize --to {}/new --method magic", "'magic' is not one of 'rtn'"),
    "no such option": ("quantize --to {}/new --bit 3", "No such option: --bit"),
    "no folder named": ("quantize {}/tiny", "Missing option '--to'"),
    "no such command": ("quantise", "No such command 'quantise'. Did you mean 'quantize'"),
    "no such device": ("layers {}/tiny --device tpu", "No such option: --device"),
    "a device in other words": ("evaluate {}/tiny --device tpu", "--device is 'tpu'"),
    "unfinished checkpoint": (
        "evaluate {}/tiny --checkpoint {}/unfinished",
        "unfinished is unfinished",
    ),
    "no checkpoint": ("evaluate {}/tiny --checkpoint {}/tiny", "is no checkpoint"),
    "checkpoint of another model": (
        "evaluate {}/other --checkpoint {}/made --text {}/text.txt",
        "this checkpoint is of .*tiny",
    ),
    "window of one": (
        "evaluate {}/tiny --text {}/text.txt --window 1",
        "window is 1; 2 … 1024 tokens were wanted",
    ),
    "audit of nothing": ("audit", "name one FILE to audit, or a folder with --checkpoint"),
    "audit of both": ("audit {}/a.npz --checkpoint {}/made", r"\(not both\)"),
    "audit of no file": ("audit {}/a.npz", "there is no file"),
    "audit of an unquantized model": ("audit --checkpoint {}/tiny", "Is the model quantized"),
    "audit of an unfinished checkpoint": (
        "audit --checkpoint {}/unfinished --source {}/tiny",
        "is unfinished",
    ),
    "audit of no layer": (
        "audit --checkpoint {}/made --source {}/tiny --layer nothing",
        "has no such layer; names such as model.layers.0",
    ),
    "audit against another model": (
        "audit --checkpoint {}/made --source {}/other --text {}/text.txt --tokens 64",
        "this checkpoint is of .*tiny",
    ),
    "study without a text": ("study {}/tiny --to {}/study", "--text is missing"),
    "study of too short a text": (
        "study {}/tiny --to {}/study --text {}/text.txt",
        "has 3,000 tokens; the study wants 208,192",
    ),
    "study of no stage": ("study --stages A,Z --list", "--stages names 'Z'"),
    "study of no run": ("study --only nothing --list", "--only nothing: no run"),
    "study with too long an evaluation": (
        "study {}/tiny --text {}/text.txt --evaluation-tokens 100001",
        "at most 100,000 were wanted",
    ),
    "report of nothing": ("report {}/strange", "neither a study nor a checkpoint"),
    "report of an unfinished checkpoint": ("report {}/unfinished", "is unfinished"),
    "report into a folder": ("report {}/made --to {}", "a file in a folder that is there"),
}


@pytest.mark.parametrize(("typed", "said"), REFUSED.values(), ids=REFUSED)
def test_refused_in_one_line(place: Path, typed: str, said: str) -> None:
    result = run(*typed.replace("{}", str(place)).split(" "))
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert _errors(result.stderr) == [result.stderr.splitlines()[-1]]
    assert re.search(said, _errors(result.stderr)[0]), result.stderr
    assert not (place / "new" / "checkpoint.json").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_is_not_there_is_told(place: Path) -> None:
    result = run("evaluate", place / "tiny", "--device", "cuda")
    assert result.exit_code == 2
    assert "torch finds no CUDA device here. Use --device cpu" in result.stderr


# Raised inside a command


def _raising(error: BaseException) -> typer.Typer:
    application = typer.Typer(cls=Commands, pretty_exceptions_enable=False)

    @application.callback()
    def _group() -> None: ...

    @application.command()
    def work() -> None:
        raise error

    return application


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("too\n  long"), 2, "Error: too long\n"),
        (FileNotFoundError(2, "No such file or directory", "x.txt"), 2, "Error: x.txt: No such"),
        (PermissionError(13, "Permission denied", "/x"), 2, "Error: /x: Permission denied."),
        (KeyboardInterrupt(), 130, "Error: interrupted.\n"),
        (torch.OutOfMemoryError("CUDA out of memory."), 2, "A smaller --window"),
    ],
    ids=["value", "file", "permission", "interrupt", "memory"],
)
def test_errors_have_their_exit_codes(error: BaseException, code: int, said: str) -> None:
    result = CliRunner().invoke(_raising(error), ["work"])
    assert result.exit_code == code
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


@pytest.mark.parametrize("error", [RuntimeError("a bug"), AssertionError("a bug"), KeyError("a")])
def test_bugs_are_not_hidden(error: BaseException) -> None:
    result = CliRunner().invoke(_raising(error), ["work"])
    assert result.exception is error


def _errors(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("Error: ")]
