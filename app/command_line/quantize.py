"""``nearest-plane quantize``: a whole model into a folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from app.command_line.loading import choose_tokens, load
from app.command_line.options import (
    METHODS,
    WINDOW,
    Damping,
    Device,
    Dtype,
    First,
    Jobs,
    Json,
    MethodName,
    Model,
    OrderName,
    TextFile,
    Tokens,
    Window,
)
from app.command_line.printing import print_json, print_table
from app.command_line.progress import Progress, say
from app.command_line.refusals import resumable
from app.figures.numbers import percent

if TYPE_CHECKING:
    from lattice_core.language_model import Checkpoint, Recipe

WITH_A_GRID = ("rtn", "gptq", "ssqr")
_METHODS = "\n\n".join(f"{name}: {about}" for name, about in METHODS.items())
SHORT = "Quantize a whole model into a folder."
EXAMPLES = f"""Methods (--method):

{_METHODS}

\b
Examples:
  nearest-plane quantize --method gptq --bits 4 --to gptq-4
  nearest-plane quantize --method watersic --bits 3.25 --to watersic-3.25
  nearest-plane quantize --method watersic --bits 2.25 --decoder k_best --k 16 --rate-aware --to small
  nearest-plane quantize Qwen/Qwen3-0.6B --method hptq --bits 3.25 --text wiki.train.raw --to qwen-3.25
