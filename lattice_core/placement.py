"""How a lattice in the plane lies on the paper, and what dragging its basis there means.

Only the Gram matrix of the basis matters to codes and losses (law L1): a problem knows its lattice up
to a turn and a turning over. A picture chooses both, and which lattice point is its origin.
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, as_matrix, as_vector
from lattice_core.lattice import Lattice
from lattice_core.problem import Problem

# A cell of at least this share of the longer vector's square: flatter lattices make no picture.
LEAST_CELL = 0.04
DIGITS = 4  # of a dragged basis, relative to its longer vector: a pixel is coarser
FARTHEST = 3.0  # of the target from the picture's origin, in lengths of the longer basis vector


@dataclass(frozen=True)
class Placement:
    """A turn, a turning over, and the lattice point at the origin of the paper.

    Attributes
    ----------
    degrees : int
        From the paper's first axis to the first basis vector, counter-clockwise.
    mirrored : bool
        Whether the second basis vector is clockwise from the first.
    anchor : (2,) tuple of int
        Codes of the lattice point at the paper's origin.
    """

    degrees: int = 0
    mirrored: bool = False
    anchor: tuple[int, int] = (0, 0)

    @cached_property
    def matrix(self) -> FloatArray:
        """The orthogonal matrix (2, 2) from the lattice's plane to the paper."""
        angle = np.deg2rad(self.degrees)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return turn * [1.0, -1.0 if self.mirrored else 1.0]

    def basis(self, lattice: Lattice) -> FloatArray:
        """The basis vectors (columns) as they lie on the paper."""
        return np.asarray(self.matrix @ lattice.basis)

    def on_paper(self, lattice: Lattice, points: ArrayLike) -> FloatArray:
        """From points (…, 2) of the lattice's plane to the paper."""
        return np.asarray((np.asarray(points) - lattice.point(self.anchor)) @ self.matrix.T)

    def in_lattice(self, lattice: Lattice, point: ArrayLike) -> FloatArray:
        """From a point (2,) of the paper to the lattice's plane."""
        return np.asarray(as_vector("point", point, 2) @ self.matrix + lattice.point(self.anchor))

    def near_target(self, problem: Problem) -> "Placement":
        """The same, with another lattice point at the origin if the target is far from it."""
        longest = np.linalg.norm(problem.lattice.basis, axis=0).max()
        away = np.linalg.norm(problem.target - problem.lattice.point(self.anchor))
        if away <= FARTHEST * longest:
            return self
        first, second = np.rint(problem.lattice.coordinates(problem.target)).astype(int).tolist()
        return replace(self, anchor=(first, second))


def can_be_drawn(lattice: Lattice) -> bool:
    """Whether the lattice has two basis vectors, not too near one line nor too different in length."""
    return lattice.basis.shape == (2, 2) and _flatness(lattice.basis) >= LEAST_CELL


def with_basis_on_paper(
    problem: Problem, placement: Placement, basis: ArrayLike
) -> tuple[Problem, Placement]:
    """The problem whose basis lies like this on the paper, its target where it was there.

    Parameters
    ----------
    problem : Problem
        With two inputs.
    placement : Placement
        How it lies now.
    basis : (2, 2) array
        The basis vectors wanted, as columns, on the paper.

    Returns
    -------
    problem : Problem
        `Problem.with_basis`: named ``"custom"``, without damping.
    placement : Placement
        How it has to lie. The first basis vector turns by whole degrees.

    Raises
    ------
    ValueError
        If the vectors are almost parallel, or one is far shorter than the other.
    """
    drawn = as_matrix("basis", basis)
    _require_room(drawn)
    first = drawn[:, 0]
    degrees = int(np.rint(np.rad2deg(np.arctan2(first[1], first[0])))) % 360
    placed = replace(placement, degrees=degrees, mirrored=bool(np.linalg.det(drawn) < 0))
    upright = placed.matrix.T @ drawn
    upright[:, 0] = np.array([np.linalg.norm(first), 0.0])
    lengths = np.linalg.norm(drawn, axis=0)
    upright = upright.round(DIGITS - 1 - int(np.floor(np.log10(lengths.max()))))
    target = placement.on_paper(problem.lattice, problem.target)
    return problem.with_basis(upright, placed.in_lattice(Lattice(upright), target)), placed


def _require_room(basis: FloatArray) -> None:
    if _flatness(basis) >= LEAST_CELL:
        return
    shorter, longer = np.sort(np.linalg.norm(basis, axis=0))
    sine = abs(np.linalg.det(basis)) / (shorter * longer) if shorter > 0 else 1.0
    if shorter < sine * longer:
        raise ValueError(
            "one basis vector is too short beside the other: the lattice points merge into lines. "
            f"At least about {LEAST_CELL:.0%} of the other's length was wanted."
        )
    raise ValueError(
        f"the two basis vectors are almost parallel, {np.rad2deg(np.arcsin(sine)):.1f}° from one line. "
        "Then one tells hardly more than the other, and they span no lattice in the plane."
    )


def _flatness(basis: FloatArray) -> float:
    """The cell's area over the longer vector's square; 1 for a square, 0 for dependent vectors."""
    longest = float(np.linalg.norm(basis, axis=0).max())
    return abs(float(np.linalg.det(basis))) / longest**2 if longest > 0 else 0.0
