"""Quantizing a whole model into a folder, block by block, so that a run that was killed can go on.

For each block: gather the Hessians of its layers, quantize and write each layer, read it back, and run the
block as it was read to get what goes into the next one. So what a later block sees is what was stored. The
model itself is not changed. In memory: the model, the states between two blocks, one block's Hessians, one
layer's work.
"""

import copy
import platform
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from lattice_core.language_model.atomic_file import remove_unfinished
from lattice_core.language_model.block_hessians import (
    BlockHessians,
    block_hessians,
    layer_inputs,
    layers_of,
)
from lattice_core.language_model.blocks import BlockRunner, Hidden, decoder_blocks
from lattice_core.language_model.calibrate import Cancelled, linear_layers
from lattice_core.language_model.checkpoint import (
    MANIFEST,
    Checkpoint,
    begin,
    finish,
    layer_file,
    open_checkpoint,
    quantized_parameter,
    read_layer,
    write_layer,
)
from lattice_core.language_model.hessian_folder import HessianFolder
from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.quantize import quantizable_layers
from lattice_core.language_model.quantized_for_storage import quantized_for_storage
from lattice_core.language_model.recipe import Recipe, model_hash, tokens_hash
from lattice_core.layers.layer_problem import FactoredHessian, checked_layer, factor_hessian
from lattice_core.layers.stored_layer import StoredLayer

Report = Callable[[str, int, int], None]


