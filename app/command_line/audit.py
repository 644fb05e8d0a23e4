"""``nearest-plane audit``: how layers were quantized, and what would have been better."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer

from app.command_line.audit_printing import audit_record, print_layer, print_layers
from app.command_line.loading import choose_tokens, load
from app.command_line.options import (
    WINDOW,
    Device,
    Dtype,
    First,
    Jobs,
    Json,
    TextFile,
    Tokens,
)
from app.command_line.printing import print_json
from app.command_line.progress import Progress, say

DAMPING = 0.01
SHORT = "Find out how layers were quantized, and what would have been better."
EXAMPLES = """\b
Examples:
  nearest-plane audit layer.npz
  nearest-plane audit --checkpoint model-gptq --source model --text calibration.txt

A file holds W (rows × columns), Q (the same, dequantized), and H (XᵀX of the layer's inputs) or X (tokens × columns);
optionally scales and codes. A checkpoint is a folder of `quantize`, or one in the GPTQ format (AutoGPTQ, GPTQModel).

Explained: of all codes, those that a method's next step gives after the codes before it. The bound says
something only where no code is clipped.
"""


def run(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="One layer, as .npz or .safetensors.", show_default=False
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="All layers of a folder of `quantize`, or of a checkpoint in the GPTQ format.",
            show_default=False,
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="For --checkpoint: the model it was made from, named as for the other commands. Left out: the model "
            "that the set-up brings.",
            show_default=False,
        ),
    ] = None,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="For --checkpoint: only layers of this name; * stands for anything. May be given again. For "
            "the GPTQ format, the Hessians of all audited layers are in memory at once.",
            show_default=False,
        ),
    ] = None,
    damping: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="λ: this share of the mean diagonal is added to the Hessian's diagonal. Left out: 0.01, or what a "
            "folder of `quantize` says. Others are tried where it explains too little.",
            show_default=False,
        ),
    ] = None,
    text: TextFile = None,
    tokens: Tokens = None,
    first: First = 0,
    window: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help=f"Tokens that see one another. Left out: {WINDOW:,}, or what a folder of `quantize` says.",
            show_default=False,
        ),
    ] = None,
    device: Device = "cpu",
    dtype: Dtype = "float32",
    jobs: Jobs = None,
    json: Json = False,
) -> None:
    """Say of quantized layers in which order they were made, how far they are from their bound, and what would have
    been better.

    It needs the weights before and after, and the layer's inputs; for a checkpoint, the model it was made from and a
    text, best the one that it was calibrated on.
    """
    if (file is None) == (checkpoint is None):
        raise ValueError("name one FILE to audit, or a folder with --checkpoint (not both).")
    if file is not None:
        if source is not None or layer or text is not None:
            raise ValueError("--source, --layer and --text go with --checkpoint, not with a file.")
        _audit_file(file, DAMPING if damping is None else damping, device, jobs, json)
        return
    assert checkpoint is not None
    from app.command_line.own_checkpoint import audit_own, open_own
    from lattice_core.language_model.checkpoint_audit import audit_checkpoint
    from lattice_core.language_model.gptq_format import read_gptq_checkpoint
    from lattice_core.language_model.recipe import tokens_hash

    own = open_own(checkpoint)
    names = _chosen(
        tuple(own.hashes) if own else read_gptq_checkpoint(checkpoint).layers,
        layer or [],
        checkpoint,
    )
    if window is None:
        window = own.recipe.window if own else WINDOW
    if damping is None:
        damping = own.recipe.damping if own else DAMPING
    loaded = load(source, device, dtype, jobs)
    chosen = choose_tokens(
        loaded, text, part="calibration", count=tokens, first=first, window=window
    )
    say(f"{len(names)} layers of {checkpoint} against {loaded.source} on {chosen.about}.")
    if own and own.about["tokens_sha256"] != tokens_hash(chosen.ids):
        say(
            f"This is not the text it was calibrated on ({own.about['text']}, {own.about['token_count']:,} tokens), so "
            "no order may explain its codes."
        )
    with Progress() as progress:
        if own:
            audits = audit_own(
                own,
                loaded,
                chosen.ids,
                layers=names,
                window=window,
                damping=damping,
                progress=progress,
            )
        else:
            audits = audit_checkpoint(
                checkpoint,
                loaded,
                chosen.ids,
                layers=names,
                window=window,
                damping=damping,
                progress=progress.counted("Inputs of the layers"),
            )
        found = []
        for name, audit in audits:
            found.append((name, audit))
            progress(f"Audited {name}", len(found), len(names))
    if json:
        print_json({name: audit_record(audit) for name, audit in found})
    else:
        print_layers(found)


def _audit_file(file: Path, damping: float, device: str, jobs: int | None, json: bool) -> None:
    import torch

    from app.command_line.loading import require_device
    from lattice_core.layers.audit import audit_layer
    from lattice_core.layers.audit_file import read_audit_file

    require_device(device)
    if jobs is not None:
        torch.set_num_threads(jobs)
    read = read_audit_file(file)
    audit = audit_layer(
        read.weight.to(device),
        read.quantized.to(device),
        read.hessian.to(device),
        damping=damping,
        scales=read.scales,
        codes=read.codes,
    )
    if json:
        print_json({file.name: audit_record(audit)})
    else:
        print_layer(file.name, audit)


def _chosen(names: tuple[str, ...], patterns: list[str], folder: Path) -> list[str]:
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise ValueError(
                f"--layer {pattern}: {folder} has no such layer; names such as {names[0]} were wanted."
            )
    return [
        name
        for name in names
        if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
    ]
