"""What part of the lattice a picture shows: steady while the target moves a little."""

from dataclasses import dataclass

import numpy as np

from lattice_core import Problem
from lattice_core.inputs import FloatArray, IntArray

MOST_REACH = {1: 60, 2: 14, 3: 3}


@dataclass(frozen=True, eq=False)
class Window:
    """A square or cube around the target.

    Attributes
    ----------
    center : (c,) array
        A lattice point near the target; it changes only when the target has gone two codes away.
    half : float
        Half the edge, in units of ‖X w‖.
    codes : (m, c) int array
        Lattice points to draw: twice as wide as the window, so that dragging finds them there.
    points : (m, c) array
    admissible : (m,) bool array
        Whether the grid has these codes.
    """

    center: FloatArray
    half: float
    codes: IntArray
    points: FloatArray
    admissible: np.ndarray


def window_around(problem: Problem) -> Window:
    """The part of the lattice to show for a problem with two or three inputs."""
    lattice = problem.lattice
    middle = 2 * np.rint(problem.babai.start / 2)
    typical = lattice.determinant ** (1 / lattice.rank)
    longest = float(np.linalg.norm(lattice.basis, axis=0).max())
    half = max(2.2 * typical, 1.5 * longest) if lattice.rank == 2 else max(1.6 * typical, longest)
    center = lattice.point(middle)
    shown = 2 * half if lattice.rank == 2 else 1.25 * half
    needed = np.ceil(shown * np.linalg.norm(np.linalg.inv(lattice.basis), axis=1).max())
    codes, points = lattice.points_near(middle, int(min(needed, MOST_REACH[lattice.rank])))
    near = np.abs(points - center).max(axis=1) <= shown
    codes, points = codes[near].astype(np.int64), points[near]
    if problem.grid is None:
        admissible = np.ones(len(codes), dtype=bool)
    else:
        admissible = ((codes >= problem.grid.low) & (codes <= problem.grid.high)).all(axis=1)
    return Window(center, half, codes, points, admissible)
