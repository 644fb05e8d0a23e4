"""Round to nearest: every weight by itself, blind to the inputs."""

from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.quantized_layer import (
    QuantizedLayer,
    grouped_bits_per_weight,
    measure,
    no_outliers,
)
from lattice_core.layers.solver import Rounding


def rtn(problem: LayerProblem) -> QuantizedLayer:
    """Each weight to its nearest code; Babai's rounding, "round-off", in the lattice.

    The bound is ``¼ Σ_ij |H_ij| s_i s_j`` with the damped H: the errors lie in the box
    ``|e_j| ≤ s_j / 2``, and no sign pattern of its corners gets beyond it.
    """
    scales = problem.scales
    centers = problem.weight / scales
    codes = centers.round()
    if (grid := problem.clipping_grid) is not None:
        codes = codes.clamp(grid.low, grid.high)
    rounding = Rounding(codes.long(), centers - codes)
    return measure(
        problem,
        method="rtn",
        codes=rounding.codes,
        scales=scales,
        outliers=no_outliers(problem.weight),
        bits_per_weight=grouped_bits_per_weight(problem, rounding.codes),
        row_bounds=((scales @ problem.hessian.damped.abs()) * scales).sum(dim=1) / 4,
        row_clipped=rounding.clipped.double().mean(dim=1),
    )
