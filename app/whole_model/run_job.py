"""Quantizing a whole model as background work: into a folder, so that what was stopped can go on; then judging it.

Nothing here calls streamlit's elements: it runs in threads of its own.
"""

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import cached
from app.background_job import LONG, Job
from app.figures.study_marks import NAMES
from app.order_names import ORDER_NAMES
from app.whole_model.choice import ModelChoice
from lattice_core.language_model.study_record import LayerRun, StudyRun

if TYPE_CHECKING:
    from lattice_core.language_model import Checkpoint, LoadedModel, Recipe
    from lattice_core.language_model.evaluate import Reference

LOADING = "Loading the language model, once (about 15 s)."
ASKING = "Reading the text with the original model, once."
QUANTIZING = "Quantizing the model, block by block."
READING = "Reading the text with the quantized model."
WRITING = "Letting it write."
ORIGINAL_WRITING = "Letting the original write, once."
KEPT_FOLDERS = 8  # of about 50 MB
SEED = 0


@dataclass(frozen=True, eq=False)
class Original:
    """What the original model makes of the text that is evaluated on, and what it writes."""

    reference: "Reference"
    perplexity: float
    text: str


@dataclass(frozen=True)
class Finished:
    """A model that was quantized and judged here.

    Attributes
    ----------
    choice : ModelChoice
        That it was made for.
    run : StudyRun
    layers : tuple of LayerRun
    text, original_text : str
        What it and the original write after the prompt.
    original_perplexity : float
    calibration, evaluation : str
        Where the texts are from.
    prompt : str
    """

    choice: ModelChoice
    run: StudyRun
    layers: tuple[LayerRun, ...]
    text: str
    original_text: str
    original_perplexity: float
    calibration: str
    evaluation: str
    prompt: str


def recipe_of(choice: ModelChoice) -> "Recipe":
    """What is to be done to every layer.

    Raises a ``ValueError`` for options that do not go together; its message says which.
    """
    from lattice_core.language_model.recipe import Recipe
    from lattice_core.language_model.study_plan import CONTENDERS, WINDOW

    options: dict[str, Any] = {}
    if choice.method == "ssqr":
        options["outlier_rate"] = choice.outliers
    if choice.beams is not None:
        options |= {"decoder": "k_best", "k": choice.beams}
    if choice.descent:
        options["refine"] = "coordinate_descent"
    if choice.refit:
        options["refit_scales"] = True
    if choice.rate_aware:
        options["rate_aware"] = True
    settings = CONTENDERS[choice.method].settings(choice.target_bits)
    return Recipe(
        replace(settings, **options),
        order=choice.order,
        inputs="one_shot" if choice.inputs == "one_shot" else "sequential",
        targets="unquantized" if choice.inputs == "targets" else "own",
        window=WINDOW,
    )


def name_of(choice: ModelChoice) -> str:
    """``HPTQ, K = 16, refit``: the way to quantize, without its size and order."""
    said = [NAMES[choice.method]]
    if choice.method == "ssqr":
        said = [f"SSQR {100 * choice.outliers:g} %"]
    if choice.beams is not None:
        said.append(f"K = {choice.beams}")
    for on, word in (
        (choice.descent, "coordinate descent"),
        (choice.rate_aware, "rate-aware"),
        (choice.refit, "refit"),
    ):
        if on:
            said.append(word)
    return ", ".join(said)


def title_of(choice: ModelChoice) -> str:
    """All that matters, on one line."""
    inputs = {"one_shot": "one-shot", "targets": "sequential with targets"}.get(
        choice.inputs, choice.inputs
    )
    return (
        f"{name_of(choice)}; {choice.target_bits:g} bits; {ORDER_NAMES[choice.order].name}; {inputs}; "
        f"{choice.tokens:,} tokens, judged on {choice.evaluated:,}"
    )


def run_job(choice: ModelChoice) -> Job | None:
    """The job with these settings, if anyone has started it."""
    return cached.background_jobs().get(_key(choice))


def start_run(choice: ModelChoice) -> Job:
    """Start it, join it, or go on with one that was cancelled or failed."""
    return cached.background_jobs().start(_key(choice), _work(choice), rank=LONG)


