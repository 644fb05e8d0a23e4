"""One layer of a pipeline: what its weights are to meet, its codes, their bytes, and a report of these."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lattice_core.gaussian_reference import rate_of_components
from lattice_core.language_model.block_hessians import BlockHessians
from lattice_core.language_model.quantization_report import LayerReport, report_layer
from lattice_core.language_model.recipe import Recipe
from lattice_core.layers.layer_problem import FactoredHessian
from lattice_core.layers.quantize_layer import quantize_factored
from lattice_core.layers.stored_layer import DecodedLayer, StoredLayer


@dataclass(frozen=True, eq=False)
class _Target:
    """A layer's weights to be met, and what part of its output cannot be."""

    weight: Tensor
    unreachable: float


def quantized_for_storage(
    layer: str,
    weight: Tensor,
    hessian: FactoredHessian,
    spectrum: np.ndarray,
    found: BlockHessians,
    recipe: Recipe,
) -> tuple[StoredLayer, LayerReport]:
    """Quantize a layer, encode it, and report what decoding the bytes gives.

    Parameters
    ----------
    layer : str
    weight : (r, c) float64 tensor
    hessian : FactoredHessian
        Of its inputs, in the order of the recipe.
    spectrum : (c,) array
        Eigenvalues of the damped Hessian, for law L21.
    found : BlockHessians
        What the block's layers see; the weights' targets are moved if it has references.
    recipe : Recipe
    """
    target = _target(layer, weight, hessian, found)
    quantized = quantize_factored(target.weight, hessian, recipe.settings)
    stored = quantized.store()
    read = stored.decode()
    if not torch.equal(read.codes, quantized.codes.cpu()):
        raise AssertionError(f"the codes of {layer} are not those that were encoded")
    report = report_layer(layer, recipe.order, quantized)
    return stored, _report(report, stored, read, target, hessian, spectrum)


def _target(layer: str, weight: Tensor, hessian: FactoredHessian, found: BlockHessians) -> _Target:
    """The weights themselves, or those that make up for what went wrong before the layer."""
    if not found.crosses:
        return _Target(weight, 0.0)
    leader = found.leaders[layer]
    cross = found.crosses[leader].to(weight.device)
    moved = cross.clone()
    moved.diagonal().add_(hessian.ridge)
    target = torch.linalg.solve(hessian.damped, moved @ weight.T).T.contiguous()
    energy = found.output_energies[layer]
    met = ((target @ hessian.raw) * target).sum() - 2 * ((target @ cross) * weight).sum()
    unreachable = max(energy + met.item(), 0.0) / energy if energy > 0 else 0.0
    return _Target(target, unreachable)


def _report(
    report: LayerReport,
    stored: StoredLayer,
    read: DecodedLayer,
    target: _Target,
    hessian: FactoredHessian,
    spectrum: np.ndarray,
) -> LayerReport:
    """The layer's numbers, with losses and bits of what is stored."""
    error = read.dequantize().to(target.weight.device) - target.weight
    undamped = ((error @ hessian.raw) * error).sum().clamp(min=0).item()
    loss = undamped + (hessian.ridge * error.square().sum()).item()
    count = target.weight.numel()
    variance = target.weight.square().mean().item()
    rate = 0.0
    if loss > 0 and variance > 0:
        rate = rate_of_components(np.maximum(spectrum, 0) * variance, loss / count)
    return replace(
        report,
        bits_per_weight=stored.bits_per_weight,
        loss=loss,
        undamped_loss=undamped,
        relative_loss=loss / report.energy if report.energy > 0 else 0.0,
        distance=stored.bits_per_weight - rate if loss > 0 else None,
        unreachable=target.unreachable,
    )
