"""The Hessians of one block's linear layers, from states that go into it; and across two models.

With X̂ the inputs of a layer behind blocks that are quantized already and X those in the unquantized
model, ``H = X̂ᵀX̂`` and ``G = X̂ᵀX``. The output X w is met best by ``(H + λ̄I)⁻¹ (G + λ̄I) w`` (math of
[B] Birnick, arXiv:2508.01077v2; and of Qronos, arXiv:2505.11695).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lattice_core.language_model.blocks import BlockRunner
from lattice_core.language_model.seen_inputs import seen_inputs
from lattice_core.layers.hessian import CHUNK, HessianAccumulator


@dataclass(frozen=True, eq=False)
class BlockHessians:
    """What a block's layers see.

    Attributes
    ----------
    leaders : dict of str
        For each layer the first layer that reads the same tensor.
    hessians : dict of (c, c) float64 tensors
        Raw, by leader.
    crosses : dict of (c, c) float64 tensors
        ``X̂ᵀX`` by leader; empty without a second model.
    output_energies : dict of float
        ``‖X Wᵀ‖²`` of each layer in the second model.
    """

    leaders: dict[str, str]
    hessians: dict[str, Tensor]
    crosses: dict[str, Tensor]
    output_energies: dict[str, float]


def block_hessians(
    runner: BlockRunner,
    name: str,
    states: Sequence[Tensor],
    references: Sequence[Tensor] | None = None,
    *,
    stored: nn.Module | None = None,
    layers: Sequence[str] | None = None,
    progress: Callable[[], None] | None = None,
) -> BlockHessians:
    """Run a block on states and gather what its linear layers see.

    Parameters
    ----------
    runner : BlockRunner
    name : str
        Of the block.
    states : sequence of (1, tokens, width) tensors
        What goes into the block, behind quantized blocks or not.
    references : the same, optional
        What goes into it in the unquantized model.
    stored : Module, optional
        What the states run through: a copy of the block with some layers quantized. ``None`` is the block.
    layers : sequence of str, optional
        Whose inputs are wanted; ``None`` is all.
    progress : callable, optional
        Called after each window.

    Raises
    ------
    ValueError
        If inputs are NaN or infinite; the message names the layer.
    """
    block = runner.blocks[name]
    modules = layers_of(name, block)
    wanted = list(modules) if layers is None else list(layers)
    sums: dict[str, HessianAccumulator] = {}
    crosses: dict[str, Tensor] = {}
    energies = dict.fromkeys(wanted, 0.0) if references is not None else {}
    leaders: dict[str, str] = {}
    for index, state in enumerate(states):
        inputs, leaders = layer_inputs(runner, name, stored or block, state, wanted)
        for leader, tensor in inputs.items():
            if leader not in sums:
                sums[leader] = HessianAccumulator(
                    tensor.shape[-1], name=leader, device=tensor.device
                )
            sums[leader].add(tensor)
        if references is not None:
            others, _ = layer_inputs(runner, name, block, references[index], wanted)
            for leader, tensor in inputs.items():
                _add_cross(crosses, leader, tensor, others[leader])
            for layer in wanted:
                produced = others[leaders[layer]] @ modules[layer].weight.detach().T
                energies[layer] += produced.double().square().sum().item()
        if progress is not None:
            progress()
    hessians = {leader: sums.pop(leader).hessian for leader in list(sums)}
    return BlockHessians(leaders, hessians, crosses, energies)


def layers_of(name: str, block: nn.Module) -> dict[str, nn.Linear]:
    """The linear layers of a block by their names in the model."""
    return {
        f"{name}.{part}": module
        for part, module in block.named_modules()
        if isinstance(module, nn.Linear)
    }


def layer_inputs(
    runner: BlockRunner, name: str, block: nn.Module, state: Tensor, layers: Sequence[str]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """`seen_inputs` of some layers of a block, for one window."""
    modules = layers_of(name, block)
    wanted = {layer: modules[layer] for layer in layers}
    return seen_inputs(wanted, lambda: next(runner.run(name, block, [state])))


def _add_cross(sums: dict[str, Tensor], leader: str, inputs: Tensor, others: Tensor) -> None:
    width = inputs.shape[-1]
    if leader not in sums:
        sums[leader] = torch.zeros(width, width, dtype=torch.float64, device=inputs.device)
    pieces = zip(
        inputs.reshape(-1, width).split(CHUNK), others.reshape(-1, width).split(CHUNK), strict=True
    )
    for ours, theirs in pieces:
        sums[leader].addmm_(ours.double().T, theirs.double())
