"""Random Hessians and orders that tests of the small core draw from, and what "equal" means there.

Oracles live beside the tests that use them; here is only what several files need.
"""

import numpy as np

from lattice_core import IntegerGrid, Lattice, RoundingTrace

SIZES = (1, 2, 3, 4, 5, 6, 7, 63)
CONDITIONS = (1.0, 1e3, 1e6)
GRIDS = (None, IntegerGrid(2), IntegerGrid(4))


def assert_close(actual, desired) -> None:
    """The one tolerance of these tests."""
    np.testing.assert_allclose(actual, desired, rtol=1e-7, atol=1e-9)


def assert_same_steps(actual: RoundingTrace, desired: RoundingTrace) -> None:
    """The same indices, centres, codes and moved targets; only an exact tie may part the two."""
    for ours, theirs in zip(actual.steps, desired.steps, strict=True):
        assert ours.index == theirs.index
        assert_close(ours.center, theirs.center)
        assert_close(ours.plane_distance, theirs.plane_distance)
        if ours.code != theirs.code:
            assert_close(abs(ours.center - np.floor(ours.center)), 0.5)
            return
        assert_close(ours.coordinates, theirs.coordinates)
    assert_close(actual.squared_distance, desired.squared_distance)


def random_hessian(rng: np.random.Generator, size: int, condition: float = 10.0) -> np.ndarray:
    """Symmetric positive definite with eigenvalues spread evenly (in logarithm) from 1 down."""
    rotation = np.linalg.qr(rng.standard_normal((size, size)))[0]
    hessian = rotation * np.geomspace(1, 1 / condition, size) @ rotation.T
    return (hessian + hessian.T) / 2


def random_lattice(
    rng: np.random.Generator, rank: int, dimension: int | None = None, condition: float = 10.0
) -> Lattice:
    """A basis with singular values from 1 down to 1/condition."""
    directions = np.linalg.qr(rng.standard_normal((dimension or rank, rank)))[0]
    rotation = np.linalg.qr(rng.standard_normal((rank, rank)))[0]
    return Lattice(directions * np.geomspace(1, 1 / condition, rank) @ rotation)


def random_row(rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights and scales, a different one for each; with 2 bits about a third are clipped."""
    return rng.standard_normal(size), rng.uniform(0.2, 0.5, size)


def lopsided_order(rng: np.random.Generator, size: int) -> np.ndarray:
    """A random order that is not its own inverse and, from size 4 on, whose reverse is not either.

    So a test that uses it fails where an order is mistaken for its inverse. Below 3 there is none.
    """
    while True:
        order = rng.permutation(size)
        told_apart = not is_its_own_inverse(order)
        if size > 3:
            told_apart &= not is_its_own_inverse(order[::-1])
        if told_apart or size < 3:
            return order


def is_its_own_inverse(order: np.ndarray) -> bool:
    """Whether confusing the order with ``argsort(order)`` would go unnoticed."""
    return np.array_equal(order, np.argsort(order))


def loss(hessian: np.ndarray, error: np.ndarray) -> float:
    """``(q − w)ᵀ H (q − w)``."""
    return float(error @ hessian @ error)
