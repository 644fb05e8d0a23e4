"""Codes that weigh what they cost against what they lose.

Coding a value q that is Gaussian with variance σ² takes ``q² / (2σ² ln 2)`` bits more than coding 0. At high
rate a bit less a weight costs ``2 ln 2 · D̄`` of loss, ``D̄ = mean(D_j s_j²) / 12`` being the loss a weight. So
loss plus price of bits is ``(q − w)ᵀH̄(q − w) + μ ‖q‖²`` with ``μ = D̄ / σ²``, up to a constant, and that is
again a closest vector problem::

    (q − w′)ᵀ (H̄ + μI) (q − w′) + cost,      w′ = (H̄ + μI)⁻¹ H̄ w,      cost = wᵀH̄w − w′ᵀ(H̄ + μI)w′

with a target that is shrunk a little, most where inputs are weak. In coding for Gaussian sources it is known as
scaling by the minimum mean square error: R. Zamir, *Lattice Coding for Signals and Networks*, 2014, chapter 4.
"""

import torch
from torch import Tensor

from lattice_core.layers.layer_problem import FactoredHessian, LayerProblem
from lattice_core.layers.solver import factorize


def rate_aware_problem(problem: LayerProblem, scales: Tensor) -> LayerProblem:
    """The problem with shrunk targets, in the same order.

    Parameters
    ----------
    problem : LayerProblem
    scales : (r, c) tensor
        About the spacings that will be used.
    """
    hessian, weight = problem.hessian, problem.weight
    variance = weight.square().mean()
    if variance == 0:
        return problem
    loss = (scales.square() * hessian.factor.pivots).mean() / 12
    damped = hessian.damped
    shrinking = damped.clone()
    shrinking.diagonal().add_(loss / variance)
    target = torch.linalg.solve(shrinking, damped @ weight.T).T.contiguous()
    factor = factorize(shrinking, hessian.factor.order)
    return LayerProblem(target, FactoredHessian(shrinking, 0.0, factor), problem.settings)


def shrinking_cost(problem: LayerProblem, solved: LayerProblem) -> Tensor:
    """By how much a row's damped loss may exceed that of the shrunk problem, (r,); ``cost`` above."""
    if solved is problem:
        return torch.zeros_like(problem.weight[:, 0])
    whole = ((problem.weight @ problem.hessian.damped) * problem.weight).sum(dim=1)
    kept = ((solved.weight @ solved.hessian.raw) * solved.weight).sum(dim=1)
    return (whole - kept).clamp(min=0)
