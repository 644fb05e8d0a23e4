"""The coarsest grid that explains groups of numbers: a greatest common divisor under rounding.

Numbers on a grid of spacing s have their distance from 0, or from the least of them, in common::

    v = s · z               around 0: the spacing divides the smallest magnitude
    v = s · z + offset      anywhere: the spacing divides the range

So the candidates are that magnitude, or range, over 1, 2, 3, …, largest spacing first, and the
first one on which every number lies, but for rounding, is the answer. Both have a small relative
error, so a candidate is as good as its number, and needs no refining before it is tried.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

CODE_LIMIT = 1024  # larger codes are no grid: any number is a multiple of its last digit
STEP_LIMIT = 255  # of a grid that does not contain 0
PROBES = 64  # numbers of a group that are looked at before the others


@dataclass(frozen=True)
class Precision:
    """How the numbers were rounded after they were multiplied.

    Attributes
    ----------
    dtype : torch.dtype
    epsilon : float
        The relative error of a number. Above the unit roundoff of float32 and float64, where it
        costs nothing to forgive a few operations.
    cancellation : float
        The error of a number relative to the largest of its group: ``s·z − s·zero`` is rounded twice.
    tiny : float
        The absolute error below the dtype's normal range.
    """

    dtype: torch.dtype
    epsilon: float
    cancellation: float
    tiny: float

    @property
    def code_limit(self) -> float:
        """Beyond it two neighbouring codes are hardly told apart."""
        return min(CODE_LIMIT, 1 / (16 * self.epsilon))

    def leaves_alone(self, values: Tensor) -> bool:
        """Whether all numbers are of this dtype, as they would be after rounding to it."""
        return torch.equal(values.to(self.dtype).to(values.dtype), values)


PRECISIONS = (
    Precision(torch.float64, 2.0**-40, 2.0**-40, 0.0),
    Precision(torch.float32, 2.0**-21, 2.0**-21, 2.0**-149),
    Precision(torch.float16, 2.0**-11, 0.0, 2.0**-25),
    Precision(torch.bfloat16, 2.0**-8, 0.0, 2.0**-133),
)


def possible_precisions(values: Tensor) -> list[Precision]:
    """How the numbers may have been rounded, finest first.

    Only the finest that leaves them alone of float64 and float32: float32 is fine enough.
    """
    wide, single, *short = PRECISIONS
    finest = single if single.leaves_alone(values) else wide
    return [finest, *(precision for precision in short if precision.leaves_alone(values))]


def spacings_around_zero(groups: Tensor, precision: Precision) -> Tensor | None:
    """The largest s of each group such that every number is a multiple of it.

    Parameters
    ----------
    groups : (k, n) float64 tensor
    precision : Precision

    Returns
    -------
    (k,) tensor or None
        0 for a group of zeros; ``None`` if a group is on no grid.
    """
    magnitudes = groups.abs()
    largest = magnitudes.amax(dim=1)
    noise = 2 * precision.cancellation * largest + precision.tiny
    least = magnitudes.masked_fill(magnitudes <= noise[:, None], torch.inf).amin(dim=1)
    tolerance = precision.cancellation * largest + precision.tiny
    probes = _probes(groups)
    base, spacings = torch.zeros_like(largest), torch.zeros_like(largest)
    left = torch.nonzero(least < torch.inf)[:, 0]
    divisor = 0
    while len(left):
        divisor += 1
        candidate = least[left] / divisor
        if (largest[left] > candidate * (precision.code_limit + 0.5)).any():
            return None
        # Twice the relative error: that of the number, and that of the candidate.
        found = _explained(
            (probes, groups), left, candidate, base, 2.5 * precision.epsilon, tolerance
        )
        spacings[left[found]] = candidate[found]
        left = left[~found]
    return _refined(groups, spacings, precision)


def spacings_anywhere(groups: Tensor, precision: Precision) -> tuple[Tensor, Tensor] | None:
    """The largest s of each group, and the offset, such that every number is s·z + offset, z ≥ 0.

    Parameters
    ----------
    groups : (k, n) float64 tensor
    precision : Precision

    Returns
    -------
    two (k,) tensors, or None
        Spacings, 0 for a group of equal numbers, and offsets; ``None`` if a group is on no grid.
    """
    least, most = groups.aminmax(dim=1)
    error = 5 * precision.epsilon * torch.maximum(least.abs(), most.abs()) + precision.tiny
    probes = _probes(groups)
    spacings, offsets = torch.zeros_like(least), least.clone()
    left = torch.nonzero(most - least > error)[:, 0]
    for steps in range(1, STEP_LIMIT + 1):
        if not len(left):
            return spacings, offsets
        candidate = (most - least)[left] / steps
        if (error[left] > candidate / 8).any():
            return None
        found = _explained((probes, groups), left, candidate, least, 0.0, error)
        settled = left[found]
        codes = ((groups[settled] - least[settled, None]) / candidate[found, None]).round()
        spacings[settled], offsets[settled] = _line(codes, groups[settled])
        left = left[~found]
    return None if len(left) else (spacings, offsets)


def _probes(groups: Tensor) -> Tensor:
    count = groups.shape[1]
    return groups[:, torch.linspace(0, count - 1, min(count, PROBES), device=groups.device).long()]


def _explained(
    looks: tuple[Tensor, ...],
    left: Tensor,
    spacings: Tensor,
    base: Tensor,
    relative: float,
    absolute: Tensor,
) -> Tensor:
    """Which of the groups `left` lie on a grid that starts at their base, (len(left),) bool.

    The groups are looked at several times, each time at more of their numbers; one that fails is not
    looked at again.
    """
    found = torch.ones_like(left, dtype=torch.bool)
    for numbers in looks:
        among, spacing = left[found], spacings[found, None]
        part = numbers[among] - base[among, None]
        off = (part - spacing * (part / spacing).round()).abs()
        allowed = relative * part.abs() + absolute[among, None]
        found[found.clone()] = (off <= allowed).all(dim=1)
    return found


def _refined(groups: Tensor, spacings: Tensor, precision: Precision) -> Tensor:
    """The spacing, or its rounded mean over the numbers, if that gives them to the bit; or the mean."""
    used = torch.where(spacings > 0, spacings, 1.0)[:, None]
    codes = (groups / used).round()
    counted = codes != 0
    ratios = torch.where(counted, groups / torch.where(counted, codes, 1.0), 0.0)
    means = ratios.sum(dim=1) / counted.sum(dim=1).clamp(min=1)
    refined = torch.where(spacings > 0, means, spacings)
    for candidate in (means.to(precision.dtype).double(), spacings):
        made = (candidate[:, None] * codes).to(precision.dtype).double()
        refined = torch.where((made == groups).all(dim=1), candidate, refined)
    return torch.where(spacings > 0, refined, 0.0)


def _line(codes: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Slope and intercept of the values over the codes, row by row, by least squares."""
    middle, mean = codes.mean(dim=1, keepdim=True), values.mean(dim=1, keepdim=True)
    centred = codes - middle
    slope = (centred * (values - mean)).sum(dim=1) / centred.square().sum(dim=1)
    return slope, (mean - slope[:, None] * middle)[:, 0]
