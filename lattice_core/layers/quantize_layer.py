"""Quantizing one layer: the entry to every method."""

from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.hessian import damp
from lattice_core.layers.layer_problem import (
    LayerProblem,
    Overflow,
    checked_layer,
    factorize_in_order,
)
from lattice_core.layers.methods import METHODS
from lattice_core.layers.quantized_layer import QuantizedLayer
from lattice_core.layers.scales import SCALE_RULES, ScaleRule, require_group_size


def quantize_layer(
    weight: Tensor,
    hessian: Tensor,
    method: str = "gptq",
    bits: int = 4,
    group_size: int | None = 64,
    order: str | ArrayLike | Tensor = "act_order",
    damping: float = 0.01,
    *,
    overflow: Overflow = "clip",
    scale_rule: ScaleRule = "mse",
) -> QuantizedLayer:
    """Quantize a linear layer's weights with regard to its inputs.

    Everything is computed in float64 on the weight's device.

    Parameters
    ----------
    weight : (r, c) tensor
        Any floating dtype; not changed.
    hessian : (c, c) tensor
        **Raw** ``XᵀX`` of the layer's inputs, as `collect_hessians` gives it; damped here.
    method : {"gptq", "rtn"}
        A key of ``lattice_core.layers.methods.METHODS``.
    bits : int
        1 … 8.
    group_size : int or None
        Consecutive input columns that share a scale; the last group may be shorter. ``None`` is one
        scale a row.
    order : str or (c,) int array
        A key of `ORDERS`, resolved on the damped Hessian, or a permutation; first quantized first.
    damping : float
        λ ≥ 0: ``λ · mean(diag H)`` is added to the diagonal.
    overflow : {"clip", "keep"}
        Codes beyond the b-bit grid are clipped to it, or kept, so that the bound holds; then they
        no longer fit b bits, and `bits_per_weight` counts the width they need.
    scale_rule : {"absmax", "mse"}
        As in `weight_scales`.

    Returns
    -------
    QuantizedLayer

    Raises
    ------
    ValueError
        For an unknown method, order or option; bits or a group size out of range; shapes that do
        not fit; NaN or infinity; or a damped Hessian that is not positive definite (the message
        names the cause and the damping that would do).

    Notes
    -----
    An input that is dead (zero in every token) has its weights rounded to nearest.
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; one of {', '.join(METHODS)} was wanted.")
    if overflow not in ("clip", "keep"):
        raise ValueError(f"overflow is {overflow!r}; clip or keep was wanted.")
    if scale_rule not in SCALE_RULES:
        raise ValueError(
            f"scale_rule is {scale_rule!r}; one of {', '.join(SCALE_RULES)} was wanted."
        )
    IntegerGrid(bits)
    if group_size is not None:
        require_group_size(group_size)
    wide_weight, wide_hessian = checked_layer(weight, hessian)
    problem = LayerProblem(
        weight=wide_weight,
        hessian=wide_hessian,
        factor=factorize_in_order(order, damp(wide_hessian, damping)),
        damping=damping,
        bits=bits,
        group_size=group_size,
        scale_rule=scale_rule,
        overflow=overflow,
    )
    return METHODS[method](problem)
