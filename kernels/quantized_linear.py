"""A linear layer with a packed weight, in place of `torch.nn.Linear`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from kernels.dispatch import BACKENDS, quantized_matmul
from kernels.layout import Layout
from kernels.outlier_tiles import STORED
from kernels.packing import PackedWeight, require_version


class QuantizedLinear(nn.Module):
    """``y = x Wᵀ + bias`` with the product of `kernels.dispatch`.

    Like `torch.nn.Linear` it takes its result from torch's caching allocator and allocates nothing
    else, so in a captured CUDA graph it allocates nothing at all. Moving it moves the packed weight;
    casting it to another dtype leaves the packed weight as it is. It has no gradients.

    Parameters
    ----------
    packed : PackedWeight
        (r, c).
    bias : (r,) tensor, optional
    backend : {"auto", "triton", "cpu", "reference"}

    Raises
    ------
    ValueError
        For an unknown backend, a bias of another shape, or a weight of another layout version.
    """

    def __init__(
        self, packed: PackedWeight, bias: Tensor | None = None, *, backend: str = "auto"
    ) -> None:
        super().__init__()
        require_version(packed)
        rows, columns = packed.shape
        if backend not in ("auto", *BACKENDS):
            known = ", ".join(("auto", *BACKENDS))
            raise ValueError(f"backend is {backend!r}; one of {known} was wanted.")
        if bias is not None and bias.shape != (rows,):
            raise ValueError(f"bias has shape {tuple(bias.shape)}; ({rows},) was wanted.")
        self.in_features, self.out_features = columns, rows
        self.backend = backend
        self._layout, self._version = packed.layout, packed.version
        self._put(packed)
        self.register_buffer("bias", bias)

    def forward(self, x: Tensor) -> Tensor:
        """Of x (…, c), (…, r)."""
        if x.ndim == 0 or x.shape[-1] != self.in_features:
            raise ValueError(f"x has shape {tuple(x.shape)}; (…, {self.in_features}) was wanted.")
        y = quantized_matmul(x.reshape(-1, self.in_features), self.packed, backend=self.backend)
        y = y.view(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias.to(y.dtype)

    @property
    def packed(self) -> PackedWeight:
        """The weight, of the buffers as they are now."""
        if self._packed is None:
            planes = (self.low,) if self.high is None else (self.low, self.high)
            scales = self.scales.view(STORED)
            stored = (planes, scales, self.outliers, self.tile_starts)
            self._packed = PackedWeight(*stored, self._layout, self._version)
        return self._packed

    def extra_repr(self) -> str:
        """For print."""
        layout = self._layout
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bits={layout.bits}, "
            f"group_size={layout.group_size}, bias={self.bias is not None}, backend={self.backend}"
        )

    def get_extra_state(self) -> dict[str, int]:
        """How the weight is packed, for `load_state_dict`."""
        layout = self._layout
        return {
            "version": self._version,
            "bits": layout.bits,
            "columns": layout.columns,
            "group_size": layout.group_size,
        }

    def set_extra_state(self, state: dict[str, int]) -> None:
        """Called by `load_state_dict`; raises a ``ValueError`` for another layout version."""
        self._layout = Layout(state["bits"], state["columns"], state["group_size"])
        self._version, self._packed = state["version"], None
        require_version(self.packed)

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *others: Any, **named: Any
    ) -> None:
        """Take a weight of the same shape, with other bits, groups or outliers than this one too."""
        stored = state_dict.get(f"{prefix}_extra_state")
        if stored is not None:
            require_version(replace(self.packed, version=stored["version"]))
            rows = len(state_dict.get(f"{prefix}scales", ()))
            if (rows, stored["columns"]) == (self.out_features, self.in_features):
                device = self.scales.device
                for name in ("low", "high", "scales", "outliers", "tile_starts"):
                    if (new := state_dict.get(prefix + name)) is not None:
                        self.register_buffer(name, new.to(device, copy=True))
                if stored["bits"] != 3:
                    self.register_buffer("high", None)
        super()._load_from_state_dict(state_dict, prefix, *others, **named)

    def _put(self, packed: PackedWeight) -> None:
        self.register_buffer("low", packed.planes[0])
        self.register_buffer("high", packed.planes[1] if len(packed.planes) > 1 else None)
        # As integers, which a cast of the module to another dtype leaves alone.
        self.register_buffer("scales", packed.scales.view(torch.int16))
        self.register_buffer("outliers", packed.outliers)
        self.register_buffer("tile_starts", packed.tile_starts)
        self._packed: PackedWeight | None = packed

    def _apply(self, fn: Any, recurse: bool = True) -> "QuantizedLinear":
        self._packed = None  # its tensors may be about to move
        return super()._apply(fn, recurse)


def replace_linears(
    model: nn.Module, weights: Mapping[str, PackedWeight], *, backend: str = "auto"
) -> None:
    """Put quantized layers in place of a model's `torch.nn.Linear`; biases stay.

    Parameters
    ----------
    model : Module
        **Changed**, once all names and shapes are known to fit.
    weights : mapping of PackedWeight
        By name of the layer, as in ``model.named_modules()``.
    backend : str
        As in `QuantizedLinear`.

    Raises
    ------
    ValueError
        If the model has no such linear layer, or one of another shape.
    """
    layers = {}
    modules = dict(model.named_modules())
    for name, packed in weights.items():
        linear = modules.get(name)
        if not isinstance(linear, nn.Linear):
            found = "nothing" if linear is None else type(linear).__name__
            raise ValueError(f"{name} is {found} in this model; a torch.nn.Linear was wanted.")
        if linear.weight.shape != packed.shape:
            raise ValueError(
                f"{name} is {tuple(linear.weight.shape)}, and its packed weight {packed.shape}."
            )
        bias = None if linear.bias is None else linear.bias.detach()
        layers[name] = QuantizedLinear(packed, bias, backend=backend)
    for name, layer in layers.items():
        model.set_submodule(name, layer)
