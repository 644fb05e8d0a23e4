"""Quantizing one layer: the entry to every method."""

from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.layers.layer_problem import (
    Decoder,
    FactoredHessian,
    LayerProblem,
    Overflow,
    Refinement,
    Settings,
    checked_layer,
    factor_hessian,
)
from lattice_core.layers.methods import METHODS
from lattice_core.layers.quantized_layer import QuantizedLayer
from lattice_core.layers.scales import ScaleRule


def quantize_layer(
    weight: Tensor,
    hessian: Tensor,
    method: str = "gptq",
    bits: float = 4,
    group_size: int | None = 64,
    order: str | ArrayLike | Tensor = "act_order",
    damping: float = 0.01,
    *,
    overflow: Overflow = "clip",
    scale_rule: ScaleRule = "mse",
    outlier_rate: float | None = None,
    decoder: Decoder = "nearest_plane",
    k: int = 16,
    refine: Refinement | None = None,
    refit_scales: bool = False,
    rate_aware: bool = False,
    coder: str | None = None,
) -> QuantizedLayer:
    """Quantize a linear layer's weights with regard to its inputs.

    Everything is computed in float64 on the weight's device.

    Parameters
    ----------
    weight : (r, c) tensor
        Any floating dtype; not changed.
    hessian : (c, c) tensor
        **Raw** ``XᵀX`` of the layer's inputs, as `collect_hessians` gives it; damped here.
    method : {"gptq", "hptq", "hrtn", "rtn", "ssqr", "watersic"}
        A key of ``lattice_core.layers.methods.METHODS``.
    bits : float
        Width of the codes, 1 … 8; for hrtn, hptq and watersic the stored size in bits a weight,
        0 < bits ≤ 16.
    group_size : int or None
        Consecutive input columns that share a scale; the last group may be shorter. ``None`` is one
        scale a row.
    order : str or (c,) int array
        A key of `ORDERS`, resolved on the damped Hessian, or a permutation; first quantized first.
    damping : float
        λ ≥ 0: ``λ · mean(diag H)`` is added to the diagonal.
    overflow : {"clip", "keep"}
        Codes beyond the b-bit grid are clipped to it, or kept, so that the bound holds; then they
        no longer fit b bits, and `bits_per_weight` counts the width they need. Not for ssqr.
    scale_rule : {"absmax", "mse"}
        As in `weight_scales`; ssqr multiplies these scales by one factor.
    outlier_rate : float, optional
        For ssqr only: at most this fraction of the weights, 0 ≤ rate < 1, is kept aside in 16 bits.
        ``None`` is 0.01.
    decoder : {"nearest_plane", "k_best"}
        For gptq, hptq and watersic: keep one partial code a row, or the `k` best (law L15).
    k : int
        1 … 256.
    refine : {None, "coordinate_descent"}
        Then move single codes while that lowers the loss (law L16).
    refit_scales : bool
        Then give columns and rows the factors that suit the codes best (law L22). Not for ssqr.
    rate_aware : bool
        For hptq and watersic: choose codes for loss and bits together, as `lattice_core.layers.rate_aware`
        says.
    coder : {None, "fixed", "huffman", "ans"}
        How the codes are stored. ``None`` is ans for hrtn, hptq and watersic, and fixed for the others.

    Returns
    -------
    QuantizedLayer

    Raises
    ------
    ValueError
        For an unknown method, order or option; bits or a group size out of range; shapes that do
        not fit; NaN or infinity; a damped Hessian that is not positive definite (the message names
        the cause and the damping that would do); an outlier beyond float16; or a stored size that
        cannot be reached (the message names the nearest).

    Notes
    -----
    An input that is dead (zero in every token) has its weights rounded to nearest.
    """
    settings = Settings(
        method,
        bits=bits,
        group_size=group_size,
        overflow=overflow,
        scale_rule=scale_rule,
        outlier_rate=outlier_rate,
        decoder=decoder,
        k=k,
        refine=refine,
        refit_scales=refit_scales,
        rate_aware=rate_aware,
        coder=coder,
    )
    wide_weight, raw = checked_layer(weight, hessian)
    factored = factor_hessian(raw, order=order, damping=damping)
    return quantize_factored(wide_weight, factored, settings)


def quantize_factored(
    weight: Tensor, hessian: FactoredHessian, settings: Settings
) -> QuantizedLayer:
    """Quantize a layer whose Hessian is factorized already: the part of the work that layers with
    the same inputs do not share.

    Parameters
    ----------
    weight : (r, c) float64 tensor
        As `checked_layer` gives it, on the Hessian's device.
    hessian : FactoredHessian
    settings : Settings
    """
    return METHODS[settings.method](LayerProblem(weight, hessian, settings))
