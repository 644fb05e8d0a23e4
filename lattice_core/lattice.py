"""A lattice given by a basis, and the shapes that its rounding algorithms carve out of space."""

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.convex_polygon import clip_half_plane, in_turn
from lattice_core.inputs import (
    FloatArray,
    as_damped_hessian,
    as_matrix,
    as_order,
    as_scales,
    as_vector,
)


@dataclass(frozen=True, eq=False)
class Lattice:
    """All integer combinations ``B z`` of the columns of a basis.

    Parameters
    ----------
    basis : (n, c) array
        Basis vectors are **columns** (fpylll has them as rows). n ≥ c, linearly independent.

    Raises
    ------
    ValueError
        If the basis is not a finite matrix, has more columns than rows, or if its columns are
        dependent to working precision (the message gives the offending length ratio).
    """

    basis: FloatArray

    def __post_init__(self) -> None:
        basis = as_matrix("basis", self.basis)
        n, c = basis.shape
        if c > n:
            raise ValueError(
                f"basis has shape {basis.shape}: {c} columns in {n} dimensions are dependent. "
                "Basis vectors are columns; transpose if yours are rows."
            )
        lengths = np.linalg.norm(basis, axis=0)
        smallest = np.abs(np.diag(np.linalg.qr(basis, mode="r"))) / np.where(
            lengths > 0, lengths, 1
        )
        if smallest.min() < 1e-10:
            worst = int(np.argmin(smallest))
            raise ValueError(
                f"basis column {worst} depends on the columns before it: what is left of it after "
                f"projecting them out is {smallest[worst]:.1e} of its length. Remove it, or damp the Hessian."
            )
        basis.setflags(write=False)
        object.__setattr__(self, "basis", basis)

    @classmethod
    def from_hessian(cls, damped_hessian: ArrayLike, scales: ArrayLike) -> "Lattice":
        """The layer's lattice ``B = 𝒳 diag(s)``, with 𝒳 the upper Cholesky factor of the Hessian.

        Any 𝒳 with ``𝒳ᵀ𝒳 = damped_hessian`` gives the same codes and losses (law L1); this one puts
        the first basis vector on the first axis.
        """
        matrix = as_damped_hessian(damped_hessian)
        return cls(np.linalg.cholesky(matrix).T * as_scales(scales, len(matrix)))

    @property
    def rank(self) -> int:
        """The number of basis vectors, c."""
        return int(self.basis.shape[1])

    @cached_property
    def gram(self) -> FloatArray:
        """``BᵀB``, (c, c)."""
        return self.basis.T @ self.basis

    @property
    def determinant(self) -> float:
        """The volume of a cell, √det(BᵀB): the same for every basis of the lattice."""
        return float(np.prod(np.abs(np.diag(np.linalg.qr(self.basis, mode="r")))))

    @property
    def orthogonality_defect(self) -> float:
        """``Π ‖b_j‖ / det``, at least 1 (Hadamard); 1 for an orthogonal basis. No order enters.

        Each Gram-Schmidt length is at most its vector's. So every order has
        ``Σ D_j s_j² ≤ Σ ‖b_j‖²``, which for vectors of one length is ``defect^(2/c)`` times the
        floor of law L10: the defect says how much the order can matter at most.
        """
        lengths = np.linalg.norm(self.basis, axis=0)
        return float(np.prod(lengths / np.abs(np.diag(np.linalg.qr(self.basis, mode="r")))))

    def point(self, coordinates: ArrayLike) -> FloatArray:
        """``B ζ``: from coordinates (c,) in units of the basis vectors to a point (n,)."""
        return self.basis @ as_vector("coordinates", coordinates, self.rank)

    def coordinates(self, point: ArrayLike) -> FloatArray:
        """The coordinates (c,) of a point's orthogonal projection on the span of the basis."""
        target = as_vector("point", point, len(self.basis))
        return np.asarray(np.linalg.lstsq(self.basis, target, rcond=None)[0], dtype=np.float64)

    def gram_schmidt(self, order: ArrayLike | None = None) -> tuple[FloatArray, FloatArray]:
        """``B[:, p] = Q R`` for the pivot order p, the reverse of the quantization order.

        Parameters
        ----------
        order : (c,) int array, optional
            Quantization order; ``None`` is back to front, so that p = 0, 1, ….

        Returns
        -------
        directions : (n, c) array
            Q: orthonormal columns; ``Q[:, i] * R[i, i]`` is the Gram-Schmidt vector of column p[i].
        triangle : (c, c) array
            R: upper triangular with positive diagonal.
        """
        pivot_order = as_order(order, self.rank)[::-1]
        directions, triangle = np.linalg.qr(self.basis[:, pivot_order])
        signs = np.sign(np.diag(triangle))
        return directions * signs, triangle * signs[:, None]

    def points_near(self, center: ArrayLike, reach: int) -> tuple[FloatArray, FloatArray]:
        """Lattice points whose codes differ from ``round(center)`` by at most `reach` each.

        Returns
        -------
        codes : ((2·reach + 1)^c, c) array
        points : ((2·reach + 1)^c, n) array
        """
        middle = np.rint(as_vector("center", center, self.rank))
        offsets = np.array(list(product(range(-reach, reach + 1), repeat=self.rank)), dtype=float)
        codes = middle + offsets
        return codes, codes @ self.basis.T

    def nearest_plane_box(self, order: ArrayLike | None = None) -> FloatArray:
        """Corners of the box of targets that nearest plane sends to the origin.

        Returns
        -------
        (2^c, n) array
            Row i has sign −½ or +½ on direction k by bit c−1−k of i; edges are the Gram-Schmidt lengths.
        """
        directions, triangle = self.gram_schmidt(order)
        return _corners(directions * np.diag(triangle))

    def round_off_parallelepiped(self) -> FloatArray:
        """Corners (2^c, n) of the cell of targets that plain rounding sends to the origin."""
        return _corners(self.basis)

    def voronoi_cell(self) -> FloatArray:
        """Corners (m, 2), counter-clockwise, of the plane region closer to 0 than to any other point.

        Two-dimensional lattices only: the cell is cut out by the bisectors of the shortest basis.
        """
        if self.basis.shape != (2, 2):
            raise ValueError(
                f"the Voronoi cell is drawn for a (2, 2) basis; this one is {self.basis.shape}."
            )
        a, b = self._shortest_pair().T
        cell = in_turn(_corners(4 * np.column_stack([a, b])))
        for neighbour in (a, -a, b, -b, a + b, -a - b, a - b, b - a):
            cell = clip_half_plane(cell, neighbour, neighbour @ neighbour / 2)
        return in_turn(cell)

    def _shortest_pair(self) -> FloatArray:
        """A Lagrange-reduced basis, in which the neighbours of 0 are ±a, ±b and ±a±b."""
        a, b = self.basis.T
        while True:
            if a @ a > b @ b:
                a, b = b, a
            steps = np.rint((a @ b) / (a @ a))
            if steps == 0:
                return np.column_stack([a, b])
            b = b - steps * a


def _corners(edges: FloatArray) -> FloatArray:
    """Corners (2^c, n) of the parallelepiped centred at 0 with the given edges (n, c)."""
    signs = np.array(list(product((-0.5, 0.5), repeat=edges.shape[1])))
    return signs @ edges.T
