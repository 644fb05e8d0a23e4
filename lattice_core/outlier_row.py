"""SSQR on one row: what the grid cannot hold is stored aside, and its error is pushed on (law L19).

The small twin of `lattice_core.layers.methods.ssqr`, step by step and without the search for scales.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import (
    FloatArray,
    IntArray,
    as_damped_hessian,
    as_order,
    as_scales,
    as_vector,
)
from lattice_core.integer_grid import IntegerGrid
from lattice_core.lattice import Lattice
from lattice_core.laws import TOLERANCE, LawCheck

STORED = np.float16


class Row(Protocol):
    """What the laws below look at: a `lattice_core.Problem`, or a longer row."""

    @property
    def weights(self) -> Any:
        """(c,) floats."""

    @property
    def scales(self) -> Any:
        """(c,) grid spacings."""

    @property
    def damped_hessian(self) -> FloatArray:
        """``H + λ̄I``, (c, c)."""

    @property
    def lattice(self) -> Lattice:
        """``B = 𝒳 diag(s)``."""


@dataclass(frozen=True)
class OutlierStep:
    """One weight settled.

    Attributes
    ----------
    index : int
        Which weight, in input order.
    arrival : float
        ``a_j = w_j + Σ U_jk e_k``: the weight with the errors of those settled before it.
    code : int
        On the grid; 0 for an outlier.
    value : float
        ``v_j``: what the layer uses instead of the weight.
    outlier : bool
        Whether `value` is stored aside in 16 bits.
    pushed : float
        ``e_j``, what is pushed on to the weights not yet settled: ``w_j − v_j`` if it is done right.
    pivot : float
        ``D_j``.
    """

    index: int
    arrival: float
    code: int
    value: float
    outlier: bool
    pushed: float
    pivot: float

    @property
    def cost(self) -> float:
        """What the step adds to the damped loss, ``D_j (a_j − v_j)²``."""
        return self.pivot * (self.arrival - self.value) ** 2


@dataclass(frozen=True, eq=False)
class OutlierTrace:
    """The steps of one row, first to last settled."""

    steps: tuple[OutlierStep, ...]

    @property
    def codes(self) -> IntArray:
        """(c,) codes in input order, 0 at outliers."""
        return np.array([step.code for step in self._in_input_order], dtype=np.int64)

    @property
    def values(self) -> FloatArray:
        """(c,) values v in input order."""
        return np.array([step.value for step in self._in_input_order])

    @property
    def outliers(self) -> int:
        """How many weights are stored aside."""
        return sum(step.outlier for step in self.steps)

    @property
    def cost(self) -> float:
        """``Σ D_j (a_j − v_j)²``, which is the damped loss (law L19)."""
        return sum(step.cost for step in self.steps)

    @property
    def _in_input_order(self) -> list[OutlierStep]:
        return sorted(self.steps, key=lambda step: step.index)


def error_of_value(weight: float, value: float, outlier: bool) -> float:
    """What is pushed on, ``w_j − v_j``, from a code and from an outlier alike."""
    return weight - value


def ssqr_row(
    damped_hessian: ArrayLike,
    weights: ArrayLike,
    scales: ArrayLike,
    order: ArrayLike | None = None,
    *,
    grid: IntegerGrid,
    pushed: Callable[[float, float, bool], float] = error_of_value,
) -> OutlierTrace:
    """Nearest plane on a grid, with what does not fit kept aside.

    In the order given: ``a_j = w_j + Σ U_jk e_k`` over the k settled before j, ``U = R / diag(R)``;
    ``z_j = round(a_j / s_j)``. On the grid ``v_j = s_j z_j``; outside it the weight is an outlier with
    code 0, and v_j is a_j in 16 bits. ``e_j = w_j − v_j``.

    Parameters
    ----------
    damped_hessian : (c, c) array
        ``XᵀX + λ̄I``, symmetric positive definite.
    weights : (c,) array
    scales : (c,) array or float
        Positive grid spacings.
    order : (c,) int array, optional
        ``order[0]`` is settled first; ``None`` is back to front.
    grid : IntegerGrid
        The codes that fit.
    pushed : callable
        ``pushed(w_j, v_j, outlier)`` is e_j; another than `error_of_value` is a wrong world.

    References
    ----------
    [C] Chen et al., arXiv:2507.18553v4, section 5 and Algorithm 9 (SSQR).
    """
    hessian = as_damped_hessian(damped_hessian)
    c = len(hessian)
    sequence, row, spacings = (
        as_order(order, c),
        as_vector("weights", weights, c),
        as_scales(scales, c),
    )
    _, triangle = Lattice.from_hessian(hessian, 1.0).gram_schmidt(sequence)
    diagonal = np.diag(triangle)
    unit_upper = triangle / diagonal[:, None]
    errors = np.zeros(c)  # in pivot order
    steps = []
    for position, index in enumerate(sequence):
        pivot = c - 1 - position
        arrival = float(row[index] + unit_upper[pivot, pivot + 1 :] @ errors[pivot + 1 :])
        code = round(arrival / spacings[index])
        outlier = not grid.low <= code <= grid.high
        value = float(STORED(arrival)) if outlier else float(spacings[index] * code)
        errors[pivot] = pushed(float(row[index]), value, outlier)
        steps.append(
            OutlierStep(
                index=int(index),
                arrival=arrival,
                code=0 if outlier else code,
                value=value,
                outlier=outlier,
                pushed=float(errors[pivot]),
                pivot=float(diagonal[pivot] ** 2),
            )
        )
    return OutlierTrace(tuple(steps))


def outliers_keep_the_sum(problem: Row, run: OutlierTrace) -> LawCheck:
    """L19: with outliers stored aside, the loss is the sum of what the steps cost.

    Parameters
    ----------
    problem : Row
    run : OutlierTrace
        SSQR on the problem's row, right or from a wrong world.
    """
    error = run.values - np.array(problem.weights)
    loss = float(error @ problem.damped_hessian @ error)
    size = float(np.trace(problem.lattice.gram)) / 4  # no bound is larger
    return LawCheck(
        "L19",
        "Outliers kept aside leave the sum right",
        r"The damped loss is $\sum_j D_j (a_j - v_j)^2$. Here $a_j$ is the weight with the errors that "
        r"were pushed to it, and $v_j$ what is stored: $s_j z_j$ on the grid, $a_j$ in 16 bits outside it. "
        r"It needs every error $w_j - v_j$ to be pushed on, an outlier's too.",
        "[C] section 5, Algorithm 9",
        "loss from the stored values",
        loss,
        "=",
        r"$\sum_j D_j (a_j - v_j)^2$",
        run.cost,
        abs(loss - run.cost) <= TOLERANCE * max(loss, run.cost, size),
    )


def outliers_keep_the_bound(problem: Row, run: OutlierTrace) -> LawCheck:
    """L19: only codes that fit cost up to ``¼ D_j s_j²``; outliers cost their 16 bits' rounding."""
    error = run.values - np.array(problem.weights)
    loss = float(error @ problem.damped_hessian @ error)
    bound = sum(
        step.cost if step.outlier else step.pivot * problem.scales[step.index] ** 2 / 4
        for step in run.steps
    )
    return LawCheck(
        "L19",
        "Outliers kept aside keep the bound",
        r"No code is clipped, so the damped loss is at most $\frac14\sum_j D_j s_j^2$ over the weights on "
        "the grid, plus what rounding the outliers to 16 bits costs.",
        "[C] section 5, Algorithm 9; Theorem 5",
        "loss from the stored values",
        loss,
        "≤",
        "bound without the outliers",
        bound,
        loss <= bound * (1 + TOLERANCE) + TOLERANCE * float(np.trace(problem.lattice.gram)) / 4,
    )