"""


def run(
    to: Annotated[
        Path,
        typer.Option(
            metavar="FOLDER",
            help="Where the quantized model goes: a new folder, or one of an earlier run of the same, which is gone "
            "on with.",
        ),
    ],
    model: Model = None,
    method: Annotated[
        MethodName, typer.Option(help="How layers are quantized; explained below.")
    ] = "gptq",
    bits: Annotated[
        float,
        typer.Option(
            metavar="BITS",
            help="For rtn, gptq, ssqr the width of a code, 1 to 8, to which scales add. For hrtn, hptq, watersic all "
            "that is stored, in bits a weight, such as 3.25.",
        ),
    ] = 4,
    group_size: Annotated[
        str,
        typer.Option(
            metavar="N",
            help="Inputs that share a scale (rtn, gptq, ssqr), or 'row' for one scale a row.",
        ),
    ] = "64",
    order: Annotated[
        OrderName,
        typer.Option(
            help="Which column is quantized first. act_order: the most active input; front_to_back: the first "
            "column, GPTQ's default; back_to_front: the last, Babai's; min_pivot: smallest pivots last."
        ),
    ] = "act_order",
    damping: Damping = 0.01,
    decoder: Annotated[
        Literal["nearest_plane", "k_best"],
        typer.Option(
            help="For gptq, hptq, watersic: keep one partial code a row, or the --k best of them, which costs about "
            "k times the time."
        ),
    ] = "nearest_plane",
    k: Annotated[int, typer.Option(metavar="N", help="For k_best: partial codes kept.")] = 16,
    refine: Annotated[
        Literal["none", "coordinate_descent"],
        typer.Option(help="Afterwards move single codes while that lowers the loss."),
    ] = "none",
    refit_scales: Annotated[
        bool,
        typer.Option(
            "--refit-scales", help="Then give rows and columns the factors that suit the codes."
        ),
    ] = False,
    rate_aware: Annotated[
        bool,
        typer.Option(
            "--rate-aware", help="For hptq, watersic: choose codes for loss and bits together."
        ),
    ] = False,
    coder: Annotated[
        Literal["fixed", "huffman", "ans"] | None,
        typer.Option(
            help="How codes are stored: fixed gives each the same width, huffman whole bits by frequency, ans "
            "fractions of a bit. Left out: ans for hrtn, hptq, watersic, and fixed for the others.",
            show_default=False,
        ),
    ] = None,
    overflow: Annotated[
        Literal["clip", "keep"],
        typer.Option(
            help="For rtn, gptq: clip codes to the grid, or keep them, so that the bound holds."
        ),
    ] = "clip",
    scale_rule: Annotated[
        Literal["absmax", "mse"],
        typer.Option(
            help="For rtn, gptq, ssqr: scales that reach the largest weight, or that give the least squared error."
        ),
    ] = "mse",
    outlier_rate: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="For ssqr: the most weights kept aside, 0.01 for 1 % (also if left out).",
            show_default=False,
        ),
    ] = None,
    inputs: Annotated[
        Literal["sequential", "one_shot"],
        typer.Option(
            help="What a layer is calibrated on: text that went through the blocks before it as they are quantized, "
            "or as they were."
        ),
    ] = "sequential",
    targets: Annotated[
        Literal["own", "unquantized"],
        typer.Option(
            help="What a layer is to reproduce: its own output, or that in the unquantized model, which makes up for "
            "errors before it (with sequential inputs)."
        ),
    ] = "own",
    text: TextFile = None,
    tokens: Tokens = None,
    first: First = 0,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Draw the windows from the whole text, none twice; another seed, another calibration.",
            show_default=False,
        ),
    ] = None,
    window: Window = WINDOW,
    hessians: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="With one_shot inputs: keep the Hessians there, for other runs on the same text (float64; 0.8 GB for "
            "SmolLM2-135M).",
            show_default=False,
        ),
    ] = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """Quantize every linear layer of a model into a folder.

    The folder has a file a layer, and what is stored is what is counted: codes, scales, tables, outliers. A run that
    was stopped or killed goes on when the same command is given again, and ends with the same bytes. The model itself
    is not changed.
    """
    from lattice_core.language_model import Recipe, quantize_to_folder
    from lattice_core.layers.layer_problem import Settings

    settings = Settings(
        method,
        bits=_bits(method, bits),
        group_size=_group_size(group_size),
        overflow=overflow,
        scale_rule=scale_rule,
        outlier_rate=outlier_rate,
        decoder=decoder,
        k=k,
        refine=None if refine == "none" else refine,
        refit_scales=refit_scales,
        rate_aware=rate_aware,
        coder=coder,
    )
    recipe = Recipe(
        settings, order=order, damping=damping, inputs=inputs, targets=targets, window=window
    )
    if hessians is not None and inputs != "one_shot":
        raise ValueError(
            "--hessians are those of the unquantized model; they serve --inputs one_shot only."
        )
    loaded = load(model, device, dtype, jobs)
    chosen = choose_tokens(
        loaded,
        text,
        part="calibration",
        count=tokens,
        first=first,
        seed=seed,
        window=window,
    )
    say(f"{loaded.source}: {_in_words(recipe)}; calibration: {chosen.about}.")
    with resumable("layers are finished", to, "layers/*.safetensors"), Progress() as progress:
        made = quantize_to_folder(
            loaded,
            chosen.ids,
            recipe,
            to,
            text=chosen.about,
            hessians=hessians,
            progress=progress,
        )
    if json:
        print_json(as_record(made))
    else:
        _print_summary(made)


def as_record(made: "Checkpoint") -> dict[str, Any]:
    """A checkpoint in numbers, as JSON has them."""
    report = made.report
    return {
        "folder": str(made.folder),
        "about": made.about,
        "recipe": made.recipe.as_record(),
        "weights": report.weight_count,
        "bits_per_weight": report.bits_per_weight,
        "stored_bytes": made.stored_bytes,
        "relative_loss": report.relative_loss,
        "relative_bound": report.relative_bound,
        "clipped_fraction": report.clipped_fraction,
        "outlier_rate": report.outlier_rate,
        "distance": report.distance,
        "layers": [
            layer.as_record()
            | {"relative_bound": layer.relative_bound, "loss_over_bound": layer.loss_over_bound}
            for layer in report.layers
        ],
    }


def summary(made: "Checkpoint") -> list[tuple[str, str]]:
    """What a checkpoint is in a few numbers, in words."""
    report = made.report
    void = " (void: codes were clipped)" if report.clipped_fraction else ""
    rows = [
        ("layers", f"{len(report.layers)}"),
        ("weights quantized", f"{report.weight_count:,}"),
        ("bits a weight, stored", f"{report.bits_per_weight:.4f}"),
        ("bytes of the files", f"{made.stored_bytes:,}"),
        ("loss, summed over layers of its share", f"{report.relative_loss:.4g}"),
        ("its bound", f"{report.relative_bound:.4g}{void}"),
        ("clipped codes", percent(report.clipped_fraction)),
    ]
    if report.outlier_rate:
        rows.append(("weights kept aside", percent(report.outlier_rate)))
    if report.distance is not None:
        rows.append(("bits a weight above the Gaussian reference", f"{report.distance:.3f}"))
    return rows


def _print_summary(made: "Checkpoint") -> None:
    print_table(["what", "is"], summary(made))
    print(f"\n{made.folder} is finished.")


def _in_words(recipe: "Recipe") -> str:
    settings = recipe.settings
    return (
        f"{settings.method}, {settings.bits:g} bits, {recipe.order}, {recipe.inputs} inputs, "
        f"{recipe.targets} targets"
    )


def _bits(method: str, bits: float) -> float:
    if float(bits).is_integer():
        return int(bits)
    if method in WITH_A_GRID:
        raise ValueError(
            f"--bits is {bits:g}; codes of {method} have a whole number of bits, 1 to 8, to which scales add. For "
            f"{bits:g} bits in all, choose --method hptq or watersic."
        )
    return bits


def _group_size(word: str) -> int | None:
    if word == "row":
        return None
    if not word.isdecimal():
        raise ValueError(f"--group-size is {word!r}; a number of inputs, or row, was wanted.")
    return int(word)
