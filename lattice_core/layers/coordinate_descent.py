"""Coordinate descent on the codes: single moves that lower the damped loss, until none is left (law L16).

With the errors ``e = q − w`` and the slopes ``g = e H̄`` of a row, moving code j by t changes its loss by
``2 t s_j g_j + t² s_j² H̄_jj``, least at ``t = round(−g_j / (s_j H̄_jj))``.
"""

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid

BLOCK = 32  # columns between two products with the Hessian
MOST_SWEEPS = 50
# A move must gain this share of what a whole step costs: rounding errors alone must not keep it going.
LEAST_GAIN = 1e-9


def descend(
    weight: Tensor,
    damped_hessian: Tensor,
    scales: Tensor,
    codes: Tensor,
    grid: IntegerGrid | None,
    movable: Tensor | None = None,
) -> Tensor:
    """Codes that no single move improves; the loss of no row is raised.

    Parameters
    ----------
    weight, scales : (r, c) float64 tensor
        Weights less what is kept aside.
    damped_hessian : (c, c) float64 tensor
    codes : (r, c) int64 tensor
        Where to begin; not changed.
    grid : IntegerGrid or None
        Admissible codes.
    movable : (r, c) bool tensor, optional
        Codes that may move; the others stay as they are.

    Returns
    -------
    (r, c) int64 tensor
        Columns are gone through from first to last, until a sweep moves nothing, or 50 times.
    """
    found = codes.double()
    steps = scales * (1 if movable is None else movable)
    slopes = (scales * found - weight) @ damped_hessian
    curvature = damped_hessian.diagonal()
    columns = weight.shape[1]
    for _ in range(MOST_SWEEPS):
        moved = False
        for start in range(0, columns, BLOCK):
            end = min(start + BLOCK, columns)
            block = slice(start, end)
            change = torch.zeros_like(found[:, block])
            slope = slopes[:, block]
            for j in range(start, end):
                if curvature[j] <= 0:
                    continue
                step = steps[:, j]
                here = slope[:, j - start] + change[:, : j - start] @ damped_hessian[start:j, j]
                move = torch.where(step > 0, -here / (step * curvature[j]), 0.0).round()
                if grid is not None:
                    move = (found[:, j] + move).clamp(grid.low, grid.high) - found[:, j]
                span = move * step
                gain = -span * (2 * here + span * curvature[j])
                move = torch.where(gain > LEAST_GAIN * step.square() * curvature[j], move, 0.0)
                found[:, j] += move
                change[:, j - start] = move * step
            if change.any():
                moved = True
                slopes.addmm_(change, damped_hessian[block])
        if not moved:
            break
    return found.long()
