"""Where two ways of rounding disagree, exactly: lattices in the plane, all integers admissible.

Each way cuts the plane into cells, one around each lattice point, all alike. Round-off's cell is
the parallelepiped of the basis, nearest plane's the box of the Gram-Schmidt vectors (it depends on
the order), the closest point's the Voronoi cell. So two ways agree exactly on the intersections of
their cells around the same point, and disagree on those around different points: convex polygons.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from lattice_core import convex_polygon
from lattice_core.inputs import FloatArray, IntArray
from lattice_core.lattice import Lattice
from lattice_core.many_targets import vectors_within
from lattice_core.problem import Problem

Rounding = Literal["round_off", "nearest_plane", "closest"]
ROUNDINGS: tuple[Rounding, ...] = get_args(Rounding)

LEAST_SHARE = 1e-9  # of a cell: slivers below come from rounding errors
MOST_NEIGHBOURS = 20_000


@dataclass(frozen=True, eq=False)
class DisagreementRegion:
    """Targets that one rounding sends to the origin and the other to another lattice point.

    Attributes
    ----------
    polygon : (m, 2) array
        Convex, counter-clockwise, in the lattice's plane.
    codes : (2,) int array
        Where the other rounding sends them.
    """

    polygon: FloatArray
    codes: IntArray

    @property
    def area(self) -> float:
        """Its area, in the units of the lattice."""
        return convex_polygon.area(self.polygon)

    @property
    def middle(self) -> FloatArray:
        """Its centre of mass (2,)."""
        return convex_polygon.centroid(self.polygon)


def rounding_cell(
    lattice: Lattice, rounding: Rounding, order: ArrayLike | None = None
) -> FloatArray:
    """Corners (m, 2), counter-clockwise, of the targets that a rounding sends to the origin.

    Parameters
    ----------
    lattice : Lattice
        Basis (2, 2).
    rounding : {"round_off", "nearest_plane", "closest"}
    order : (2,) int array, optional
        Of nearest plane; ``None`` is back to front.

    Raises
    ------
    ValueError
        If the lattice does not lie in the plane, or the rounding is another.
    """
    if lattice.basis.shape != (2, 2):
        raise ValueError(f"cells are compared in the plane; the basis is {lattice.basis.shape}.")
    if rounding == "round_off":
        return convex_polygon.in_turn(lattice.round_off_parallelepiped())
    if rounding == "nearest_plane":
        return convex_polygon.in_turn(lattice.nearest_plane_box(order))
    if rounding == "closest":
        return lattice.voronoi_cell()
    raise ValueError(f"rounding is {rounding!r}; one of {', '.join(ROUNDINGS)} was wanted.")


def disagreement_share(
    lattice: Lattice, rounding: Rounding, other: Rounding, order: ArrayLike | None = None
) -> float:
    """The share of all targets that the two send to different points.

    What their cells around one point do not share, over the determinant, which is the area of each.

    Parameters
    ----------
    lattice : Lattice
        Basis (2, 2).
    rounding, other : {"round_off", "nearest_plane", "closest"}
    order : (2,) int array, optional
        Of nearest plane.
    """
    shared = convex_polygon.intersection(
        rounding_cell(lattice, rounding, order), rounding_cell(lattice, other, order)
    )
    share = 1 - convex_polygon.area(shared) / lattice.determinant
    return share if share > LEAST_SHARE else 0.0


def disagreement_regions(
    lattice: Lattice, rounding: Rounding, other: Rounding, order: ArrayLike | None = None
) -> tuple[DisagreementRegion, ...]:
    """The part of one rounding's cell around the origin that the other sends elsewhere.

    Parameters
    ----------
    lattice : Lattice
        Basis (2, 2).
    rounding, other : {"round_off", "nearest_plane", "closest"}
    order : (2,) int array, optional
        Of nearest plane.

    Returns
    -------
    tuple of DisagreementRegion
        The largest first, equal ones by their codes; empty where the two always agree.

    Raises
    ------
    ValueError
        If the basis is so skewed that more than twenty thousand neighbours could meet the cell.
    """
    cell = rounding_cell(lattice, rounding, order)
    piece = rounding_cell(lattice, other, order)
    reach = float(np.linalg.norm(cell, axis=1).max() + np.linalg.norm(piece, axis=1).max())
    codes = vectors_within(lattice, reach, most=MOST_NEIGHBOURS)[1:]
    shifts = codes @ lattice.basis.T
    meet = (
        (shifts + piece.min(axis=0) < cell.max(axis=0))
        & (shifts + piece.max(axis=0) > cell.min(axis=0))
    ).all(axis=1)
    found = [
        DisagreementRegion(convex_polygon.intersection(cell, piece + shift), code)
        for code, shift in zip(codes[meet], shifts[meet], strict=True)
    ]
    least = LEAST_SHARE * lattice.determinant
    regions = [region for region in found if region.area > least]
    # Regions come in pairs, mirrored at the origin: areas equal but for rounding errors.
    return tuple(
        sorted(regions, key=lambda r: (-round(r.area / lattice.determinant, 9), *r.codes.tolist()))
    )


def with_disagreement(
    problem: Problem, rounding: Rounding, other: Rounding, turn: int = 0
) -> Problem | None:
    """The problem with a target that the two roundings send to different points.

    The target is the middle of a region of disagreement near where it was, the largest region first.

    Parameters
    ----------
    problem : Problem
        With two inputs.
    rounding, other : {"round_off", "nearest_plane", "closest"}
    turn : int
        0 for the largest region, 1 for the next, and so on around.

    Returns
    -------
    Problem or None
        ``None`` where the two always agree, or where they disagree on codes that the grid lacks.
    """
    regions = disagreement_regions(problem.lattice, rounding, other, problem.order_indices)
    rooms = [(region, room) for region in regions if (room := _room(problem, region)) is not None]
    if not rooms:
        return None
    region, (low, high) = rooms[turn % len(rooms)]
    base = np.clip(problem.babai.codes, low, high)
    return problem.with_target(problem.lattice.point(base) + region.middle)


def _room(problem: Problem, region: DisagreementRegion) -> tuple[ArrayLike, ArrayLike] | None:
    """Between which codes the first rounding's answer may be, for the grid to have both answers."""
    if problem.grid is None:
        return (-np.inf, np.inf)
    low = problem.grid.low - np.minimum(region.codes, 0)
    high = problem.grid.high - np.maximum(region.codes, 0)
    return (low, high) if (low <= high).all() else None
