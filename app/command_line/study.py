"""``nearest-plane study``: many ways to quantize, on one text, evaluated alike."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.command_line.loading import load
from app.command_line.options import Device, Dtype, Jobs, Json, Model
from app.command_line.printing import print_json, print_table
from app.command_line.progress import Progress, in_words, say
from app.command_line.refusals import command_as_typed, resumable
from app.figures.numbers import percent

if TYPE_CHECKING:
    from lattice_core.language_model.study_laws import Prediction
    from lattice_core.language_model.study_plan import StudyPoint
    from lattice_core.language_model.study_record import Study

SHORT = "Quantize in many ways on one text, and compare."
EXAMPLES = """\b
Stages:
  A  every method at 4.25, 3.25 and 2.25 bits: one-shot inputs, act-order
  B  GPTQ's codes in four orders, clipped and kept, at 3 bits
  C  the headline points with sequential inputs, with targets of the unquantized model, and
     calibrated on windows drawn with three seeds

\b
Examples:
  nearest-plane study --list
  nearest-plane study --to study --text wiki.test.raw
  nearest-plane study --to study --text wiki.test.raw --only 'A-watersic-*' --only 'A-gptq-*'

On two cores a run takes about five minutes with SmolLM2-135M. The text must have 208,192 tokens or more: some
for evaluation, some for calibration, some that serve for neither.
"""


def run(
    context: typer.Context,
    model: Model = None,
    to: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Where the study is kept; one that was begun is gone on with. Hessians take 0.8 GB there for each "
            "calibration text, with SmolLM2-135M.",
        ),
    ] = Path("study"),
    text: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="UTF-8 text for everything, such as wiki.test.raw of WikiText-2.",
            show_default=False,
        ),
    ] = None,
    stages: Annotated[
        str, typer.Option(metavar="A,B,C", help="Which stages, in this order.")
    ] = "A,B,C",
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY",
            help="Of these, only runs with this key, as --list prints it; * stands for anything. May be given again.",
            show_default=False,
        ),
    ] = None,
    evaluation_tokens: Annotated[
        int, typer.Option(min=2, metavar="N", help="Tokens for evaluation, from the first on.")
    ] = 16_384,
    listed: Annotated[
        bool, typer.Option("--list", help="Only list the runs, and which of them are done.")
    ] = False,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """Quantize a model in many ways, and evaluate each alike: perplexity, KL, bits in stored bytes, losses, bounds.

    A run at a time; what is done is kept, and the same command goes on after a stop. In the end the folder holds
    study.json, runs.csv, layers.csv and texts.json, which `report` makes into one HTML file.
    """
    points = _points(stages, only or [])
    if listed:
        _list(points, to, json)
        return
    if text is None:
        raise ValueError("--text is missing: the study wants a file with 208,192 tokens or more.")
    from lattice_core.language_model import read_text
    from lattice_core.language_model.study import StudyRunner, StudyText, write_study

    parts = StudyText(read_text(text), evaluation=(0, evaluation_tokens))
    if evaluation_tokens > parts.calibration[0]:
        raise ValueError(
            f"--evaluation-tokens is {evaluation_tokens:,}; at most {parts.calibration[0]:,} were "
            "wanted, for calibration begins there."
        )
    loaded = load(model, device, dtype, jobs)
    with resumable("runs are finished", to, "runs/*.json"), Progress() as progress:
        runner = StudyRunner(
            loaded, parts, to, command=command_as_typed(context), progress=progress
        )
        for count, done in enumerate(runner.run(points), start=1):
            known = filter(math.isfinite, (done.quantize_seconds, done.evaluate_seconds))
            seconds = in_words(sum(known))
            say(
                f"{count} of {len(points)}: {done.key}: {done.bits_per_weight:.3f} bits, "
                f"perplexity {done.perplexity:.4g}, KL {done.divergence:.4g} ({seconds})"
            )
    study = write_study(to)
    if json:
        print_json(_as_record(study, to))
    else:
        _print(study, to)


def _prediction(study: "Study") -> "Prediction":
    """How the summed relative bound orders the models whose bound holds."""
    from lattice_core.language_model.study_laws import prediction

    return prediction((one for one in study.runs if one.clipped_fraction == 0), "bound")


def _points(stages: str, only: Sequence[str]) -> "list[StudyPoint]":
    from lattice_core.language_model.study_plan import STAGES

    names = [name.strip().upper() for name in stages.split(",") if name.strip()]
    if unknown := [name for name in names if name not in STAGES]:
        raise ValueError(f"--stages names {unknown[0]!r}; of {', '.join(STAGES)} some were wanted.")
    points = [point for name in names for point in STAGES[name]()]
    if not only:
        return points
    for pattern in only:
        if not any(fnmatchcase(point.key, pattern) for point in points):
            raise ValueError(
                f"--only {pattern}: no run of stages {', '.join(names)} has this key; --list prints them."
            )
    return [point for point in points if any(fnmatchcase(point.key, key) for key in only)]


def _list(points: "Sequence[StudyPoint]", folder: Path, json: bool) -> None:
    done = {file.stem for file in (folder / "runs").glob("*.json")}
    if json:
        print_json([asdict(one) | {"key": one.key, "done": one.key in done} for one in points])
        return
    print_table(
        ["run", "bits", "done"],
        [(one.key, f"{one.target_bits:g}", "yes" if one.key in done else "no") for one in points],
    )
    count = sum(one.key in done for one in points)
    print(f"\n{count} of {len(points)} runs are done in {folder}.")


def _files(folder: Path) -> list[Path]:
    from lattice_core.language_model.study_record import LAYER_RUNS, RUNS, STUDY, TEXTS

    return [folder / name for name in (STUDY, RUNS, LAYER_RUNS, TEXTS)]


def _as_record(study: "Study", folder: Path) -> dict[str, Any]:
    found = _prediction(study)
    return {
        "files": [str(file) for file in _files(folder)],
        "about": dict(study.about),
        "runs": [asdict(one) for one in study.runs],
        "rank_correlation": found.correlation,
        "unclipped_models": found.models,
    }


def _print(study: "Study", folder: Path) -> None:
    rows = [
        (
            one.key,
            f"{one.bits_per_weight:.3f}",
            f"{one.perplexity:.4g}",
            f"{one.divergence:.4g}",
            percent(one.agreement),
            f"{one.relative_bound:.3g}",
            percent(one.clipped_fraction),
        )
        for one in study.runs
    ]
    head = ["run", "bits", "perplexity", "KL", "agreement", "bound", "clipped"]
    print_table(head, rows)
    print(f"\nThe original model has perplexity {study.reference_perplexity:.4g}.")
    found = _prediction(study)
    if found.correlation is None:
        print(
            f"Rank correlation of bound and KL: none, for {found.models} models without clipped codes are too few, "
            "or all alike."
        )
    else:
        print(
            f"Rank correlation of the summed relative bound with KL over the {found.models} models without clipped "
            f"codes: {found.correlation:+.3f}"
        )
    if missing := study.about["missing"]:
        print(f"{len(missing)} planned runs are still missing.")
    for file in _files(folder):
        print(file)
