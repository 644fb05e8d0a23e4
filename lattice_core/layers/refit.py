"""Refitting the spacings once the codes are there (law L22).

With the codes fixed, the damped loss is quadratic in a factor a_j for each column: its matrix is
``A = H̄ ∘ QᵀQ`` and its minimum solves ``A a = diag(H̄ WᵀQ)``, with W and Q as (r, c). The factors are
stored in steps of 1/128, and rounding them is a closest vector problem of its own: the nearest plane
solves it, on A. Then each row gets one factor, ``wᵀH̄q / qᵀH̄q``, rounded to the nearest step.
"""

from dataclasses import replace

import torch
from torch import Tensor

from lattice_core.layers.scale_form import REFIT_STEPS, ScaleForm
from lattice_core.layers.solver import factorize, round_columns

RIDGE = 1e-9  # of the mean diagonal of A, whose pivots may be rounding errors
MOST_STEPS = REFIT_STEPS // 2  # a factor stays between ½ and 1½


def refit(
    weight: Tensor, damped_hessian: Tensor, form: ScaleForm, codes: Tensor, values: Tensor
) -> ScaleForm:
    """Spacings whose damped loss with these codes is no larger; columns first, then rows.

    Parameters
    ----------
    weight : (r, c) float64 tensor
        What the codes are for; without what is kept aside.
    damped_hessian : (c, c) float64 tensor
    form : ScaleForm
        Without refitted factors.
    codes : (r, c) int64 tensor
    values : (r, c) float64 tensor
        ``scales · codes`` with that form.

    Returns
    -------
    ScaleForm
        The one given, where nothing is to be gained.
    """
    refitted = replace(form, column_steps=_column_steps(weight, damped_hessian, values))
    columns = weight.shape[1]
    moved = refitted.expand(len(weight), columns) * codes
    if _loss(weight, damped_hessian, moved) > _loss(weight, damped_hessian, values):
        refitted, moved = form, values
    pull = moved @ damped_hessian
    energy = (pull * moved).sum(dim=1)
    factors = torch.where(energy > 0, (pull * weight).sum(dim=1) / energy, 1.0)
    return replace(refitted, row_steps=_as_steps(factors))


def _column_steps(weight: Tensor, damped_hessian: Tensor, values: Tensor) -> Tensor:
    live = torch.nonzero((values != 0).any(dim=0))[:, 0]
    steps = torch.zeros(weight.shape[1], dtype=torch.int64, device=weight.device)
    if not len(live):
        return steps
    codes_gram = values[:, live].T @ values[:, live]
    matrix = damped_hessian[live[:, None], live] * codes_gram
    pulled = (weight @ damped_hessian)[:, live]
    right = (pulled * values[:, live]).sum(dim=0)
    ridge = RIDGE * matrix.diagonal().mean()
    matrix.diagonal().add_(ridge)
    exact = torch.linalg.solve(matrix, right + ridge)
    # By how far each factor is from 1, in steps.
    shifts = (exact - 1).clamp(-0.5, 0.5)[None]
    spacing = torch.full_like(shifts, 1 / REFIT_STEPS)
    found = round_columns(shifts, factorize(matrix), spacing, None).codes[0]
    steps[live] = found.clamp(-MOST_STEPS, MOST_STEPS)
    return steps


def _as_steps(factors: Tensor) -> Tensor:
    return ((factors - 1) * REFIT_STEPS).round().clamp(-MOST_STEPS, MOST_STEPS).long()


def _loss(weight: Tensor, damped_hessian: Tensor, values: Tensor) -> float:
    error = values - weight
    return ((error @ damped_hessian) * error).sum().item()
