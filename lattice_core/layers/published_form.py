"""GPTQ as published, blocked, for a whole layer: what the solver is measured against.

It works on the inverse of the damped Hessian and pushes every error on to the columns still to
come, in blocks of 128 columns as the authors' code does. Two things are better than there: the
weights lie with their columns contiguous in memory, and no loss is kept. The codes are the same.

Source: Frantar et al., arXiv:2210.17323v2, Algorithm 1.
"""

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid

BLOCK = 128


def published_codes(
    weight: Tensor,
    damped_hessian: Tensor,
    scales: Tensor,
    order: Tensor,
    grid: IntegerGrid | None = None,
) -> Tensor:
    """Codes of every row, computed in the weight's dtype throughout, the inverse included.

    Parameters
    ----------
    weight, scales : (r, c) tensor
        Of one dtype.
    damped_hessian : (c, c) tensor
        Symmetric positive definite.
    order : (c,) int64 tensor
        ``order[0]`` is quantized first.
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is no clipping.

    Returns
    -------
    (r, c) int64 tensor
        Columns in input order.
    """
    permuted = damped_hessian.to(weight.dtype)[order][:, order]
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(permuted))
    upper = torch.linalg.cholesky(inverse, upper=True)
    moved = weight.T[order]
    spacings = scales.T[order]
    codes = torch.empty_like(moved)
    for low in range(0, len(moved), BLOCK):
        high = min(low + BLOCK, len(moved))
        errors = torch.empty_like(moved[low:high])
        for j in range(low, high):
            torch.div(moved[j], spacings[j], out=codes[j]).round_()
            if grid is not None:
                codes[j].clamp_(grid.low, grid.high)
            error = torch.addcmul(moved[j], spacings[j], codes[j], value=-1, out=errors[j - low])
            error /= upper[j, j]
            moved[j + 1 : high].addr_(upper[j, j + 1 : high], error, alpha=-1)
        moved[high:].addmm_(upper[low:high, high:].T, errors, alpha=-1)
    return codes[order.argsort()].T.contiguous().long()
