"""HRTN: round-to-nearest on one scale for the whole layer, and an entropy coder (law L18).

Source: [C] Chen et al., arXiv:2507.18553v4, section 5.
"""

from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.decoders import refine, round_off
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.methods.stored_size import code_to_size, one_scale
from lattice_core.layers.quantized_layer import QuantizedLayer, round_off_bounds
from lattice_core.layers.solver import Rounding


def hrtn(problem: LayerProblem) -> QuantizedLayer:
    """Each weight to its nearest multiple of the finest scale whose coded size meets `bits`.

    The bound is that of `rtn`.
    """
    return code_to_size(problem, one_scale, _nearest, round_off_bounds)


def _nearest(problem: LayerProblem, scales: Tensor, grid: IntegerGrid | None) -> Rounding:
    return refine(problem, scales, grid, round_off(problem.weight, scales, grid))
