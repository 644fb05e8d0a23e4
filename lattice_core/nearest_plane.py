"""Babai's nearest plane algorithm, in the geometry in which it was stated, and his rounding.

Source: L. Babai, *On Lovász' lattice reduction and the nearest lattice point problem*,
Combinatorica 6 (1986) 1-13.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import IntArray, as_order, as_vector
from lattice_core.integer_grid import IntegerGrid, nearest_codes
from lattice_core.lattice import Lattice
from lattice_core.trace import RoundingStep, RoundingTrace


def nearest_plane_steps(
    lattice: Lattice,
    target: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> Iterator[RoundingStep]:
    """Choose the nearest of the parallel hyperplanes, project on it, and go on inside it.

    Along coordinate j the lattice lies on hyperplanes ``code · b_j + span(b_k, k not yet rounded)``,
    one for each code, ``R_jj`` apart. The arguments are those of `nearest_plane`.

    Yields
    ------
    RoundingStep
        One for each coordinate, ``order[0]`` first.
    """
    order = as_order(order, lattice.rank)
    point = as_vector("target", target, len(lattice.basis))
    directions, triangle = lattice.gram_schmidt(order)
    residual = point.copy()  # the target less the multiples of basis vectors chosen so far
    for position, index in enumerate(order):
        pivot = lattice.rank - 1 - position
        normal, spacing = directions[:, pivot], triangle[pivot, pivot]
        center = float(normal @ residual / spacing)
        code = int(nearest_codes(center, grid))
        residual -= code * lattice.basis[:, index]
        point = point - (center - code) * spacing * normal
        yield RoundingStep(
            index=int(index),
            center=center,
            code=code,
            plane_distance=float(spacing * abs(center - code)),
            coordinates=lattice.coordinates(point),
        )


def nearest_plane(
    lattice: Lattice,
    target: ArrayLike,
    order: ArrayLike | None = None,
    grid: IntegerGrid | None = None,
) -> RoundingTrace:
    """Babai's nearest plane algorithm.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    target : (n,) array
        The point to approximate, in the same units as the basis.
    order : (c,) int array, optional
        ``order[0]`` is rounded first; ``None`` is back to front, as Babai has it.
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is all integers.

    Returns
    -------
    RoundingTrace
        Codes in input order, the steps, and ``squared_distance = ‖B z − y‖²``.

    Raises
    ------
    ValueError
        If the target does not fit the basis, holds NaN, or the order is no permutation.

    Examples
    --------
    >>> trace = nearest_plane(Lattice([[1.0, 0.6], [0.0, 0.8]]), [1.4, 1.0])
    >>> trace.codes.tolist(), [round(step.center, 3) for step in trace.steps]
    ([1, 1], [1.25, 0.8])
    """
    point = as_vector("target", target, len(lattice.basis))
    start = lattice.coordinates(point)
    outside = float(np.linalg.norm(point - lattice.point(start)))
    distance_to_span = outside if lattice.rank < len(point) else 0.0
    return RoundingTrace.drain(
        start, nearest_plane_steps(lattice, target, order, grid), distance_to_span
    )


def round_off(lattice: Lattice, target: ArrayLike, grid: IntegerGrid | None = None) -> IntArray:
    """Babai's rounding: each coordinate to its nearest code at once. Round-to-nearest for weights.

    Returns
    -------
    (c,) int array
    """
    return nearest_codes(lattice.coordinates(target), grid)
