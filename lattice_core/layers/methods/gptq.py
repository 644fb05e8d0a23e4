"""GPTQ, computed as Babai's nearest plane algorithm (law L4)."""

from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.quantized_layer import (
    QuantizedLayer,
    grouped_bits_per_weight,
    measure,
    no_outliers,
)
from lattice_core.layers.solver import round_columns


def gptq(problem: LayerProblem) -> QuantizedLayer:
    """Columns in order, each rounded with the errors of those before it taken into account.

    The bound is that of the nearest plane, ``¼ Σ_j D_j s_j²`` a row (law L6).
    """
    factor, scales = problem.hessian.factor, problem.scales
    rounding = round_columns(problem.weight, factor, scales, problem.clipping_grid)
    return measure(
        problem,
        method="gptq",
        codes=rounding.codes,
        scales=scales,
        outliers=no_outliers(problem.weight),
        bits_per_weight=grouped_bits_per_weight(problem, rounding.codes),
        row_bounds=factor.row_bounds(scales),
        row_clipped=rounding.clipped.double().mean(dim=1),
    )
