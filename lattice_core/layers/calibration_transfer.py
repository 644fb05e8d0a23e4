"""A layer calibrated on one text and judged on another."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from lattice_core.inputs import FloatArray
from lattice_core.layers.layer_problem import Overflow
from lattice_core.layers.quantize_layer import quantize_layer
from lattice_core.layers.scales import ScaleRule


@dataclass(frozen=True, eq=False)
class CalibrationTransfer:
    """What codes made with one text's Hessian cost on each text.

    A relative loss is ``Σ (q − w)ᵀH(q − w) / Σ wᵀHw``, summed over the rows, with the **raw**
    Hessian of the text it is judged on: the share of the layer's squared output that is lost. It
    has no damping in it, and texts of different lengths can be compared.

    Attributes
    ----------
    texts : tuple of k str
    losses : (k, k) array
        ``losses[i, j]``: calibrated on text i, judged on text j.
    nearest_losses : (k,) array
        Of round-to-nearest, which looks at no text.
    """

    texts: tuple[str, ...]
    losses: FloatArray
    nearest_losses: FloatArray

    @property
    def own(self) -> FloatArray:
        """Judged on the text that the codes were made for, (k,)."""
        return np.diagonal(self.losses)

    @property
    def factors(self) -> FloatArray:
        """``losses[i, j] / losses[j, j]``, (k, k): 1 is as good as calibrating on text j itself.

        The diagonal need not be the least of its column: GPTQ finds no optimum, and it is damped.
        """
        return self.losses / self.own


def calibration_transfer(
    weight: Tensor,
    hessians: Mapping[str, Tensor],
    *,
    bits: int = 4,
    group_size: int | None = 64,
    scale_rule: ScaleRule = "mse",
    damping: float = 0.01,
    order: str | ArrayLike | Tensor = "act_order",
    overflow: Overflow = "clip",
) -> CalibrationTransfer:
    """Quantize a layer once for each text, and judge every result on every text.

    Parameters
    ----------
    weight : (r, c) tensor
        Any floating dtype; not changed.
    hessians : mapping of str to (c, c) tensor
        By the text's name: raw ``XᵀX`` of the layer's inputs on that text. Two or more.
    bits, group_size, scale_rule, damping, order, overflow
        As in `quantize_layer`. A named order is resolved for each text anew.

    Raises
    ------
    ValueError
        For fewer than two texts, a text on which the layer's output is zero, and as
        `quantize_layer` does; the message names the text.
    """
    if len(hessians) < 2:
        raise ValueError(f"hessians has {len(hessians)} texts; two or more were wanted.")
    codes_for = {"bits": bits, "group_size": group_size, "scale_rule": scale_rule}
    results = []
    for text, hessian in hessians.items():
        try:
            quantized = quantize_layer(
                weight,
                hessian,
                "gptq",
                order=order,
                damping=damping,
                overflow=overflow,
                **codes_for,  # type: ignore[arg-type]
            )
        except ValueError as error:
            raise ValueError(f"calibrated on {text}: {error}") from error
        results.append(quantized.dequantize())
    # Round-to-nearest gives the same codes for any Hessian; this one is positive definite.
    nearest = quantize_layer(
        weight,
        torch.eye(weight.shape[1], dtype=torch.float64, device=weight.device),
        "rtn",
        overflow=overflow,
        **codes_for,  # type: ignore[arg-type]
    ).dequantize()
    losses = _relative_losses(weight.detach().double(), [*results, nearest], hessians)
    return CalibrationTransfer(tuple(hessians), losses[:-1], losses[-1])


def _relative_losses(
    weight: Tensor, results: list[Tensor], hessians: Mapping[str, Tensor]
) -> FloatArray:
    """One row a result, one column a Hessian."""
    errors = [result - weight for result in results]
    columns = []
    for text, hessian in hessians.items():
        raw = hessian.to(weight)
        energy = _energy(weight, raw)
        if not energy > 0:
            raise ValueError(
                f"judged on {text}: the layer's output is zero, so no loss is relative to it. "
                "Look for an all-zero weight or dead inputs."
            )
        columns.append([_energy(error, raw) / energy for error in errors])
    return np.array(columns).T


def _energy(rows: Tensor, hessian: Tensor) -> float:
    """``Σ vᵀHv`` over the rows v."""
    return torch.linalg.vecdot(rows @ hessian, rows).sum().item()
