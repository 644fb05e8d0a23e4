"""What linear layers see while a model, or a part of it, runs."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from torch import Tensor, nn


class _EnoughSeen(Exception):
    """Ends a forward pass once every wanted layer has its inputs."""


def seen_inputs(
    layers: Mapping[str, nn.Linear], run: Callable[[], object]
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The inputs of linear layers in one forward pass, which ends as soon as all are seen.

    Hooks are on the layers only while it runs: before and after it somebody else may use the model.

    Parameters
    ----------
    layers : mapping of str to Linear
    run : callable
        The forward pass.

    Returns
    -------
    inputs : dict of tensors
        By leader: the first of the layers that read the same tensor.
    leaders : dict of str
        Of each layer.

    Raises
    ------
    ValueError
        If a layer takes no part in the pass.
    """
    inputs: dict[str, Tensor] = {}
    leaders: dict[str, str] = {}

    def look(layer: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            same = (key for key, tensor in inputs.items() if tensor is args[0])
            leaders[layer] = next(same, layer)
            inputs.setdefault(leaders[layer], args[0])
            if len(leaders) == len(layers):
                raise _EnoughSeen

        return hook

    handles = [module.register_forward_pre_hook(look(name)) for name, module in layers.items()]
    try:
        with suppress(_EnoughSeen):
            run()
    finally:
        for handle in handles:
            handle.remove()
    if missing := [name for name in layers if name not in leaders]:
        raise ValueError(f"{missing[0]} took no part in the forward pass.")
    return inputs, leaders
