"""Auditing every layer of a quantized checkpoint against the model that it was made from."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from lattice_core.language_model.calibrate import Cancelled, collect_hessians, named_layers
from lattice_core.language_model.gptq_format import read_gptq_checkpoint
from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.text import WINDOW
from lattice_core.layers.audit import audit_layer
from lattice_core.layers.audit_results import LayerAudit


def audit_checkpoint(
    folder: str | Path,
    loaded: LoadedModel,
    tokens: Tensor,
    *,
    layers: Sequence[str] | None = None,
    window: int = WINDOW,
    damping: float = 0.01,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Iterator[tuple[str, LayerAudit]]:
    """Audit the layers of a GPTQ checkpoint against the model that it was made from.

    Parameters
    ----------
    folder : str or Path
        As in `read_gptq_checkpoint`.
    loaded : LoadedModel
        The unquantized model.
    tokens : (n,) int64 tensor
        To calibrate on; those the checkpoint was made with explain its codes best.
    layers : sequence of str, optional
        ``None``: all quantized layers. Their Hessians are in memory at once.
    window : int
        As in `collect_hessians`.
    damping : float
        As in `audit_layer`.
    progress, cancel : callable, optional
        As in `collect_hessians`; `cancel` is asked before each layer too.

    Yields
    ------
    name : str
    audit : LayerAudit
        Without its grid, so that all of them can be kept; ``GptqCheckpoint.layer(name).grid()``
        makes it anew.

    Raises
    ------
    Cancelled
        If `cancel` returned true.
    ValueError
        For what `read_gptq_checkpoint`, `collect_hessians` and `audit_layer` refuse (the message
        names the layer), or a layer that is not in the model or has another shape there.
    """
    checkpoint = read_gptq_checkpoint(folder)
    names = checkpoint.layers if layers is None else tuple(layers)
    modules = named_layers(loaded.model, names)
    for name in names:
        if name not in checkpoint.files:
            raise ValueError(
                f"{name!r} is not quantized in {checkpoint.folder}; names such as "
                f"{checkpoint.layers[0]!r} were wanted."
            )
    hessians = collect_hessians(
        loaded, tokens, layers=names, window=window, progress=progress, cancel=cancel
    )

    def audits() -> Iterator[tuple[str, LayerAudit]]:
        for done, name in enumerate(names):
            if cancel is not None and cancel():
                raise Cancelled(f"stopped after {done} of {len(names)} layers")
            layer, weight = checkpoint.layer(name), modules[name].weight.detach()
            if layer.codes.shape != weight.shape:
                raise ValueError(
                    f"{name} is {tuple(layer.codes.shape)} in {checkpoint.folder} and "
                    f"{tuple(weight.shape)} in {loaded.source}: is that the model it was made from?"
                )
            try:
                audit = audit_layer(
                    weight, layer.dequantize(), hessians[name], damping=damping, grid=layer.grid()
                )
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            yield name, replace(audit, grid=None)

    return audits()
