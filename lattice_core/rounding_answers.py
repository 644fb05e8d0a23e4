"""The answers of three ways of rounding to one problem, seen from both sides."""

from dataclasses import dataclass

import numpy as np

from lattice_core.closest_vector import closest_vector
from lattice_core.disagreement import Rounding
from lattice_core.inputs import FloatArray, IntArray
from lattice_core.nearest_plane import round_off
from lattice_core.problem import Problem


@dataclass(frozen=True, eq=False)
class RoundingAnswer:
    """One answer.

    Attributes
    ----------
    codes : (c,) int array
        z.
    point : (c,) array
        The lattice point ``B z``.
    squared_distance : float
        ``‖B z − y‖²``, measured in the lattice.
    weights : (c,) array
        The quantized weights ``q = s ⊙ z``.
    loss : float
        ``(q − w)ᵀ (H + λ̄I) (q − w)``, computed from the weights: the same number (law L1).
    """

    codes: IntArray
    point: FloatArray
    squared_distance: float
    weights: FloatArray
    loss: float


def rounding_answers(problem: Problem) -> dict[Rounding, RoundingAnswer]:
    """Round-off's, nearest plane's and the exact answer, all on the problem's grid.

    Raises
    ------
    ValueError
        If the basis is too skewed to try all candidates for the closest point.
    """
    lattice, target, grid = problem.lattice, problem.target, problem.grid
    return {
        "round_off": _answer(problem, round_off(lattice, target, grid)),
        "nearest_plane": _answer(problem, problem.babai.codes),
        "closest": _answer(problem, closest_vector(lattice, target, grid)),
    }


def _answer(problem: Problem, codes: IntArray) -> RoundingAnswer:
    point = problem.lattice.point(codes)
    return RoundingAnswer(
        codes=codes,
        point=point,
        squared_distance=float(np.sum((point - problem.target) ** 2)),
        weights=codes * np.array(problem.scales),
        loss=problem.loss_of(codes),
    )