def cache_folder() -> Path:
    """Where models that are quantized here are kept."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
    else:
        base = os.environ.get("XDG_CACHE_HOME")
    return Path(base or Path.home() / ".cache") / "nearest-plane" / "whole-model"


def _key(choice: ModelChoice) -> tuple[object, ...]:
    return ("whole model", *choice.recipe)


def _work(choice: ModelChoice) -> Callable[[Job], Finished | None]:
    def work(job: Job) -> Finished | None:
        from lattice_core.language_model import Cancelled

        job.report(LOADING)
        try:
            return _finish(job, choice, cached.language_model())
        except Cancelled:
            return None

    return work


def _finish(job: Job, choice: ModelChoice, loaded: "LoadedModel") -> Finished:
    from lattice_core.language_model import embedded_text, model_runs, tokenize
    from lattice_core.language_model.evaluate import evaluate, write_text
    from lattice_core.language_model.study_judge import PROMPT, WRITTEN_TOKENS

    text = embedded_text("evaluation")
    tokens = tokenize(loaded, text, choice.evaluated)
    original = _original(job, choice, loaded)
    checkpoint, seconds = _checkpoint(job, choice, loaded)
    quantized = time.perf_counter()
    model = checkpoint.model(loaded)
    job.report(READING, 0, len(tokens))
    reporting = _reporting(job, READING, 0, len(tokens))
    found = evaluate(model, tokens, reference=original.reference, **reporting)
    evaluated = time.perf_counter()
    job.report(WRITING)
    key = "-".join(str(value) for _, value in choice.recipe)
    return Finished(
        choice,
        model_runs.model_run(
            key,
            choice.method,
            choice.target_bits,
            checkpoint,
            found,
            quantize_seconds=seconds,
            evaluate_seconds=evaluated - quantized,
        ),
        model_runs.layer_runs(key, checkpoint.report.layers),
        write_text(model, PROMPT, WRITTEN_TOKENS, seed=SEED),
        original.text,
        original.perplexity,
        checkpoint.about["text"],
        f"{text.source}, first {choice.evaluated:,} tokens",
        PROMPT,
    )


def _original(job: Job, choice: ModelChoice, loaded: "LoadedModel") -> Original:
    """Asked once for all visitors."""
    from lattice_core.language_model import embedded_text, tokenize
    from lattice_core.language_model.evaluate import evaluate, gather_reference, write_text
    from lattice_core.language_model.study_judge import PROMPT, WRITTEN_TOKENS

    known = cached.original_models()
    if choice.evaluated not in known:
        tokens = tokenize(loaded, embedded_text("evaluation"), choice.evaluated)
        count = len(tokens)
        job.report(ASKING, 0, 2 * count)
        reference = gather_reference(loaded, tokens, **_reporting(job, ASKING, 0, 2 * count))
        found = evaluate(loaded, tokens, **_reporting(job, ASKING, count, 2 * count))
        job.report(ORIGINAL_WRITING)
        text = write_text(loaded, PROMPT, WRITTEN_TOKENS, seed=SEED)
        known[choice.evaluated] = Original(reference, found.perplexity, text)
    return known[choice.evaluated]


def _checkpoint(job: Job, choice: ModelChoice, loaded: "LoadedModel") -> "tuple[Checkpoint, float]":
    """Computed, gone on with, or as it was left by an earlier session; and the seconds it took.

    NaN if it was begun before: part of the time was spent then.
    """
    from lattice_core.language_model import embedded_text, quantize_to_folder, tokenize
    from lattice_core.language_model.checkpoint import is_begun
    from lattice_core.language_model.checkpoint_folders import keep_newest

    text = embedded_text("calibration")
    folder = cache_folder() / _folder_name(choice, text.sha256, loaded.source)
    keep_newest(cache_folder(), KEPT_FOLDERS, folder)
    job.report(QUANTIZING)
    went_on, began = is_begun(folder), time.perf_counter()
    checkpoint = quantize_to_folder(
        loaded,
        tokenize(loaded, text, choice.tokens),
        recipe_of(choice),
        folder,
        text=f"{text.source}, first {choice.tokens:,} tokens",
        progress=lambda message, done, total: job.report(QUANTIZING, done, total),
        cancel=lambda: job.cancelled,
    )
    return checkpoint, math.nan if went_on else time.perf_counter() - began


def _folder_name(choice: ModelChoice, text_sha256: str, source: str) -> str:
    """The same for the same work; other versions may compute other last digits, so they count too."""
    packages = ("torch", "transformers", "numpy", "constriction", "bitarray")
    versions = [sys.version, *(_version(package) for package in packages)]
    whole = [recipe_of(choice).as_record(), choice.tokens, text_sha256, source, versions]
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()[:20]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _reporting(job: Job, message: str, before: int, total: int) -> dict[str, Any]:
    """How core functions report to the job and ask it; `before` was done before they began."""
    return {
        "progress": lambda done, _: job.report(message, before + done, total),
        "cancel": lambda: job.cancelled,
    }
