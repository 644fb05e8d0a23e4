"""How much of its bound each row of a layer uses, with every code kept and with codes clipped."""

from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.inputs import FloatArray
from lattice_core.layers.layer_problem import Settings, checked_layer, factor_hessian
from lattice_core.layers.quantize_layer import quantize_factored
from lattice_core.layers.quantized_layer import QuantizedLayer
from lattice_core.layers.scales import ScaleRule
from lattice_core.recorded_row_shares import LayerRowShares


def layer_row_shares(
    name: str,
    weight: Tensor,
    hessian: Tensor,
    *,
    bits: int = 4,
    group_size: int | None = 64,
    order: str | ArrayLike | Tensor = "act_order",
    damping: float = 0.01,
    scale_rule: ScaleRule = "mse",
) -> LayerRowShares:
    """Quantize a layer twice by gptq, and divide each row's damped loss by its bound.

    Parameters
    ----------
    name : str
        The layer.
    weight, hessian, bits, group_size, order, damping, scale_rule
        As in `quantize_layer`, which also raises the errors.
    """
    wide_weight, raw = checked_layer(weight, hessian)
    factored = factor_hessian(raw, order=order, damping=damping)
    kept, clipped = (
        quantize_factored(
            wide_weight,
            factored,
            Settings(
                "gptq",
                bits=bits,
                group_size=group_size,
                overflow=overflow,
                scale_rule=scale_rule,
            ),
        )
        for overflow in ("keep", "clip")
    )
    return LayerRowShares(
        layer=name,
        columns=weight.shape[1],
        kept=_shares(kept),
        clipped=_shares(clipped),
        clipped_fraction=clipped.row_clipped.cpu().numpy(),
    )


def _shares(quantized: QuantizedLayer) -> FloatArray:
    return (quantized.row_losses / quantized.row_bounds).cpu().numpy()
