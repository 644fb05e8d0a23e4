"""The lattice and the shapes around the origin that its rounding algorithms carve out."""

import dataclasses
from itertools import product

import numpy as np
import pytest
from small_problems import (
    SIZES,
    assert_close,
    lopsided_order,
    random_hessian,
    random_lattice,
    random_row,
)

from lattice_core import Lattice, nearest_plane, round_off


@pytest.fixture(params=[(1, 1), (2, 2), (3, 3), (2, 5), (6, 7)], ids=str)
def lattice(request, rng) -> Lattice:
    rank, dimension = request.param
    return random_lattice(rng, rank, dimension)


def area(corners: np.ndarray) -> float:
    """Signed area of a polygon (shoelace formula), positive when counter-clockwise."""
    x, y = corners.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def contains(corners: np.ndarray, point: np.ndarray) -> bool:
    edges = np.roll(corners, -1, axis=0) - corners
    to_point = point - corners
    return bool((edges[:, 0] * to_point[:, 1] - edges[:, 1] * to_point[:, 0] >= 0).all())


def test_basis_is_copied_and_cannot_be_changed() -> None:
    basis = np.eye(2)
    lattice = Lattice(basis)
    basis[0, 0] = 7
    assert lattice.basis.tolist() == [[1, 0], [0, 1]]
    with pytest.raises(ValueError, match="read-only"):
        lattice.basis[0, 0] = 7
    with pytest.raises(dataclasses.FrozenInstanceError):
        lattice.basis = basis


def test_point_and_coordinates_are_inverse(lattice, rng) -> None:
    coordinates = rng.standard_normal(lattice.rank)
    assert_close(lattice.coordinates(lattice.point(coordinates)), coordinates)


def test_coordinates_are_those_of_the_projection(rng) -> None:
    lattice = random_lattice(rng, 2, 5)
    point = rng.standard_normal(5)
    outside = point - lattice.point(lattice.coordinates(point))
    assert_close(lattice.basis.T @ outside, [0, 0])
    assert np.linalg.norm(outside) > 0.1


def test_basis_of_a_hessian_has_its_gram_matrix(rng) -> None:
    hessian = random_hessian(rng, 4, 1e3)
    scales = random_row(rng, 4)[1]
    lattice = Lattice.from_hessian(hessian, scales)
    assert_close(lattice.gram, scales[:, None] * hessian * scales)
    assert_close(lattice.basis[1:, 0], [0, 0, 0])


@pytest.mark.parametrize("size", SIZES)
def test_gram_schmidt_is_that_of_the_permuted_basis(size, rng) -> None:
    lattice = random_lattice(rng, size, size + 2, 1e3)
    order = lopsided_order(rng, size)
    directions, triangle = lattice.gram_schmidt(order)
    assert_close(directions @ triangle, lattice.basis[:, order[::-1]])
    assert_close(directions.T @ directions, np.eye(size))
    assert_close(np.tril(triangle, -1), np.zeros((size, size)))
    assert (np.diag(triangle) > 0).all()


def test_gram_schmidt_without_an_order_takes_the_columns_as_they_stand(rng) -> None:
    lattice = random_lattice(rng, 3)
    directions, triangle = lattice.gram_schmidt()
    assert_close(directions @ triangle, lattice.basis)
    assert_close(directions[:, 0] * triangle[0, 0], lattice.basis[:, 0])


def test_determinant_is_the_volume_whatever_the_basis(lattice, rng) -> None:
    assert_close(lattice.determinant, np.sqrt(np.linalg.det(lattice.basis.T @ lattice.basis)))
    transform = np.eye(lattice.rank) + np.triu(rng.integers(-3, 4, (lattice.rank,) * 2), 1)
    assert_close(Lattice(lattice.basis @ transform).determinant, lattice.determinant)


def test_points_near_a_center(rng) -> None:
    lattice = random_lattice(rng, 3, 4)
    codes, points = lattice.points_near([0.4, -1.4, 7.2], reach=1)
    assert sorted(map(tuple, codes)) == list(product([-1, 0, 1], [-2, -1, 0], [6, 7, 8]))
    assert_close(points, [lattice.point(code) for code in codes])


