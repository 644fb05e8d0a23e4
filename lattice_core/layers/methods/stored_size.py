"""The finest spacing whose coded size meets a target: what hrtn, hptq and watersic have in common.

A spacing twice as wide saves about a bit a weight, so the search is a secant on the logarithm, kept inside
the bracket of what was tried. It begins on a sample of the rows, where a try takes little; then the
whole layer is coded, two or three times as a rule, and the size is that of its bytes. The Cholesky factor serves
all tries.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.coding import CODERS, encode_codes
from lattice_core.layers.layer_problem import LayerProblem
from lattice_core.layers.quantized_layer import QuantizedLayer, measure, no_outliers, refitted
from lattice_core.layers.rate_aware import rate_aware_problem, shrinking_cost
from lattice_core.layers.scale_form import ScaleForm
from lattice_core.layers.solver import Rounding
from lattice_core.layers.stored_layer import store

Find = Callable[[LayerProblem, Tensor, IntegerGrid | None], Rounding]

TOLERANCE = 0.004  # bits a weight below the target: near enough
MOST_TRIES = 12
SAMPLE_ROWS = 96
SAMPLE_TRIES = 6
SAMPLE_TOLERANCE = 0.02
MARGIN = 0.03  # bits for spacings and tables, which a sample's stream is without
GAUSSIAN_OCTAVES = math.log2(2 * math.pi * math.e) / 2  # entropy of σ/s = 1 at high rate, in bits


@dataclass(frozen=True, eq=False)
class _Try:
    """One spacing of the whole layer."""

    octave: float
    bits: float
    rounding: Rounding
    form: ScaleForm
    scales: Tensor  # before refitting


def one_scale(problem: LayerProblem) -> ScaleForm:
    """A spacing of 1 for every weight."""
    return ScaleForm(problem.weight.new_ones(1, 1), None)


def code_to_size(
    problem: LayerProblem,
    spacing: Callable[[LayerProblem], ScaleForm],
    find: Find,
    bounds: Callable[[LayerProblem, Tensor], Tensor],
) -> QuantizedLayer:
    """Quantize with the finest multiple of some spacings whose stored size is at most `bits`.

    Parameters
    ----------
    problem : LayerProblem
    spacing : callable
        The spacings for a problem, up to one factor.
    find : callable
        Codes for a problem, spacings and no grid.
    bounds : callable
        Bounds of the rows' losses, (r,), for a problem and spacings (r, c).

    Raises
    ------
    ValueError
        If the size cannot be reached; the message names the nearest one.
    """
    target, coder = problem.settings.bits, problem.settings.stored_with
    unit = spacing(problem)
    octave = _start(problem, unit, find)
    solved = problem
    if problem.settings.rate_aware:
        scales = unit.times(2.0**octave).expand(*problem.weight.shape)
        solved = rate_aware_problem(problem, scales)
        unit = spacing(solved)

    def attempt(octave: float) -> _Try:
        form = unit.times(2.0**octave).stored
        scales = form.expand(*problem.weight.shape)
        rounding = find(solved, scales, None)
        form = refitted(problem, form, rounding.codes)
        bits = store(rounding.codes, form, None, coder).bits_per_weight
        return _Try(octave, bits, rounding, form, scales)

    best = _search(attempt, target, coder, octave)
    return measure(
        problem,
        codes=best.rounding.codes,
        form=best.form,
        outliers=no_outliers(problem.weight),
        row_bounds=bounds(solved, best.scales) + shrinking_cost(problem, solved),
        row_clipped=torch.zeros_like(problem.weight[:, 0]),
        scale_factor=2.0**best.octave,
    )


def _start(problem: LayerProblem, unit: ScaleForm, find: Find) -> float:
    """log₂ of the factor at which a sample of the rows has about the size wanted."""
    rows = len(problem.weight)
    chosen = torch.arange(0, rows, -(-rows // SAMPLE_ROWS), device=problem.weight.device)
    sample = LayerProblem(problem.weight[chosen], problem.hessian, problem.settings)
    spread = sample.weight / unit.expand(*sample.weight.shape)
    deviation = spread.square().mean().sqrt().item()
    if deviation == 0:
        return 0.0
    target = max(problem.settings.bits - MARGIN, problem.settings.bits / 2)
    octave = math.log2(deviation) + GAUSSIAN_OCTAVES - target
    for _ in range(SAMPLE_TRIES):
        scales = unit.times(2.0**octave).expand(*sample.weight.shape)
        codes = find(sample, scales, None).codes
        stream = encode_codes(codes.cpu().numpy(), problem.settings.stored_with).stream
        excess = 8 * len(stream) / codes.numel() - target
        if abs(excess) < SAMPLE_TOLERANCE:
            break
        octave += excess
    return octave


def _search(attempt: Callable[[float], _Try], target: float, coder: str, octave: float) -> _Try:
    """Secant steps inside the bracket, until the size is just below the target."""
    too_large: _Try | None = None
    fits: _Try | None = None
    step = 1.0
    for _ in range(MOST_TRIES):
        tried = attempt(octave)
        if tried.bits > target:
            too_large = tried if too_large is None or octave > too_large.octave else too_large
        else:
            fits = tried if fits is None or octave < fits.octave else fits
            if tried.bits >= target - TOLERANCE or not tried.rounding.codes.any():
                break
        octave, step = _next(tried, too_large, fits, target, step)
        if too_large and fits and fits.octave - too_large.octave < 1e-6:
            break
    if fits is None or (too_large is not None and not fits.rounding.codes.any()):
        nearest = min(
            (t for t in (fits, too_large) if t is not None), key=lambda t: abs(t.bits - target)
        )
        floor = CODERS[coder].least_bits
        raise ValueError(
            f"{target:g} bits a weight cannot be reached: the nearest found is {nearest.bits:.3f}"
            + (f" ({coder} gives every code at least {floor:g} bit)" if target < floor else "")
            + ". Ask for that, or take coder='ans'."
        )
    return fits


def _next(
    tried: _Try, too_large: _Try | None, fits: _Try | None, target: float, step: float
) -> tuple[float, float]:
    aim = target - TOLERANCE / 2
    if too_large is None or fits is None:
        # A bit an octave, and ever more of it while that is not enough.
        return tried.octave + step * (tried.bits - aim), 1.5 * step
    span = fits.octave - too_large.octave
    share = (too_large.bits - aim) / (too_large.bits - fits.bits)
    return too_large.octave + span * min(max(share, 0.05), 0.95), step
