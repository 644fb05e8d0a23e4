"""Auditing a folder of `quantize` layer by layer, on the inputs that its layers were calibrated on."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

    from app.command_line.progress import Progress
    from lattice_core.language_model import Checkpoint, LoadedModel
    from lattice_core.layers.audit_results import LayerAudit
    from lattice_core.layers.stored_layer import DecodedLayer


def open_own(folder: "Path") -> "Checkpoint | None":
    """A folder of `quantize`, or ``None`` if it is another."""
    from lattice_core.language_model import open_checkpoint
    from lattice_core.language_model.checkpoint import RECIPE

    return open_checkpoint(folder) if (folder / RECIPE).is_file() else None


def audit_own(
    made: "Checkpoint",
    loaded: "LoadedModel",
    ids: "Tensor",
    *,
    layers: Collection[str],
    window: int,
    damping: float,
    progress: "Progress",
) -> Iterator[tuple[str, "LayerAudit"]]:
    """Audit layers of a checkpoint against the model that it was made from.

    Block by block, so one block's Hessians are in memory at a time. With sequential inputs the text goes through
    the blocks as they are stored.

    Raises
    ------
    ValueError
        If it keeps weights aside, which lie on no grid; or for another model, a damaged file, too little text.
    """
    from lattice_core.language_model.block_hessians import block_hessians
    from lattice_core.language_model.blocks import BlockRunner, decoder_blocks
    from lattice_core.language_model.calibrate import linear_layers

    if made.recipe.settings.method == "ssqr":
        raise ValueError(
            f"{made.folder} was made by ssqr, which keeps weights aside that lie on no grid; an audit "
            "of it is not supported."
        )
    if made.recipe.targets == "unquantized":
        raise ValueError(
            f"{made.folder} was made with --targets unquantized: its layers were rounded from weights that make up "
            "for those before them, which are kept nowhere; an audit of it is not supported."
        )
    quantized = decoder_blocks(made.model(loaded).model)
    weights = linear_layers(loaded.model)
    stored = dict(made.layers())
    runner = BlockRunner(loaded.model, ids, window)
    states = runner.start()
    done = 0
    for index, (name, block) in enumerate(runner.blocks.items(), start=1):
        wanted = [layer for layer in weights if layer.startswith(f"{name}.") and layer in layers]
        if wanted:
            progress(f"Block {index} of {len(quantized)}: inputs", done, len(layers))
            found = block_hessians(runner, name, states)
            for layer in wanted:
                hessian = found.hessians[found.leaders[layer]]
                yield layer, _audit(layer, weights[layer], stored[layer], hessian, damping)
                done += 1
        if done == len(layers):
            return
        through = quantized[name] if made.recipe.inputs == "sequential" else block
        states = list(runner.run(name, through, states))


def _audit(
    name: str, module: "nn.Linear", layer: "DecodedLayer", hessian: "Tensor", damping: float
) -> "LayerAudit":
    from lattice_core.layers.audit import audit_layer

    try:
        audit = audit_layer(
            module.weight,
            layer.dequantize(),
            hessian,
            damping=damping,
            scales=layer.scale_form.expand(*layer.codes.shape),
        )
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    return replace(audit, grid=None)
