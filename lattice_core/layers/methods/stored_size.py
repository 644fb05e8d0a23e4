"""The finest spacing whose coded size meets a target: what hrtn, hptq and watersic have in common.

A spacing twice as wide saves about a bit a weight, so the search is a secant on the logarithm, kept inside
the bracket of what was tried. It begins on a sample of the rows, where a try takes little; then the
whole layer is coded, two or three times as a rule, and the size is that of its bytes. The Cholesky factor serves
all tries.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers.coding import CODERS, encode_codes
from lattice_core.layers.layer_problem import MOST_RATE, LayerProblem
from lattice_core.layers.quantized_layer import QuantizedLayer, measure, refitted
from lattice_core.layers.rate_aware import rate_aware_problem, shrinking_cost
from lattice_core.layers.scale_form import ScaleForm
from lattice_core.layers.solver import Rounding
from lattice_core.layers.stored_layer import no_outliers, store
from lattice_core.scale_search import ScaleTrial

Find = Callable[[LayerProblem, Tensor, IntegerGrid | None], Rounding]

TOLERANCE = 0.004  # bits a weight below the target: near enough
MOST_TRIES = 12
MOST_OCTAVES = 2  # of a first step to wider spacings
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
    quick = _with_quick_decoder(problem)
    octave, trials = _start(quick, unit, find)
    solved = problem
    if problem.settings.rate_aware:
        scales = unit.times(2.0**octave).expand(*problem.weight.shape)
        solved = rate_aware_problem(problem, scales)
        unit = spacing(solved)

    def attempt(octave: float, solved: LayerProblem) -> _Try:
        form = unit.times(2.0**octave).stored
        scales = form.expand(*problem.weight.shape)
        rounding = find(solved, scales, None)
        form = refitted(problem, form, rounding.codes)
        bits = store(rounding.codes, form, None, coder).bits_per_weight
        return _Try(octave, bits, rounding, form, scales)

    nothing = not problem.weight.any()
    if quick is not problem and not nothing:
        # Most of the search with the nearest plane alone; a sample tells how much the decoder adds.
        plain = _with_quick_decoder(solved)
        near, tried = _search(partial(attempt, solved=plain), target, coder, octave, nothing)
        octave, trials = near.octave, trials + tried
        octave += _sample_bits(solved, unit, find, octave) - _sample_bits(plain, unit, find, octave)
    best, tried = _search(partial(attempt, solved=solved), target, coder, octave, nothing)
    return measure(
        problem,
        codes=best.rounding.codes,
        form=best.form,
        outliers=no_outliers(problem.weight.shape, problem.weight.device),
        row_bounds=bounds(solved, best.scales) + shrinking_cost(problem, solved),
        row_clipped=torch.zeros_like(problem.weight[:, 0]),
        scale_factor=2.0**best.octave,
        trials=trials + tried,
    )


def stored_sizes(
    problem: LayerProblem,
    spacing: Callable[[LayerProblem], ScaleForm],
    find: Find,
    factors: Sequence[float],
) -> list[float]:
    """Stored bits a weight with each multiple of some spacings: the curve that `code_to_size` searches."""
    unit, sizes = spacing(problem), []
    for factor in factors:
        form = unit.times(factor).stored
        codes = find(problem, form.expand(*problem.weight.shape), None).codes
        sizes.append(store(codes, form, None, problem.settings.stored_with).bits_per_weight)
    return sizes


def _with_quick_decoder(problem: LayerProblem) -> LayerProblem:
    settings = problem.settings
    if settings.decoder == "nearest_plane" and settings.refine is None:
        return problem
    quick = replace(settings, decoder="nearest_plane", refine=None)
    return LayerProblem(problem.weight, problem.hessian, quick)


def _start(
    problem: LayerProblem, unit: ScaleForm, find: Find
) -> tuple[float, tuple[ScaleTrial, ...]]:
    """log₂ of the factor at which a sample of the rows has about the size wanted, and what was tried."""
    spread = problem.weight / unit.expand(*problem.weight.shape)
    deviation = spread.square().mean().sqrt().item()
    if deviation == 0:
        return 0.0, ()
    target = max(problem.settings.bits - MARGIN, problem.settings.bits / 2)
    octave = math.log2(deviation) + GAUSSIAN_OCTAVES - target
    too_small, enough, trials = 0.0, math.inf, []
    for _ in range(SAMPLE_TRIES):
        bits = _sample_bits(problem, unit, find, octave)
        if bits > target:
            too_small = max(too_small, 2.0**octave)
        else:
            enough = min(enough, 2.0**octave)
        trials.append(ScaleTrial(2.0**octave, bits, too_small, enough, sample=True))
        if abs(bits - target) < SAMPLE_TOLERANCE:
            break
        octave += bits - target
    return octave, tuple(trials)


def _sample_bits(problem: LayerProblem, unit: ScaleForm, find: Find, octave: float) -> float:
    """Bits a weight of the codes of some rows, without what is stored beside them."""
    rows = len(problem.weight)
    chosen = torch.arange(0, rows, -(-rows // SAMPLE_ROWS), device=problem.weight.device)
    sample = LayerProblem(problem.weight[chosen], problem.hessian, problem.settings)
    scales = unit.times(2.0**octave).expand(*sample.weight.shape)
    codes = find(sample, scales, None).codes
    stream = encode_codes(codes.cpu().numpy(), problem.settings.stored_with).stream
    return 8 * len(stream) / codes.numel()


def _search(
    attempt: Callable[[float], _Try], target: float, coder: str, octave: float, nothing: bool
) -> tuple[_Try, tuple[ScaleTrial, ...]]:
    """Secant steps inside the bracket, until the size is just below the target; and what was tried.

    A try whose codes are all 0 is too coarse whatever its size, unless there is `nothing` to code.
    """
    too_large: _Try | None = None
    fits: _Try | None = None
    too_coarse: _Try | None = None
    least: _Try | None = None  # of those too large
    step, trials = 1.0, []
    for _ in range(MOST_TRIES):
        tried = attempt(octave)
        if not nothing and not tried.rounding.codes.any():
            too_coarse = tried
        elif tried.bits > target:
            too_large = tried if too_large is None or octave > too_large.octave else too_large
            least = tried if least is None or tried.bits < least.bits else least
        else:
            fits = tried if fits is None or octave < fits.octave else fits
        wide = fits or too_coarse
        too_small = 2.0**too_large.octave if too_large else 0.0
        enough = 2.0**wide.octave if wide else math.inf
        trials.append(ScaleTrial(2.0**octave, tried.bits, too_small, enough))
        if tried is not too_coarse and target - TOLERANCE <= tried.bits <= target:
            break
        if nothing or (too_large and wide and wide.octave - too_large.octave < 1e-6):
            break
        octave, step = _next(tried, too_large, fits, too_coarse, target, step)
    if fits is None:
        raise _unreachable(target, coder, least)
    return fits, tuple(trials)


def _unreachable(target: float, coder: str, least: _Try | None) -> ValueError:
    floor = CODERS[coder].least_bits
    message = f"{target:g} bits a weight cannot be reached"
    if least is None:
        return ValueError(f"{message}: every spacing tried left nothing of the layer.")
    # Upwards, so that what the message names can be had.
    message += f": the nearest found is {math.ceil(100 * least.bits) / 100:g}"
    if least.bits > MOST_RATE:
        return ValueError(
            f"{message}, more than the {MOST_RATE} bits that may be asked for, as the tables of so small a "
            "layer take more than its codes. Use another method."
        )
    if target < floor:
        message += f" ({coder} gives every code at least {floor:g} bit)"
    other = "" if coder == "ans" else ", or take coder='ans'"
    return ValueError(f"{message}. Ask for that{other}.")


def _next(
    tried: _Try,
    too_large: _Try | None,
    fits: _Try | None,
    too_coarse: _Try | None,
    target: float,
    step: float,
) -> tuple[float, float]:
    aim = target - TOLERANCE / 2
    if too_large and fits:
        span = fits.octave - too_large.octave
        share = (too_large.bits - aim) / (too_large.bits - fits.bits)
        return too_large.octave + span * min(max(share, 0.05), 0.95), step
    if too_large and too_coarse:
        return (too_large.octave + too_coarse.octave) / 2, step
    if tried is too_coarse:
        return tried.octave - step, 1.5 * step
    # A bit an octave, and ever more of it while that is not enough. Tables of a small layer may take
    # many bits, but soon less as the spacing grows.
    excess = min(tried.bits - aim, MOST_OCTAVES)
    return tried.octave + step * excess, 1.5 * step