def test_box_holds_the_targets_that_nearest_plane_sends_to_the_origin(lattice, rng) -> None:
    order = lopsided_order(rng, lattice.rank)
    corners = lattice.nearest_plane_box(order)
    assert corners.shape == (2**lattice.rank, len(lattice.basis))
    origin = [0] * lattice.rank
    for corner in corners:
        assert nearest_plane(lattice, corner * (1 - 1e-6), order).codes.tolist() == origin
        assert nearest_plane(lattice, corner * (1 + 1e-6), order).codes.tolist() != origin
    # The edges at the first corner span the box; fill it evenly.
    edges = np.array([corners[2**k] - corners[0] for k in range(lattice.rank)])
    assert_close(edges @ edges.T, np.diag(np.sum(edges**2, axis=1)))
    assert_close(np.prod(np.linalg.norm(edges, axis=1)), lattice.determinant)
    for share in rng.uniform(1e-6, 1 - 1e-6, (50, lattice.rank)):
        inside = corners[0] + share @ edges
        assert nearest_plane(lattice, inside, order).codes.tolist() == origin
        for edge in edges:
            outside = inside + rng.choice([-1, 1]) * edge
            assert nearest_plane(lattice, outside, order).codes.tolist() != origin


def test_box_corners_are_numbered_by_their_signs(rng) -> None:
    lattice = random_lattice(rng, 3)
    directions, triangle = lattice.gram_schmidt([1, 2, 0])
    corners = lattice.nearest_plane_box([1, 2, 0])
    for i, signs in enumerate(product([-0.5, 0.5], repeat=3)):
        assert_close(corners[i], directions * np.diag(triangle) @ signs)


def test_parallelepiped_holds_the_targets_that_round_off_sends_to_the_origin(lattice, rng) -> None:
    corners = lattice.round_off_parallelepiped()
    origin = [0] * lattice.rank
    for corner in corners:
        assert round_off(lattice, corner * (1 - 1e-6)).tolist() == origin
        assert 0 not in round_off(lattice, corner * (1 + 1e-6))
    assert_close(sorted(map(tuple, corners)), sorted(map(tuple, -corners)))


BASES_IN_THE_PLANE = {
    "square": [[1, 0], [0, 1]],
    "hexagonal": [[1, 0.5], [0, 0.75**0.5]],
    "turned rectangle": [[0.6, -1.6], [0.8, 1.2]],
    "skewed": [[1, 0.78], [0, 0.52]],
    "long basis of a square": [[1, 3], [2, 7]],
    "tie in the reduction": [[2, 1], [0, 3]],
    "left-handed": [[0.3, 1.0], [1.1, 0.2]],
}


@pytest.mark.parametrize("basis", BASES_IN_THE_PLANE.values(), ids=BASES_IN_THE_PLANE.keys())
def test_voronoi_cell_holds_the_points_closest_to_the_origin(basis, rng) -> None:
    lattice = Lattice(basis)
    cell = lattice.voronoi_cell()
    assert_close(area(cell), lattice.determinant)
    assert_close(sorted(map(tuple, cell.round(12))), sorted(map(tuple, -cell.round(12))))
    points = lattice.points_near([0, 0], reach=15)[1]
    verdicts = set()
    for target in rng.uniform(-1.2, 1.2, (300, 2)):
        closest = points[np.argmin(np.sum((points - target) ** 2, axis=1))]
        assert contains(cell, target) == (not closest.any())
        verdicts.add(contains(cell, target))
    assert verdicts == {True, False}


def test_voronoi_cell_of_a_hexagonal_lattice_has_six_corners_at_equal_distance() -> None:
    cell = Lattice(BASES_IN_THE_PLANE["hexagonal"]).voronoi_cell()
    assert_close(np.linalg.norm(cell, axis=1), np.full(6, 3**-0.5))
