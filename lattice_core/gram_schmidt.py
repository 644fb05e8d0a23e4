"""Gram-Schmidt one vector at a time, for drawing: what is left of each vector at each step."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import FloatArray, as_order
from lattice_core.lattice import Lattice
from lattice_core.orders import resolve_order


@dataclass(frozen=True, eq=False)
class GramSchmidtStep:
    """One vector taken into the pivot order.

    Attributes
    ----------
    index : int
        Which vector is taken, in input order.
    residuals : (n, c) array
        Before it is taken: each vector less its projection on those taken already; 0 for these.
        Column `index` is the Gram-Schmidt vector of this step.
    """

    index: int
    residuals: FloatArray

    @property
    def lengths(self) -> FloatArray:
        """(c,) lengths of the residuals."""
        return np.asarray(np.linalg.norm(self.residuals, axis=0))


def gram_schmidt_steps(
    lattice: Lattice, order: ArrayLike | None = None
) -> Iterator[GramSchmidtStep]:
    """Take the basis vectors in pivot order and project each out of those that remain.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    order : (c,) int array, optional
        Quantization order; the steps run through its **reverse**, the pivot order. ``None`` is back
        to front, so that the steps take the vectors 0, 1, ….

    Yields
    ------
    GramSchmidtStep
        One for each vector; ``order[-1]`` first.
    """
    residuals = lattice.basis.copy()
    for index in as_order(order, lattice.rank)[::-1]:
        yield GramSchmidtStep(int(index), residuals.copy())
        direction = residuals[:, index] / np.linalg.norm(residuals[:, index])
        residuals -= np.outer(direction, direction @ residuals)
        residuals[:, index] = 0.0


def min_pivot_steps(damped_hessian: ArrayLike) -> tuple[GramSchmidtStep, ...]:
    """The order ``min_pivot`` as geometry: each step takes the shortest residual (law L11).

    Parameters
    ----------
    damped_hessian : (c, c) array
        Symmetric positive definite. The vectors are the columns of its upper Cholesky factor 𝒳:
        the inputs before grid spacings, since the order is resolved on the Hessian alone.

    Returns
    -------
    tuple of GramSchmidtStep
        In pivot order; the quantization order is the reverse.

    References
    ----------
    [C] Chen et al., arXiv:2507.18553v4, Algorithm 3.
    """
    inputs = Lattice.from_hessian(damped_hessian, 1.0)
    return tuple(gram_schmidt_steps(inputs, resolve_order("min_pivot", damped_hessian)))
