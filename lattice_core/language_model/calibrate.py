"""Calibration: the Hessians of a model's linear layers, from text run through the model."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.seen_inputs import seen_inputs
from lattice_core.language_model.text import WINDOW
from lattice_core.layers.hessian import HessianAccumulator

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class Cancelled(Exception):
    """Raised by work on a model when its `cancel` says so; nothing is returned, nothing changed."""


def linear_layers(model: "PreTrainedModel") -> dict[str, nn.Linear]:
    """The linear layers of a model's blocks by name, in the order of the forward pass.

    For each block of a Llama-like model: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj,
    down_proj. The output embedding is not among them; it stays as it is.
    """
    head = model.get_output_embeddings()
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and module is not head
    }


def named_layers(model: "PreTrainedModel", names: Iterable[str]) -> dict[str, nn.Linear]:
    """Some of a model's `linear_layers`, in the order of the names.

    Raises
    ------
    ValueError
        If one of them is not in the model, or none is named.
    """
    known, wanted = linear_layers(model), list(names)
    if not known:
        raise ValueError(f"{type(model).__name__} has no layers of torch.nn.Linear in its blocks.")
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise ValueError(
            f"layers is {wanted}; names such as {next(iter(known))!r} were wanted"
            + (f" ({unknown[0]!r} is not in the model)." if unknown else ".")
        )
    return {name: known[name] for name in wanted}


def collect_hessians(
    loaded: LoadedModel,
    tokens: Tensor,
    *,
    layers: Sequence[str],
    window: int = WINDOW,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> dict[str, Tensor]:
    """The raw Hessians ``XᵀX`` of linear layers, from one forward pass over the tokens.

    The pass of each window ends as soon as the last wanted layer has its inputs, so early blocks
    cost little. Layers that read the same tensor (q, k and v; gate and up) share one Hessian.

    Parameters
    ----------
    loaded : LoadedModel
    tokens : (n,) int64 tensor
        As `tokenize` gives them.
    layers : sequence of str
        Keys of `linear_layers`.
    window : int
        Tokens that see one another; the last window may be shorter. Nothing is seen across windows.
    progress : callable, optional
        Called after each window with the tokens done and the tokens in all.
    cancel : callable, optional
        Asked before each window.

    Returns
    -------
    dict of (c, c) float64 tensors
        In the order of `layers`; entries that share an input are the same tensor.

    Raises
    ------
    Cancelled
        If `cancel` returned true.
    ValueError
        For an unknown layer, tokens that are not a vector, a window that does not fit the model, or
        inputs that are NaN or infinite (the message names the layer).
    """
    wanted = named_layers(loaded.model, layers)
    if tokens.ndim != 1 or not len(tokens):
        raise ValueError(f"tokens has shape {tuple(tokens.shape)}; one vector of ids was wanted.")
    longest = getattr(loaded.model.config, "max_position_embeddings", None)
    if window < 1 or (longest and window > longest):
        raise ValueError(f"window is {window}; 1 … {longest or 'any'} tokens were wanted.")

    sums: dict[str, HessianAccumulator] = {}
    leaders: dict[str, str] = {}
    device = next(loaded.model.parameters()).device
    done = 0
    for piece in tokens.split(window):
        if cancel is not None and cancel():
            raise Cancelled(f"stopped after {done:,} of {len(tokens):,} tokens")
        ids = piece.to(device)[None]
        with torch.inference_mode():
            inputs, leaders = seen_inputs(wanted, partial(loaded.model, ids, use_cache=False))
        for leader, tensor in inputs.items():
            if leader not in sums:
                sums[leader] = HessianAccumulator(
                    tensor.shape[-1], name=leader, device=tensor.device
                )
            sums[leader].add(tensor)
        done += len(piece)
        if progress is not None:
            progress(done, len(tokens))
    # Each is taken out of its accumulator as it is made: a whole model has 0.8 GB of them.
    hessians = {leader: sums.pop(leader).hessian for leader in list(sums)}
    return {name: hessians[leaders[name]] for name in wanted}
