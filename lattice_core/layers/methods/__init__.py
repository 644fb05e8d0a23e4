"""The methods of `quantize_layer`, one file each: a `LayerProblem` in, a `QuantizedLayer` out.

`stored_size` is what the entropy-coded three have in common: the search for a spacing.
"""

from collections.abc import Callable

from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.methods.gptq import gptq
from lattice_core.layers.methods.hptq import hptq
from lattice_core.layers.methods.hrtn import hrtn
from lattice_core.layers.methods.rtn import rtn
from lattice_core.layers.methods.ssqr import ssqr
from lattice_core.layers.methods.watersic import watersic
from lattice_core.layers.quantized_layer import QuantizedLayer

METHODS: dict[str, Callable[[LayerProblem], QuantizedLayer]] = {
    "gptq": gptq,
    "hptq": hptq,
    "hrtn": hrtn,
    "rtn": rtn,
    "ssqr": ssqr,
    "watersic": watersic,
}
