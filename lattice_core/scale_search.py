"""The search for the one factor that all scales of a layer are multiplied by, with all that it tried.

Two methods search. SSQR bisects on its outlier rate, here in `least_factor`. HPTQ, HRTN and WaterSIC meet
a stored size by a secant that keeps inside its bracket (``lattice_core.layers.methods.stored_size``).
Both measure whole runs, and say each trial as a `ScaleTrial`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

# Of `least_factor`.
GROWTH = 1.25  # first step away from 1; each further step squares it
LEAST_FACTOR = 1 / 16  # below it no smaller one is tried: almost every weight is an outlier
CLOSE = 0.95  # of the rate asked for: enough to stop
RESOLUTION = 1 / 256  # of the factor


@dataclass(frozen=True)
class ScaleTrial:
    """One factor tried.

    Attributes
    ----------
    factor : float
        What the scales were multiplied by.
    measured : float
        What the run gave: stored bits a weight, or the outlier rate.
    too_small : float
        After this trial, the largest factor known to be too small; 0 if none is.
    enough : float
        The least factor known to be large enough; infinite if none is.
    sample : bool
        Whether only some of the rows were coded, without what is stored beside the codes.
    """

    factor: float
    measured: float
    too_small: float
    enough: float
    sample: bool = False


class _Run(Protocol):
    @property
    def outlier_rate(self) -> float: ...


Run = TypeVar("Run", bound=_Run)


def least_factor(
    run_with: Callable[[float], Run], outlier_rate: float
) -> tuple[Run, tuple[ScaleTrial, ...]]:
    """The run of the least factor found that leaves at most this rate of outliers (law L19).

    The rate is a step function of the factor, and not quite monotone. The search ends when the rate is
    within 5 % of the one asked for, or the factor is known to 1 in 256.

    Parameters
    ----------
    run_with : callable
        One run, by its factor; it says its ``outlier_rate``.
    outlier_rate : float
        A fraction of the weights.

    Returns
    -------
    run
    trials : tuple of ScaleTrial
        In the order in which they were made; the run's is among them.
    """
    too_small, enough = 0.0, math.inf
    factor, step = 1.0, GROWTH
    trials = []
    while True:
        run = run_with(factor)
        fits = run.outlier_rate <= outlier_rate
        if fits:
            enough, best = factor, run
        else:
            too_small = factor
        trials.append(ScaleTrial(factor, run.outlier_rate, too_small, enough))
        if fits and 0 < CLOSE * outlier_rate <= run.outlier_rate:
            return best, tuple(trials)
        if enough == math.inf:  # ends: once every code is 0, a larger factor changes nothing
            factor, step = factor * step, step**2
        elif too_small == 0 and factor > LEAST_FACTOR:
            factor, step = factor / step, step**2
        elif enough <= too_small * (1 + RESOLUTION) or too_small == 0:
            return best, tuple(trials)
        else:
            factor = math.sqrt(too_small * enough)
