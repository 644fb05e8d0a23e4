"""WaterSIC: HPTQ with columns spaced by their pivots, ``s_j ∝ 1 / R_jj`` (law L20).

Then every ``D_j s_j²`` is the same: a step in any column costs as much as in any other, and
``¼ Σ D_j s_j²`` is the floor that no order can beat (law L10). The spacings are kept to eighths of an
octave, a few bits a column.

Source: [W] arXiv:2603.04956.
"""

import torch
from torch import Tensor

from lattice_core.layers.decoders import decode
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.methods.stored_size import code_to_size
from lattice_core.layers.quantized_layer import QuantizedLayer, nearest_plane_bounds
from lattice_core.layers.scale_form import EXPONENT_STEPS, ScaleForm


def watersic(problem: LayerProblem) -> QuantizedLayer:
    """The nearest plane on spacings ``s / R_jj``, the finest whose coded size meets `bits`.

    The bound is ``¼ Σ_j D_j s_j²`` a row, nearly ``¼ c s²``.
    """
    return code_to_size(problem, _spaced_by_pivots, decode, nearest_plane_bounds)


def _spaced_by_pivots(problem: LayerProblem) -> ScaleForm:
    exponents = spacing_exponents(problem.hessian.factor.pivots)
    return ScaleForm(problem.weight.new_ones(1, 1), None, exponents=exponents)


def spacing_exponents(pivots: Tensor) -> Tensor:
    """e_j with ``2^(−e_j / 8) ≈ ρ / R_jj`` and a mean of about 0, (c,) int64.

    Parameters
    ----------
    pivots : (c,) tensor
        D; a dead input, whose pivot is 0, is spaced as widely as any.
    """
    live = pivots > 0
    octaves = torch.log2(pivots.where(live, 1.0)) / 2
    octaves = octaves - octaves[live].mean()
    octaves = octaves.where(live, octaves[live].min())
    return (octaves * EXPONENT_STEPS).round().long()
