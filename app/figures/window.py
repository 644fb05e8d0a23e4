"""What part of the lattice a picture shows: steady while the target moves a little."""

from dataclasses import dataclass

import numpy as np

from lattice_core import Problem
from lattice_core.inputs import FloatArray, IntArray

MOST_REACH = {2: 14, 3: 4}


@dataclass(frozen=True, eq=False)
class View:
    """The square or cube that a picture shows.

    Attributes
    ----------
    center : (c,) array
    half : float
        Half the edge, in units of ‖X w‖.
    """

    center: FloatArray
    half: float


@dataclass(frozen=True, eq=False)
class Window(View):
    """A square or cube around the target, and what to draw in it.

    Attributes
    ----------
    center : (c,) array
        Of a raster of two thirds of `half`: it changes only when the target has left the middle
        third of the window.
    codes : (m, c) int array
        Lattice points to draw: twice as wide as the window, so that dragging finds them there.
    points : (m, c) array
    admissible : (m,) bool array
        Whether the grid has these codes.
    """

    codes: IntArray
    points: FloatArray
    admissible: np.ndarray

    def quiet_point(self, basis: FloatArray) -> FloatArray:
        """The lattice point (c,) from which the basis vectors are best drawn.

        It is near a corner, since the target is near the middle, and they end in the window.
        """
        corner = self.center - 0.9 * self.half
        tips = self.points[:, None, :] + np.vstack([np.zeros(len(corner)), basis.T])
        overhang = np.maximum(np.abs(tips - self.center).max(axis=(1, 2)) - 0.95 * self.half, 0)
        distance = np.linalg.norm(self.points - corner, axis=1)
        return self.points[int(np.argmin(distance + 10 * overhang))]


def window_around(problem: Problem, zoom: float = 1.0) -> Window:
    """The part of the lattice to show for a problem with two or three inputs.

    Parameters
    ----------
    problem : Problem
    zoom : float
        How many times as wide as by itself.
    """
    lattice = problem.lattice
    typical = lattice.determinant ** (1 / lattice.rank)
    longest = float(np.linalg.norm(lattice.basis, axis=0).max())
    half = max(1.7 * typical, 1.05 * longest) if lattice.rank == 2 else max(1.4 * typical, longest)
    half *= zoom
    raster = 2 * half / 3
    center = raster * np.rint(problem.target / raster)
    shown = 2 * half if lattice.rank == 2 else 1.3 * half
    needed = np.ceil(shown * np.linalg.norm(np.linalg.inv(lattice.basis), axis=1).max())
    reach = int(min(needed, MOST_REACH[lattice.rank]))
    codes, points = lattice.points_near(lattice.coordinates(center), reach)
    near = np.abs(points - center).max(axis=1) <= shown
    codes, points = codes[near].astype(np.int64), points[near]
    if problem.grid is None:
        admissible = np.ones(len(codes), dtype=bool)
    else:
        admissible = ((codes >= problem.grid.low) & (codes <= problem.grid.high)).all(axis=1)
    return Window(center, half, codes, points, admissible)
