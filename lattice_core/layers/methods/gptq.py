"""GPTQ, computed as Babai's nearest plane algorithm (law L4)."""

from lattice_core.layers.decoders import decode
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.quantized_layer import (
    QuantizedLayer,
    measure,
    nearest_plane_bounds,
    refitted,
)
from lattice_core.layers.stored_layer import no_outliers


def gptq(problem: LayerProblem) -> QuantizedLayer:
    """Columns in order, each rounded with the errors of those before it taken into account.

    The bound is that of the nearest plane, ``¼ Σ_j D_j s_j²`` a row (law L6).
    """
    scales = problem.scales
    rounding = decode(problem, scales, problem.clipping_grid)
    return measure(
        problem,
        codes=rounding.codes,
        form=refitted(problem, problem.scale_form, rounding.codes),
        outliers=no_outliers(problem.weight.shape, problem.weight.device),
        row_bounds=nearest_plane_bounds(problem, scales),
        row_clipped=rounding.clipped.double().mean(dim=1),
    )
