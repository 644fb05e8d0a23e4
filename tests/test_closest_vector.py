"""The exact closest vector against brute force over a range that provably holds the optimum."""

from itertools import product

import numpy as np
import pytest
from small_problems import assert_close, random_lattice

from lattice_core import IntegerGrid, Lattice, closest_vector, nearest_plane


def brute_force(lattice: Lattice, target: np.ndarray, grid: IntegerGrid | None) -> np.ndarray:
    """All codes in a cube around the target: a code further away than the rounded one's distance
    divided by the smallest singular value cannot be closer than it.
    """
    if grid is not None:
        ranges = [range(grid.low, grid.high + 1)] * lattice.rank
    else:
        middle = np.linalg.pinv(lattice.basis) @ target
        in_span = lattice.basis @ (np.rint(middle) - middle)
        smallest = np.linalg.svd(lattice.basis, compute_uv=False)[-1]
        reach = np.linalg.norm(in_span) / smallest
        ranges = [range(int(np.floor(m - reach)), int(np.ceil(m + reach)) + 1) for m in middle]
    codes = np.array(list(product(*ranges)))
    return codes[np.argmin(np.sum((codes @ lattice.basis.T - target) ** 2, axis=1))]


@pytest.mark.parametrize("grid", [None, IntegerGrid(1), IntegerGrid(3)], ids=str)
@pytest.mark.parametrize("extra_dimensions", [0, 2])
@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_codes_are_those_of_brute_force(size, extra_dimensions, grid, rng) -> None:
    for _ in range(10):
        lattice = random_lattice(rng, size, size + extra_dimensions, 6)
        target = 2 * rng.standard_normal(size + extra_dimensions)
        codes = closest_vector(lattice, target, grid)
        assert codes.tolist() == brute_force(lattice, target, grid).tolist()


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
def test_planted_point_is_found(size, rng) -> None:
    lattice = random_lattice(rng, size, condition=5)
    planted = rng.integers(-50, 51, size)
    # Closer than half of any vector of the lattice, which is at least the smallest singular value.
    noise = rng.standard_normal(size)
    noise *= 0.49 / 5 / np.linalg.norm(noise)
    assert closest_vector(lattice, lattice.point(planted) + noise).tolist() == planted.tolist()


def test_it_is_never_further_than_nearest_plane_and_sometimes_closer(rng) -> None:
    gains = []
    for _ in range(50):
        lattice, target = random_lattice(rng, 3, condition=20), rng.standard_normal(3)
        exact = np.sum((lattice.point(closest_vector(lattice, target)) - target) ** 2)
        gains.append(nearest_plane(lattice, target).squared_distance - exact)
    assert min(gains) > -1e-9
    assert np.mean(np.array(gains) > 1e-3) > 0.1


def test_ill_conditioned_basis_needs_codes_far_from_the_rounded_ones() -> None:
    lattice, target = Lattice([[1.0, 0.99], [0.0, 0.01]]), np.array([0.4, 0.25])
    codes = closest_vector(lattice, target)
    assert codes.tolist() == brute_force(lattice, target, None).tolist()
    assert np.abs(codes - lattice.coordinates(target)).max() > 1.5


def test_of_equally_close_codes_the_first_is_taken() -> None:
    assert closest_vector(Lattice(np.eye(2)), [0.5, 2.5]).tolist() == [0, 2]


def test_a_lattice_point_is_its_own_closest_vector(rng) -> None:
    lattice = random_lattice(rng, 4, 6)
    codes = closest_vector(lattice, lattice.point([3, -2, 0, 7]))
    assert codes.tolist() == [3, -2, 0, 7]
    assert_close(nearest_plane(lattice, lattice.point(codes)).squared_distance, 0)


@pytest.mark.parametrize("size", [30, 80])
def test_too_many_candidates_is_an_error_that_says_what_to_do(size, rng) -> None:
    lattice = random_lattice(rng, size, condition=1e5)
    with pytest.raises(ValueError, match=r"candidates.*2000000.*Reduce the basis first"):
        closest_vector(lattice, rng.standard_normal(size))
