"""Round to nearest: every weight by itself, blind to the inputs."""

from lattice_core.layers.decoders import refine, round_off
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.quantized_layer import (
    QuantizedLayer,
    measure,
    refitted,
    round_off_bounds,
)
from lattice_core.layers.stored_layer import no_outliers


def rtn(problem: LayerProblem) -> QuantizedLayer:
    """Each weight to its nearest code; Babai's rounding, "round-off", in the lattice.

    The bound is ``¼ Σ_ij |H_ij| s_i s_j`` with the damped H: the errors lie in the box
    ``|e_j| ≤ s_j / 2``, and no sign pattern of its corners gets beyond it.
    """
    scales, grid = problem.scales, problem.clipping_grid
    rounding = refine(problem, scales, grid, round_off(problem.weight, scales, grid))
    return measure(
        problem,
        codes=rounding.codes,
        form=refitted(problem, problem.scale_form, rounding.codes),
        outliers=no_outliers(problem.weight.shape, problem.weight.device),
        row_bounds=round_off_bounds(problem, scales),
        row_clipped=rounding.clipped.double().mean(dim=1),
    )
