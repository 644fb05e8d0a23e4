"""Rotating the inputs: the same layer, the same volume, other arrows to round along.

With an orthonormal Q the layer ``y = X w`` is also ``y = (X Q)(Qᵀ w)``. Before rounding nothing has
changed. But the Hessian is now ``Qᵀ H Q`` and the row ``Qᵀ w``: other pivots, another largest weight.
"""

from dataclasses import dataclass, replace

import numpy as np

from lattice_core.bounds import absolute_bound, bound_floor
from lattice_core.gptq import gptq
from lattice_core.inputs import FloatArray
from lattice_core.laws import TOLERANCE, LawCheck
from lattice_core.orders import ORDERS, resolve_order
from lattice_core.problem import Problem


def mixing_matrix(size: int) -> FloatArray:
    """The discrete Hartley matrix ``cas(2π jk / c) / √c``, ``cas = cos + sin``; (c, c), orthonormal.

    For 1, 2 and 4 inputs all its entries are ``±1/√c``: a Hadamard matrix. For 3, 5 and 6 no Hadamard
    matrix exists; this one still mixes every input into every other, if not in equal parts.
    """
    angle = 2 * np.pi / size * np.outer(np.arange(size), np.arange(size))
    return np.asarray((np.cos(angle) + np.sin(angle)) / np.sqrt(size))


def is_hadamard(matrix: FloatArray) -> bool:
    """Whether all entries of an orthonormal (c, c) matrix have the same size."""
    return bool(np.allclose(np.abs(matrix), 1 / np.sqrt(len(matrix))))


def common_scale(problem: Problem) -> float:
    """The geometric mean of the scales: as one spacing for all it spans the same volume."""
    return float(np.exp(np.mean(np.log(problem.scales))))


def rotated(problem: Problem) -> Problem:
    """The problem seen through rotated inputs, `mixing_matrix` of its size.

    A rotated weight is a mixture of all weights, so it cannot keep the scale of one of them: all have
    `common_scale`. The damping is the same, for the trace is.

    Raises
    ------
    ValueError
        Where the rotated numbers are beyond what a `Problem` takes.
    """
    mixing = mixing_matrix(problem.size)
    hessian = mixing.T @ np.array(problem.hessian) @ mixing
    return replace(
        problem,
        hessian=tuple(map(tuple, ((hessian + hessian.T) / 2).tolist())),
        weights=tuple((mixing.T @ np.array(problem.weights)).tolist()),
        scales=(common_scale(problem),) * problem.size,
        name="custom",
        seed=None,
    )


@dataclass(frozen=True)
class RotationSide:
    """What a rotation keeps and what it changes, on one side of it.

    Attributes
    ----------
    determinant : float
        ``det H̄``.
    floor : float
        Of the bound, over all orders (law L10).
    bounds : dict of float
        ``¼ Σ D_j s_j²`` by order, a key of `ORDERS`.
    largest_weight : float
    absmax_scale : float or None
        ``max|w| / (2^(b−1) − ½)``, one for the row; ``None`` without a grid, as what follows.
    clipped : int or None
        Codes that GPTQ clips at that scale, in the problem's order.
    loss : float or None
        The damped loss of that run.
    """

    determinant: float
    floor: float
    bounds: dict[str, float]
    largest_weight: float
    absmax_scale: float | None
    clipped: int | None
    loss: float | None


def rotation_side(problem: Problem) -> RotationSide:
    """Measure a problem, rotated or not."""
    hessian, scales = problem.damped_hessian, problem.scales
    largest = float(np.abs(problem.weights).max())
    scale = clipped = loss = None
    if problem.grid is not None:
        scale = largest / (problem.grid.high + 0.5) if largest else 1.0
        run = gptq(hessian, problem.weights, scale, problem.order_indices, problem.grid)
        clipped = sum(step.clipped for step in run.steps)
        loss = run.squared_distance
    return RotationSide(
        determinant=float(np.linalg.det(hessian)),
        floor=bound_floor(hessian, scales),
        bounds={
            name: absolute_bound(hessian, scales, resolve_order(name, hessian)) for name in ORDERS
        },
        largest_weight=largest,
        absmax_scale=scale,
        clipped=clipped,
        loss=loss,
    )


def rotation_keeps_the_floor(before: Problem, after: Problem) -> LawCheck:
    """L10 across a rotation: determinant, floor, and the output's size before rounding."""
    left, right = (
        np.array(
            [
                np.linalg.det(side.damped_hessian),
                bound_floor(side.damped_hessian, side.scales),
                side.loss_of(np.zeros(side.size)),
            ]
        )
        for side in (before, after)
    )
    return LawCheck(
        "L10",
        "A rotation leaves the volume as it is",
        r"With an orthonormal $Q$, $X w = (XQ)(Q^\top w)$: before rounding nothing changes. The determinant "
        r"stays, so the floor of the bound stays, and so does $w^\top \bar H w$. Only what lies between the "
        "floor and the bound can change.",
        "determinant of a product",
        r"$\det\bar H$, floor, $w^\top \bar H w$ as they are",
        left,
        "=",
        "the same, rotated",
        right,
        bool(np.all(np.abs(left - right) <= TOLERANCE * np.maximum(np.abs(left), np.abs(right)))),
    )
