"""``nearest-plane evaluate``: what a quantized model has lost, or how good a model is."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.command_line.loading import choose_tokens, load
from app.command_line.options import (
    WINDOW,
    Device,
    Dtype,
    First,
    Jobs,
    Json,
    Model,
    TextFile,
    Tokens,
    Window,
)
from app.command_line.printing import print_json, print_table
from app.command_line.progress import Progress
from app.figures.numbers import percent

if TYPE_CHECKING:
    from lattice_core.language_model import Checkpoint, Evaluation

SHORT = "Measure perplexity, and what quantizing has cost."
EXAMPLES = """\b
Examples:
  nearest-plane evaluate
  nearest-plane evaluate --checkpoint watersic-3.25 --text wiki.test.raw --tokens 16384
  nearest-plane evaluate --checkpoint watersic-3.25 --prompt "The lighthouse" --seed 1
"""


def run(
    model: Model = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="A folder of `quantize`: judge it beside MODEL, from which it was made.",
            show_default=False,
        ),
    ] = None,
    text: TextFile = None,
    tokens: Tokens = None,
    first: First = 0,
    window: Window = WINDOW,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="Also write on from these words.", show_default=False),
    ] = None,
    length: Annotated[
        int, typer.Option(min=1, metavar="N", help="For --prompt: the most tokens written.")
    ] = 64,
    seed: Annotated[
        int,
        typer.Option(
            metavar="N", help="For --prompt: the same seed draws the same numbers for every model."
        ),
    ] = 0,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """Measure a model's perplexity on a text, and with --checkpoint what quantizing it has cost.

    Perplexity: exp of the mean negative log-likelihood of each token, given those before it in its window; lower is
    better. KL: how far the checkpoint's predictions are from the original's, in nats a token; 0 is the same. Agreement:
    how often both find the same token the likeliest.
    """
    from lattice_core.language_model import gather_reference, open_checkpoint, write_text
    from lattice_core.language_model.evaluate import evaluate

    made = open_checkpoint(checkpoint) if checkpoint is not None else None
    loaded = load(model, device, dtype, jobs)
    quantized = made.model(loaded) if made is not None else None
    chosen = choose_tokens(
        loaded, text, part="evaluation", count=tokens, first=first, window=window
    )
    found: dict[str, Evaluation] = {}
    with Progress() as progress:
        found["original"] = evaluate(
            loaded, chosen.ids, window=window, progress=progress.counted("The original model")
        )
        if quantized is not None:
            reference = gather_reference(
                loaded,
                chosen.ids,
                window=window,
                progress=progress.counted("The original model, for comparison"),
            )
            found["checkpoint"] = evaluate(
                quantized,
                chosen.ids,
                window=window,
                reference=reference,
                progress=progress.counted("The checkpoint"),
            )
    texts = {}
    if prompt is not None:
        texts["original"] = write_text(loaded, prompt, length, seed=seed)
        if quantized is not None:
            texts["checkpoint"] = write_text(quantized, prompt, length, seed=seed)
    if json:
        print_json(_as_record(loaded.source, chosen.about, found, made, prompt, texts))
    else:
        _print(loaded.source, chosen.about, found, made, prompt, texts)


def _as_record(
    source: str,
    about: str,
    found: "dict[str, Evaluation]",
    made: "Checkpoint | None",
    prompt: str | None,
    texts: dict[str, str],
) -> dict[str, Any]:
    record: dict[str, Any] = {"source": source, "text": about}
    record |= {name: asdict(evaluation) for name, evaluation in found.items()}
    if made is not None:
        record["checkpoint"] |= {
            "folder": str(made.folder),
            "bits_per_weight": made.report.bits_per_weight,
            "stored_bytes": made.stored_bytes,
        }
    if prompt is not None:
        record |= {"prompt": prompt, "texts": texts}
    return record


def _print(
    source: str,
    about: str,
    found: "dict[str, Evaluation]",
    made: "Checkpoint | None",
    prompt: str | None,
    texts: dict[str, str],
) -> None:
    predicted = found["original"].predicted
    window = found["original"].window
    print(f"{source} on {about}: {predicted:,} predictions in windows of {window:,}.\n")
    rows = []
    for name, one in found.items():
        compared = one.divergence is not None and one.agreement is not None and made is not None
        rows.append(
            (
                name,
                f"{one.perplexity:.4g}",
                f"{one.divergence:.4g}" if compared else "–",
                percent(one.agreement) if compared and one.agreement is not None else "–",
                f"{made.report.bits_per_weight:.4f}" if compared and made is not None else "–",
            )
        )
    print_table(["model", "perplexity", "KL, nats a token", "agreement", "bits a weight"], rows)
    for name, written in texts.items():
        print(f"\n{name}: {prompt}{written}")
