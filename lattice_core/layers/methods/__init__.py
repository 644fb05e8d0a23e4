"""The methods of `quantize_layer`, one file each: a `LayerProblem` in, a `QuantizedLayer` out."""

from collections.abc import Callable

from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.methods.gptq import gptq
from lattice_core.layers.methods.rtn import rtn
from lattice_core.layers.methods.ssqr import ssqr
from lattice_core.layers.quantized_layer import QuantizedLayer

METHODS: dict[str, Callable[[LayerProblem], QuantizedLayer]] = {
    "gptq": gptq,
    "rtn": rtn,
    "ssqr": ssqr,
}
