"""Quantizing a whole model in memory, in one pass.

Every layer is quantized against the inputs that it has in the **unquantized** model, so one run of
the calibration text serves all of them, and they do not wait for one another.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lattice_core.language_model.calibrate import (
    Cancelled,
    collect_hessians,
    linear_layers,
    named_layers,
)
from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.quantization_report import ModelReport, report_layer
from lattice_core.language_model.text import WINDOW
from lattice_core.layers.hessian import require_damping
from lattice_core.layers.layer_problem import (
    FactoredHessian,
    Settings,
    checked_layer,
    factor_hessian,
    require_order_name,
)
from lattice_core.layers.quantize_layer import quantize_factored
from lattice_core.layers.quantized_layer import QuantizedLayer

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def quantize_layers(
    loaded: LoadedModel,
    hessians: Mapping[str, Tensor],
    *,
    method: str = "gptq",
    bits: float = 4,
    group_size: int | None = 64,
    order: str = "act_order",
    damping: float = 0.01,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    **options: Any,
) -> Iterator[tuple[str, QuantizedLayer]]:
    """Quantize layers of a model one after the other; the model is not changed.

    The result of each is that of `quantize_layer`. Layers whose Hessians are the same tensor share
    the order and the factorization.

    Parameters
    ----------
    loaded : LoadedModel
    hessians : mapping of (c, c) tensors
        Raw, by layer name, as `collect_hessians` gives them. These layers are quantized.
    method, bits, group_size, order, damping
        As in `quantize_layer`; the order is a name, for layers differ in their number of inputs.
    progress : callable, optional
        Called after each layer with the layers done and the layers in all.
    cancel : callable, optional
        Asked before each layer.
    **options
        The other options of `quantize_layer`.

    Yields
    ------
    (str, QuantizedLayer)
        Name and result, in the order of the forward pass.

    Raises
    ------
    Cancelled
        If `cancel` returned true.
    ValueError
        At once: for what `quantize_layer` refuses whatever the layer, an unknown layer, or one
        whose weights cannot be quantized. Later: for what it refuses about a layer (the message
        names it).
    """
    settings = _checked_settings(method, bits, group_size, order, damping, options)
    layers = quantizable_layers(loaded.model, list(hessians))
    factor = partial(factor_hessian, order=order, damping=damping)
    # A mapping may make its tensors when asked; who shares one is told by the tensor itself.
    return _quantize_each(layers, dict(hessians), factor, settings, progress, cancel)


def quantize_model(
    loaded: LoadedModel,
    tokens: Tensor,
    *,
    layers: Sequence[str] | None = None,
    method: str = "gptq",
    bits: float = 4,
    group_size: int | None = 64,
    order: str = "act_order",
    damping: float = 0.01,
    window: int = WINDOW,
    progress: Callable[[str, int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
    **options: Any,
) -> ModelReport:
    """Replace the weights of a model's linear layers by their quantized values.

    The text is run through the model once, every layer is quantized, and only then are the weights
    replaced, all at once: a run that fails or is cancelled leaves the model as it was. New values
    have the dtype and device of the old; biases, norms and embeddings stay as they are. For codes
    and scales, see `quantize_layers`.

    Parameters
    ----------
    loaded : LoadedModel
        Its model is **changed**.
    tokens : (n,) int64 tensor
        Calibration text, as `tokenize` gives it.
    layers : sequence of str, optional
        Keys of `linear_layers`; ``None`` is all of them.
    method, bits, group_size, order, damping
        As in `quantize_layer`; the order is a name, for layers differ in their number of inputs.
    window : int
        As in `collect_hessians`.
    progress : callable, optional
        Called with the stage, what is done and how much there is: ``"calibrate"`` and tokens, after
        each window; then ``"quantize"`` and layers, after each layer.
    cancel : callable, optional
        Asked before each window and each layer.
    **options
        The other options of `quantize_layer`.

    Raises
    ------
    Cancelled
        If `cancel` returned true.
    ValueError
        As `collect_hessians` and `quantize_layers` do.

    Notes
    -----
    Memory, beside the model: float64 Hessians of all layers (c² · 8 bytes for each distinct input,
    0.8 GB for SmolLM2-135M), and a copy of the new weights.
    """
    settings = _checked_settings(method, bits, group_size, order, damping, options)
    modules = quantizable_layers(loaded.model, layers)
    calibrated, quantized = (
        partial(progress, stage) if progress else None for stage in ("calibrate", "quantize")
    )
    hessians = collect_hessians(
        loaded, tokens, layers=list(modules), window=window, progress=calibrated, cancel=cancel
    )
    factor = partial(factor_hessian, order=order, damping=damping)
    reports = []
    values: dict[str, Tensor] = {}
    for name, layer in _quantize_each(modules, hessians, factor, settings, quantized, cancel):
        reports.append(report_layer(name, order, layer))
        values[name] = layer.dequantize().to(modules[name].weight.dtype)
        del hessians[name]  # freed with the last layer that shares it
    with torch.no_grad():
        for name, value in values.items():
            modules[name].weight.copy_(value)
    return ModelReport(loaded.source, len(tokens), tuple(reports))


def _quantize_each(
    layers: dict[str, nn.Linear],
    hessians: Mapping[str, Tensor],
    factor: Callable[[Tensor], FactoredHessian],
    settings: Settings,
    progress: Callable[[int, int], None] | None,
    cancel: Callable[[], bool] | None,
) -> Iterator[tuple[str, QuantizedLayer]]:
    last_reader = {id(hessians[name]): name for name in layers}
    factored: dict[int, FactoredHessian] = {}
    for done, (name, module) in enumerate(layers.items()):
        if cancel is not None and cancel():
            raise Cancelled(f"stopped after {done} of {len(layers)} layers")
        key = id(hessians[name])
        try:
            weight, raw = checked_layer(module.weight, hessians[name])
            if key not in factored:
                factored[key] = factor(raw)
            layer = quantize_factored(weight, factored[key], settings)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
        if last_reader[key] == name:
            del factored[key]
        if progress is not None:
            progress(done + 1, len(layers))
        yield name, layer


def _checked_settings(
    method: str,
    bits: float,
    group_size: int | None,
    order: str,
    damping: float,
    options: dict[str, Any],
) -> Settings:
    """Everything that can be refused before the text is run through the model."""
    if not isinstance(order, str):
        raise ValueError(
            f"order is of type {type(order).__name__}; a name was wanted, for the layers differ in "
            "their number of inputs."
        )
    require_order_name(order)
    require_damping(damping)
    return Settings(method, bits=bits, group_size=group_size, **options)


def quantizable_layers(
    model: "PreTrainedModel", names: Sequence[str] | None
) -> dict[str, nn.Linear]:
    """The layers of these names (``None``: all), in the order of the forward pass.

    Raises
    ------
    ValueError
        If one of them cannot be replaced, or the model has matrices of another kind.
    """
    everything = linear_layers(model)
    if names is None:
        _require_no_other_matrices(model)
        names = list(everything)
    wanted = named_layers(model, names)
    uses = Counter(id(weight) for _, weight in model.named_parameters(remove_duplicate=False))
    for name, module in wanted.items():
        weight = module.weight
        if not isinstance(weight, nn.Parameter) or weight.is_meta or not weight.is_floating_point():
            raise ValueError(
                f"{name} ({type(module).__name__}) keeps its weights in a form that cannot be "
                f"replaced ({weight.dtype} on {weight.device}); load the model unquantized."
            )
        if uses[id(weight)] > 1:
            raise ValueError(
                f"the weights of {name} serve another layer too, whose inputs ask for other codes; "
                "leave it out of `layers`."
            )
    return {name: module for name, module in everything.items() if name in wanted}


def _require_no_other_matrices(model: "PreTrainedModel") -> None:
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            continue
        if any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
            raise ValueError(
                f"{name} ({type(module).__name__}) has a weight matrix and is no torch.nn.Linear; "
                "it would stay as it is. If that is wanted, name the others in `layers`."
            )