def quantize_to_folder(
    loaded: LoadedModel,
    tokens: Tensor,
    recipe: Recipe,
    folder: str | Path,
    *,
    text: str = "",
    hessians: Path | None = None,
    progress: Report | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Checkpoint:
    """Quantize every linear layer of a model into a checkpoint, or go on with one.

    Run again with the same arguments, it goes on with the layers that are finished, and the folder ends up the
    same byte for byte as that of a run that was not interrupted (on the same machine).

    Parameters
    ----------
    loaded : LoadedModel
        Not changed.
    tokens : (n,) int64 tensor
        Calibration text, as `tokenize` gives it; at least one window.
    recipe : Recipe
    folder : str or Path
        New, empty, or of an earlier run of the same.
    text : str
        Where the tokens are from, for people to read.
    hessians : Path, optional
        For one_shot inputs: a folder where Hessians are kept from run to run.
    progress : callable, optional
        Called with what is being done, the steps done and the steps in all.
    cancel : callable, optional
        Asked before each window and each layer.

    Returns
    -------
    Checkpoint

    Raises
    ------
    Cancelled
        If `cancel` returned true; what is finished is kept.
    ValueError
        For a model, a text or a folder that will not do, a layer that cannot be quantized (the message names
        it), or a full disk.
    """
    path = Path(folder).expanduser()
    if tokens.ndim != 1 or len(tokens) < recipe.window:
        raise ValueError(
            f"the calibration text has {tokens.numel():,} tokens; at least one window of "
            f"{recipe.window:,} was wanted. Use a longer text or a smaller window."
        )
    longest = getattr(loaded.model.config, "max_position_embeddings", None)
    if recipe.window < 1 or (longest and recipe.window > longest):
        raise ValueError(f"window is {recipe.window}; 1 … {longest or 'any'} tokens were wanted.")
    quantizable_layers(loaded.model, None)
    run = _Run(loaded, tokens, recipe, path, text, hessians, progress, cancel)
    names = list(linear_layers(loaded.model))
    # A layer whose file was removed, because it was damaged, is made again.
    if not all(file.is_file() for file in (path / MANIFEST, *(layer_file(path, n) for n in names))):
        (path / MANIFEST).unlink(missing_ok=True)
        run.all_blocks()
        finish(path, names)
    return open_checkpoint(path)


class _Run:
    """One run: its blocks, its streams of states, its progress."""

    def __init__(
        self,
        loaded: LoadedModel,
        tokens: Tensor,
        recipe: Recipe,
        folder: Path,
        text: str,
        hessians: Path | None,
        progress: Report | None,
        cancel: Callable[[], bool] | None,
    ) -> None:
        self._model = loaded.model
        self._recipe, self._folder = recipe, folder
        self._cancel, self._progress = cancel, progress
        source_hash = model_hash(loaded.model)
        key = {
            "model_sha256": source_hash,
            "tokens_sha256": tokens_hash(tokens),
            "window": recipe.window,
        }
        about = {
            "source": loaded.source,
            "text": text,
            "token_count": len(tokens),
            "threads": torch.get_num_threads(),
            "versions": _versions(),
        } | key
        begun = begin(folder, recipe, about)
        remove_unfinished(folder)
        self._threads: int = begun["about"]["threads"]
        self._kept = None
        if hessians is not None and recipe.inputs == "one_shot":
            self._kept = HessianFolder(hessians, key)
        self._tokens = tokens
        self._runner: BlockRunner | None = None
        self._blocks = decoder_blocks(loaded.model)
        self._windows = -(-len(tokens) // recipe.window)
        self._done = 0
        # Windows of a block: to gather what its layers see, then to run it for the next one.
        self._passes = 2 if recipe.targets == "unquantized" else 1
        self._total = self._steps_after(len(self._blocks) - 1)

    def all_blocks(self) -> None:
        """Every block, in forward order.

        Sums depend on how many threads share them: a run that goes on takes as many as it began with.
        """
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            self._all_blocks()
        finally:
            torch.set_num_threads(before)

    def _all_blocks(self) -> None:
        states: Hidden | None = None
        references: Hidden | None = None
        names = list(self._blocks)
        for index, name in enumerate(names):
            layers = layers_of(name, self._blocks[name])
            if not self._finished(layers):
                kept = self._kept.read(index) if self._kept is not None else None
                if kept is None and states is None:
                    states, references = self._start(names[:index])
                if references is not None:
                    self._one_input_at_a_time(name, layers, states, references)
                else:
                    found = kept or self._gather(name, index, states)
                    self._quantize(name, layers, found)
            if states is not None and index < len(names) - 1:
                states, references = self._advance(name, states, references)
            self._done = self._steps_after(index)
            self._tell(f"{_title(name, self._blocks)}: done")

    def _finished(self, layers: dict[str, nn.Linear]) -> bool:
        return all(layer_file(self._folder, name).exists() for name in layers)

    def _steps_after(self, index: int) -> int:
        """The steps that are done after a block, of a run that does them all."""
        blocks = list(self._blocks.items())[: index + 1]
        layers = sum(len(layers_of(name, block)) for name, block in blocks)
        runs = min(index + 1, len(self._blocks) - 1)
        return layers + self._windows * (index + 1 + self._passes * runs)

    def _start(self, before: list[str]) -> tuple[Hidden, Hidden | None]:
        """The states that go into the first unfinished block."""
        self._tell("Running the text through the finished blocks" if before else "Starting")
        runner = self._needed_runner()
        states = runner.start()
        references = list(states) if self._recipe.targets == "unquantized" else None
        done = self._done
        for name in before:
            states, references = self._advance(name, states, references)
            self._done = done  # counted as done already
        return states, references

    def _needed_runner(self) -> BlockRunner:
        if self._runner is None:
            self._runner = BlockRunner(self._model, self._tokens, self._recipe.window, self._cancel)
        return self._runner

    def _gather(self, name: str, index: int, states: Hidden | None) -> BlockHessians:
        """What all layers of a block see, from one run of the block as it was."""
        if states is None:
            raise AssertionError("what is not kept is gathered from states")
        message = f"{_title(name, self._blocks)}: inputs"
        found = block_hessians(
            self._needed_runner(), name, states, progress=lambda: self._step(message)
        )
        if self._kept is not None:
            self._kept.write(index, found)
        return found

    def _one_input_at_a_time(
        self,
        name: str,
        layers: dict[str, nn.Linear],
        states: Hidden | None,
        references: Hidden,
    ) -> None:
        """Layers that make up for what went wrong before them, those of the same input together.

        Each must see what those before it, in the block too, have made up for already: gathered all at
        once, every one would make up for the same error again, and the errors grow from block to block.
        """
        if states is None:
            raise AssertionError("references come with states")
        runner = self._needed_runner()
        block = runner.blocks[name]
        _, leaders = layer_inputs(runner, name, block, states[0], list(layers))
        groups = list(dict.fromkeys(leaders.values()))
        message = f"{_title(name, self._blocks)}: inputs"
        windows = 0

        def seen() -> None:
            nonlocal windows
            windows += 1  # of all groups together they count as one run
            self._tell(message) if windows % len(groups) else self._step(message)

        for leader in groups:
            together = {layer: layers[layer] for layer in layers if leaders[layer] == leader}
            if self._finished(together):
                continue
            stored = self._stored_block(name, block)
            found = block_hessians(
                runner,
                name,
                states,
                references,
                stored=stored,
                layers=list(together),
                progress=seen,
            )
            self._quantize(name, together, found)

    def _advance(
        self, name: str, states: Hidden, references: Hidden | None
    ) -> tuple[Hidden, Hidden | None]:
        """Through the block as it was stored; or as it was, for one_shot inputs and references."""
        runner = self._needed_runner()
        block = runner.blocks[name]
        message = f"{_title(name, self._blocks)}: outputs"
        if references is not None:
            references = self._through(runner, name, block, references, message)
        if self._recipe.inputs == "sequential":
            block = self._stored_block(name, block)
        return self._through(runner, name, block, states, message), references

    def _through(
        self, runner: BlockRunner, name: str, block: nn.Module, states: Hidden, message: str
    ) -> Hidden:
        out: Hidden = []
        for state in runner.run(name, block, states):
            out.append(state)
            self._step(message)
        return out

    def _stored_block(self, name: str, block: nn.Module) -> nn.Module:
        """A copy of the block with the weights of the files that are there."""
        shared: dict[int, Any] = {id(p): p for p in block.parameters()}
        for layer, module in layers_of(name, block).items():
            if layer_file(self._folder, layer).exists():
                decoded = self._read(layer)[0].decode()
                shared[id(module.weight)] = quantized_parameter(decoded, module.weight)
        return copy.deepcopy(block, shared)

    def _read(self, layer: str) -> tuple[StoredLayer, dict[str, Any]]:
        path = layer_file(self._folder, layer)
        return read_layer(path.read_bytes(), str(path))

    def _quantize(self, name: str, layers: dict[str, nn.Linear], found: BlockHessians) -> None:
        """The layers of a block that are not there yet."""
        recipe = self._recipe
        factored: dict[str, FactoredHessian] = {}
        spectra: dict[str, np.ndarray] = {}
        for layer, module in layers.items():
            if self._cancel is not None and self._cancel():
                raise Cancelled("stopped; the layers that are finished are kept")
            if not layer_file(self._folder, layer).exists():
                leader = found.leaders[layer]
                try:
                    weight, raw = checked_layer(module.weight, found.hessians[leader])
                    if leader not in factored:
                        factored[leader] = factor_hessian(
                            raw, order=recipe.order, damping=recipe.damping
                        )
                        spectra[leader] = (
                            torch.linalg.eigvalsh(factored[leader].damped).cpu().numpy()
                        )
                    stored, report = quantized_for_storage(
                        layer, weight, factored[leader], spectra[leader], found, recipe
                    )
                    write_layer(self._folder, layer, stored, report)
                except ValueError as error:
                    raise ValueError(f"{layer}: {error}") from error
            self._step(f"{_title(name, self._blocks)}: {layer.rpartition('.')[2]}")

    def _step(self, message: str) -> None:
        self._done = min(self._done + 1, self._total)
        self._tell(message)

    def _tell(self, message: str) -> None:
        if self._progress is not None:
            self._progress(message, self._done, self._total)


def _title(name: str, blocks: dict[str, nn.Module]) -> str:
    return f"Block {list(blocks).index(name) + 1} of {len(blocks)}"


def _versions() -> dict[str, str]:
    packages = ("torch", "transformers", "numpy", "constriction", "bitarray")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
