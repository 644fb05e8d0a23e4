"""What a study can be asked: whether a number predicts the damage, what one size would have cost, and the
laws on one quantized model. Nothing here needs torch.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lattice_core.gaussian_reference import SCALAR_LATTICE_GAP
from lattice_core.language_model.study_record import LayerRun, StudyRun, rank_correlation
from lattice_core.laws import TOLERANCE, LawCheck

SIZED = ("hrtn", "hptq", "watersic", "watersic_k_best")  # contenders that are told their size


def _held_out(run: StudyRun) -> float:
    """NaN for moved targets: they leave the original weights on purpose, and this is the distance from those."""
    return math.nan if run.targets == "unquantized" else run.held_out_loss


# Known before the model is run, by what they promise about it.
PREDICTORS: Mapping[str, Callable[[StudyRun], float]] = {
    "bound": lambda run: run.relative_bound,
    "loss": lambda run: run.relative_loss,
    "held_out": _held_out,
}


@dataclass(frozen=True)
class Prediction:
    """How well a number of the layers orders whole models by their damage.

    Attributes
    ----------
    correlation : float or None
        Spearman's, of the predictor and the divergence; ``None`` for fewer than three models.
    models : int
        How many were compared. The same weights stored in two ways count once.
    """

    correlation: float | None
    models: int


def distinct_models(runs: Iterable[StudyRun]) -> list[StudyRun]:
    """Without those that predict just as an earlier one does: the same weights, stored otherwise."""
    seen: dict[tuple[float, float, float], StudyRun] = {}
    for run in runs:
        seen.setdefault((run.perplexity, run.divergence, run.agreement), run)
    return list(seen.values())


def prediction(runs: Iterable[StudyRun], predictor: str) -> Prediction:
    """The rank correlation of a predictor with the divergence from the original.

    Parameters
    ----------
    runs : iterable of StudyRun
        Those whose predictor is not known (NaN) are left out.
    predictor : str
        A key of `PREDICTORS`.
    """
    value = PREDICTORS[predictor]
    known = [run for run in distinct_models(runs) if math.isfinite(value(run))]
    try:
        found = rank_correlation([value(run) for run in known], [run.divergence for run in known])
    except ValueError:
        return Prediction(None, len(known))
    return Prediction(found, len(known))


def at_size(
    runs: Sequence[StudyRun], bits: float, value: Callable[[StudyRun], float]
) -> float | None:
    """What a value would be at a stored size: read off the straight lines through log value by bits.

    Parameters
    ----------
    runs : sequence of StudyRun
        Of one contender.
    bits : float
    value : callable
        Positive.

    Returns
    -------
    float or None
        ``None`` outside the sizes there are.
    """
    points = sorted((run.bits_per_weight, math.log(value(run))) for run in runs)
    # A size is met from below: 3.2499 is what was got for 3.25.
    if not points or not points[0][0] - 0.01 <= bits <= points[-1][0] + 0.01:
        return None
    sizes, logs = [size for size, _ in points], [log for _, log in points]
    return math.exp(float(np.interp(bits, sizes, logs)))


def size_is_met(run: StudyRun, layers: Sequence[LayerRun]) -> LawCheck:
    """L18 on a model: no layer is stored larger than it was asked to be."""
    largest = max(layer.bits_per_weight for layer in layers)
    return LawCheck(
        "L18",
        "The size is chosen, the spacing follows",
        "Without a grid, codes may be large; an entropy coder gives rare ones more bits. The spacing is "
        "found by bisection, until what is stored just fits.",
        "[C] section 5, Algorithm 11",
        "bits a weight of the largest layer",
        largest,
        "≤",
        "bits asked for",
        run.target_bits,
        largest <= run.target_bits * (1 + TOLERANCE),
        void=""
        if run.contender in SIZED
        else "this model has a grid, so its size follows from the grid.",
    )


def clipping_voids_the_bound(run: StudyRun, layers: Sequence[LayerRun]) -> LawCheck:
    """L6 on a model's layers, and L9 where clipping voids it."""
    worst = max(layer.loss_over_bound for layer in layers)
    clipped = [layer for layer in layers if layer.clipped_fraction > 0]
    most = max(layer.clipped_fraction for layer in layers)
    over = sum(layer.loss_over_bound > 1 + TOLERANCE for layer in clipped)
    return LawCheck(
        "L9",
        "Clipping voids the bound",
        "The loss of a layer is at most its bound, unless a code is clipped: moved to the end of the grid, "
        "further than ½ from its centre.",
        "[C] Theorem 5 assumes no clipping",
        "loss ÷ bound of the worst layer",
        worst,
        "≤",
        "all of the bound",
        1.0,
        worst <= 1 + TOLERANCE,
        void=f"{len(clipped)} of {len(layers)} layers have clipped codes, up to {100 * most:.2g} % of "
        f"a layer; the whole loss of {over} of them exceeds the bound."
        if clipped
        else "",
    )


def spacing_beats_one_scale(run: StudyRun, runs: Iterable[StudyRun]) -> LawCheck | None:
    """L20 at the size of a run: spacing against HPTQ, all else the same; ``None`` unless both were run."""
    alike = {other.contender: other for other in runs if _alike(run, other)}
    if not {"watersic", "hptq"} <= alike.keys():
        return None
    left, right = alike["watersic"].relative_loss, alike["hptq"].relative_loss
    return LawCheck(
        "L20",
        "Spacing columns beats sorting them",
        r"With the spacing $s_j \propto 1/R_{jj}$ all terms $D_j s_j^2$ of the bound are equal, which is "
        f"the floor that no order reaches. Both at {run.target_bits:g} bits, in the same order. That the "
        "loss follows the bound is a measurement.",
        "WaterSIC, arXiv:2603.04956",
        "loss with spacing, sum of shares",
        left,
        "≤",
        "loss with one spacing (HPTQ)",
        right,
        left <= right * (1 + TOLERANCE),
    )


def above_the_gaussian_reference(run: StudyRun, layers: Sequence[LayerRun]) -> LawCheck:
    """L21 on a model: bits stored against the least that Gaussian weights would need for its loss."""
    below = sum(layer.distance < 0 for layer in layers)
    rate = run.bits_per_weight - run.distance
    return LawCheck(
        "L21",
        "Gaussian weights need this many bits",
        "If weights were independent Gaussians, no way to store them would reach this loss with fewer bits "
        f"than the left side. A coder of single integers would stand {SCALAR_LATTICE_GAP:.3f} bits above it. "
        f"Real weights are not Gaussian: {below} of {len(layers)} layers lie below.",
        "Cover, Thomas, Elements of Information Theory, Theorem 10.3.3",
        "bits of the Gaussian reference",
        rate,
        "≤",
        "bits stored",
        run.bits_per_weight,
        run.distance >= 0,
        void="" if run.distance >= 0 else "these weights are easier to store than Gaussian ones.",
    )


def _alike(run: StudyRun, other: StudyRun) -> bool:
    """Whether only the contender differs, and the stage of the study."""
    same = ("target_bits", "order", "inputs", "targets", "seed")
    return all(getattr(run, name) == getattr(other, name) for name in same)
