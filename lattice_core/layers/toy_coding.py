"""HPTQ with a Huffman coder on the toy layer: everything that a lesson shows of it."""

from dataclasses import dataclass

import numpy as np
import torch

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.layers.coding import decode_codes, encode_codes
from lattice_core.layers.coding.huffman import code_words
from lattice_core.layers.decoders import decode
from lattice_core.layers.layer_problem import LayerProblem, Settings, factor_hessian
from lattice_core.layers.methods.stored_size import one_scale, stored_sizes
from lattice_core.layers.quantize_layer import quantize_factored
from lattice_core.scale_search import ScaleTrial
from lattice_core.toy_layer import toy_layer

CURVE_FACTORS = np.geomspace(0.6, 1 / 0.6, 13)  # around what HPTQ found
ORDER, DAMPING = "act_order", 0.01


@dataclass(frozen=True, eq=False)
class ToyCoding:
    """The toy layer at one stored size.

    Attributes
    ----------
    codes, decoded : (r, c) int array
        As found, and as read back from the bytes.
    words : dict of str
        Of the coder's table, by code.
    stream_bytes, side_bytes : int
        The codes; and the table and the scale.
    bits_per_weight, relative_loss, factor : float
    trials : tuple of ScaleTrial
        How HPTQ found the factor.
    curve_factors, curve_sizes : (k,) array
        Stored bits a weight with factors around it.
    refitted : (float, float)
        Damped loss of GPTQ with 3 bits before and after its scales are refitted (law L22).
    """

    codes: IntArray
    decoded: IntArray
    words: dict[int, str]
    stream_bytes: int
    side_bytes: int
    bits_per_weight: float
    relative_loss: float
    factor: float
    trials: tuple[ScaleTrial, ...]
    curve_factors: FloatArray
    curve_sizes: FloatArray
    refitted: tuple[float, float]

    @property
    def counts(self) -> dict[int, int]:
        """How often each code occurs."""
        values, counts = np.unique(self.codes, return_counts=True)
        return dict(zip(values.tolist(), counts.tolist(), strict=True))


def toy_coding(size: float, seed: int = 0) -> ToyCoding:
    """Quantize the toy layer to a stored size.

    Parameters
    ----------
    size : float
        Stored bits a weight.
    seed : int
        Of `lattice_core.toy_layer.toy_layer`.
    """
    layer = toy_layer(seed)
    weight = torch.from_numpy(layer.weights)
    hessian = factor_hessian(torch.from_numpy(layer.hessian), order=ORDER, damping=DAMPING)
    settings = Settings("hptq", bits=size, coder="huffman")
    found = quantize_factored(weight, hessian, settings)
    stored, codes = found.store(), found.codes.numpy()
    encoded = encode_codes(codes, "huffman")
    factors = found.scale_factor * CURVE_FACTORS
    problem = LayerProblem(weight, hessian, settings)
    losses = [
        quantize_factored(weight, hessian, Settings("gptq", bits=3, refit_scales=refit)).loss
        for refit in (False, True)
    ]
    return ToyCoding(
        codes=codes,
        decoded=decode_codes(encoded),
        words=code_words(encoded),
        stream_bytes=len(stored.stream),
        side_bytes=len(stored.side),
        bits_per_weight=found.bits_per_weight,
        relative_loss=found.relative_loss,
        factor=found.scale_factor,
        trials=found.trials,
        curve_factors=factors,
        curve_sizes=np.array(stored_sizes(problem, one_scale, decode, factors.tolist())),
        refitted=(losses[0], losses[1]),
    )
