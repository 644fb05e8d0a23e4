"""From centres to codes: the nearest plane, or more of the lattice around it, then single moves."""

from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.coordinate_descent import descend
from lattice_core.layers.k_best import k_best_rounding
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.solver import Rounding, round_columns


def decode(problem: LayerProblem, scales: Tensor, grid: IntegerGrid | None) -> Rounding:
    """Codes by the decoder that the settings ask for, refined if they ask for it.

    Parameters
    ----------
    problem : LayerProblem
    scales : (r, c) tensor
    grid : IntegerGrid or None
        Admissible codes.

    Returns
    -------
    Rounding
        Its offsets tell what the nearest plane, or the beam, kept from the nearest integer; after
        coordinate descent they are still those of the codes it began with.
    """
    settings, factor = problem.settings, problem.hessian.factor
    if settings.decoder == "k_best":
        rounding = k_best_rounding(problem.weight, factor, scales, grid, k=settings.k)
    else:
        rounding = round_columns(problem.weight, factor, scales, grid)
    return refine(problem, scales, grid, rounding)


def round_off(weight: Tensor, scales: Tensor, grid: IntegerGrid | None) -> Rounding:
    """Each weight to its nearest code, blind to the others."""
    centers = weight / scales
    codes = centers.round()
    if grid is not None:
        codes = codes.clamp(grid.low, grid.high)
    return Rounding(codes.long(), centers - codes)


def refine(
    problem: LayerProblem, scales: Tensor, grid: IntegerGrid | None, rounding: Rounding
) -> Rounding:
    """Single moves on the codes, if the settings ask for them."""
    if problem.settings.refine is None:
        return rounding
    codes = descend(problem.weight, problem.hessian.damped, scales, rounding.codes, grid)
    return Rounding(codes, rounding.offsets)
