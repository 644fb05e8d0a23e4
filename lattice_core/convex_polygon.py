"""Convex polygons in the plane, as arrays (m, 2) of corners, counter-clockwise."""

import numpy as np

from lattice_core.inputs import FloatArray


def in_turn(corners: FloatArray) -> FloatArray:
    """The corners (m, 2) of a convex polygon, sorted counter-clockwise."""
    around = corners - corners.mean(axis=0)
    return corners[np.argsort(np.arctan2(around[:, 1], around[:, 0]))]


def area(polygon: FloatArray) -> float:
    """Its area; 0 for fewer than three corners."""
    return float(_crosses(polygon).sum() / 2)


def centroid(polygon: FloatArray) -> FloatArray:
    """Its centre of mass (2,), inside a convex polygon that has an area."""
    crosses = _crosses(polygon)
    sums = polygon + np.roll(polygon, -1, axis=0)
    return np.asarray(crosses @ sums / (3 * crosses.sum()))


def clip_half_plane(polygon: FloatArray, normal: FloatArray, offset: float) -> FloatArray:
    """The part with ``normal · x ≤ offset`` (Sutherland-Hodgman); no corners, (0, 2), if there is none."""
    kept: list[FloatArray] = []
    heights = polygon @ normal - offset
    for i in range(len(polygon)):
        start, end = polygon[i - 1], polygon[i]
        before, after = heights[i - 1], heights[i]
        if (before > 0) != (after > 0):
            kept.append(start + (end - start) * before / (before - after))
        if after <= 0:
            kept.append(end)
    return np.array(kept).reshape(-1, 2)


def intersection(polygon: FloatArray, other: FloatArray) -> FloatArray:
    """What two convex polygons share."""
    edges = np.roll(other, -1, axis=0) - other
    for corner, (along, up) in zip(other, edges, strict=True):
        normal = np.array([up, -along])  # outward
        polygon = clip_half_plane(polygon, normal, normal @ corner)
    return polygon


def _crosses(polygon: FloatArray) -> FloatArray:
    """Twice the signed areas of the triangles from the origin to each edge."""
    following = np.roll(polygon, -1, axis=0)
    return np.asarray(polygon[:, 0] * following[:, 1] - polygon[:, 1] * following[:, 0])
