"""The exact closest lattice vector, by exhaustion over a set that must contain it."""

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.inputs import IntArray, as_vector
from lattice_core.integer_grid import IntegerGrid
from lattice_core.lattice import Lattice
from lattice_core.nearest_plane import nearest_plane

MOST_CANDIDATES = 2_000_000


def closest_vector(
    lattice: Lattice, target: ArrayLike, grid: IntegerGrid | None = None
) -> IntArray:
    """The codes of the lattice vector closest to the target (CVP), for small c.

    Babai's answer lies within distance ρ of the target, so the optimum does too, and code j differs
    from the target's coordinate ζ_j by at most ``ρ ‖row j of B⁺‖``: all codes in that range are
    tried.

    Parameters
    ----------
    lattice : Lattice
        Basis (n, c).
    target : (n,) array
    grid : IntegerGrid, optional
        Admissible codes; ``None`` is all integers.

    Returns
    -------
    (c,) int array
        Of equally close codes, the first in lexicographic order.

    Raises
    ------
    ValueError
        If more than two million candidates would have to be tried.
    """
    point = as_vector("target", target, len(lattice.basis))
    babai = nearest_plane(lattice, point, grid=grid)
    in_span = max(babai.squared_distance - babai.distance_to_span**2, 0.0)
    reach = np.sqrt(in_span) * np.linalg.norm(np.linalg.pinv(lattice.basis), axis=1) + 1e-9
    low, high = np.ceil(babai.start - reach), np.floor(babai.start + reach)
    if grid is not None:
        low, high = np.maximum(low, grid.low), np.minimum(high, grid.high)
    magnitude = float(np.sum(np.log10(high - low + 1)))  # the product itself may overflow
    if magnitude > np.log10(MOST_CANDIDATES):
        raise ValueError(
            f"the exact closest vector would take about 10^{magnitude:.0f} candidates; at most "
            f"{MOST_CANDIDATES} are tried. Reduce the basis first (LLL), or use fewer coordinates."
        )
    ranges = [np.arange(a, b + 1, dtype=np.int64) for a, b in zip(low, high, strict=True)]
    codes = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, lattice.rank)
    distances = np.sum((codes @ lattice.basis.T - point) ** 2, axis=1)
    return codes[int(np.argmin(distances))]
