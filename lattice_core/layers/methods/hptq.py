"""HPTQ: GPTQ on one scale for the whole layer, codes without a limit, and an entropy coder (law L18).

Source: [C] Chen et al., arXiv:2507.18553v4, section 5 and Algorithm 11.
"""

from lattice_core.layers.decoders import decode
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.methods.stored_size import code_to_size, one_scale
from lattice_core.layers.quantized_layer import QuantizedLayer, nearest_plane_bounds


def hptq(problem: LayerProblem) -> QuantizedLayer:
    """The nearest plane on the finest scale whose coded size meets `bits`.

    Nothing is clipped, so the bound ``¼ s² tr(D)`` a row always holds (law L6).
    """
    return code_to_size(problem, one_scale, decode, nearest_plane_bounds)
