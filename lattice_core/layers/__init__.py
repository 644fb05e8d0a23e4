"""Whole layers in torch, float64, on the CPU or a CUDA device.

Conventions as in `lattice_core`: weights (r, c), raw Hessians ``XᵀX`` (c, c), ``order[0]`` first.

Map
---
Quantizing: `hessian` gathers ``XᵀX`` · `scales` grid spacings by row and group · `solver` nearest
plane for all rows · `quantize_layer` the entry · `layer_problem` what a method starts from ·
`methods` one file each · `quantized_layer` the result and its losses · `published_form` GPTQ as
published, to measure against.

More than the nearest plane: `decoders` from centres to codes · `k_best` several partial codes kept ·
`coordinate_descent` single moves · `refit` better scales afterwards · `rate_aware` bits count too.

Bytes: `coding` codes as a stream of bits · `scale_form` spacings in few numbers · `stored_layer` the layer ·
`toy_coding` all of it on a made-up layer.

Looking: `audit` what somebody else's codes are worth · `order_comparison` the orders on one layer,
`order_results` what it finds, `order_laws` the laws checked on it · `row_shares` loss over bound of each
row · `calibration_transfer` one text's codes judged on another · `reduction` LLL on a layer's lattice.
"""

from lattice_core.layers.hessian import HessianAccumulator, damp
from lattice_core.layers.layer_problem import Settings
from lattice_core.layers.quantize_layer import quantize_layer
from lattice_core.layers.quantized_layer import QuantizedLayer
from lattice_core.layers.reduction import LayerReduction, reduced_pivot_sum
from lattice_core.layers.scales import expand_scales, weight_scales
from lattice_core.layers.solver import nearest_plane_codes

__all__ = [
    "HessianAccumulator",
    "LayerReduction",
    "QuantizedLayer",
    "Settings",
    "damp",
    "expand_scales",
    "nearest_plane_codes",
    "quantize_layer",
    "reduced_pivot_sum",
    "weight_scales",
]
