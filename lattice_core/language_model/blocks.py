"""A model run block by block: what goes into each block, with one block at work at a time."""

import inspect
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lattice_core.language_model.calibrate import Cancelled, linear_layers

if TYPE_CHECKING:
    from transformers import PreTrainedModel

Hidden = list[Tensor]  # a window's states each, (1, tokens, width)


class _Caught(Exception):
    """Ends a forward pass once the first block has its inputs."""


def decoder_blocks(model: "PreTrainedModel") -> dict[str, nn.Module]:
    """The blocks of a model by name, in forward order: the list of modules that holds its linear layers.

    Raises
    ------
    ValueError
        If the model has none, or keeps linear layers outside of them.
    """
    layers = linear_layers(model)
    if not layers:
        raise ValueError(f"{type(model).__name__} has no layers of torch.nn.Linear in its blocks.")
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and len(module)
    ]
    for name, found in sorted(lists, key=lambda item: item[0].count(".")):
        if all(layer.startswith(f"{name}.") for layer in layers):
            return {f"{name}.{index}": block for index, block in enumerate(found)}
    raise ValueError(
        f"the linear layers of {type(model).__name__} are not all in one list of blocks "
        f"({next(iter(layers))}, …), so it cannot be run block by block."
    )


class BlockRunner:
    """Runs the blocks of a model one at a time on windows of tokens.

    What a block is given beside its states (positions, masks) is recorded once for each length of
    window, from a pass of the whole model.

    Parameters
    ----------
    model : PreTrainedModel
    tokens : (n,) int64 tensor
    window : int
        Tokens that see one another; the last window may be shorter.
    cancel : callable, optional
        Asked before each window.
    """

    def __init__(
        self,
        model: "PreTrainedModel",
        tokens: Tensor,
        window: int,
        cancel: Callable[[], bool] | None = None,
    ) -> None:
        device = next(model.parameters()).device
        self.windows = [piece.to(device)[None] for piece in tokens.split(window)]
        self.blocks = decoder_blocks(model)
        self._model = model
        self._cancel = cancel
        self._arguments: dict[int, dict[str, dict[str, Any]]] = {}
        for piece in self.windows:
            if piece.shape[1] not in self._arguments:
                self._arguments[piece.shape[1]] = self._record(piece)

    def start(self) -> Hidden:
        """What goes into the first block."""
        first = next(iter(self.blocks.values()))
        caught: Hidden = []

        def catch(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            caught.append(args[0] if args else kwargs["hidden_states"])
            raise _Caught

        handle = first.register_forward_pre_hook(catch, with_kwargs=True)
        try:
            for piece in self.windows:
                self._check()
                with torch.inference_mode(), suppress(_Caught):
                    self._model(piece, use_cache=False)
        finally:
            handle.remove()
        return caught

    def run(self, name: str, block: nn.Module, states: Sequence[Tensor]) -> Iterator[Tensor]:
        """What comes out of a block, or of another in its place, window by window."""
        for state in states:
            self._check()
            with torch.inference_mode():
                out = block(state, **self._arguments[state.shape[1]][name])
            yield out[0] if isinstance(out, tuple) else out

    def _check(self) -> None:
        if self._cancel is not None and self._cancel():
            raise Cancelled("stopped; the layers that are finished are kept")

    def _record(self, piece: Tensor) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}

        def look(name: str, block: nn.Module) -> Callable[..., None]:
            names = list(inspect.signature(block.forward).parameters)

            def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
                given = dict(zip(names, args, strict=False)) | kwargs
                given.pop(names[0], None)
                found[name] = given | {"use_cache": False} if "use_cache" in given else given

            return hook

        handles = [
            block.register_forward_pre_hook(look(name, block), with_kwargs=True)
            for name, block in self.blocks.items()
        ]
        try:
            with torch.inference_mode():
                self._model(piece, use_cache=False)
        finally:
            for handle in handles:
                handle.remove()
        return found
