"""The small problem that all lessons share: one row of a layer with two to six inputs.

A `Problem` is everything that a page, a link or a notebook needs to reproduce a picture. Arrays are
kept as tuples, so that problems can be compared, hashed and written down.
"""

import json
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike

from lattice_core.gptq import gptq
from lattice_core.inputs import (
    FloatArray,
    IntArray,
    as_damped_hessian,
    as_matrix,
    as_scales,
    as_symmetric,
    as_vector,
    damped,
)
from lattice_core.integer_grid import IntegerGrid
from lattice_core.lattice import Lattice
from lattice_core.nearest_plane import nearest_plane
from lattice_core.orders import resolve_order
from lattice_core.trace import RoundingTrace

MOST_INPUTS = 6
MOST_SPACINGS = 1e6
LEAST, MOST = 1e-12, 1e12
MOST_UNLIKE = (
    1e9  # of the longest basis vector over the shortest: beyond it codes are no exact floats
)
DIGITS = 9  # of what is made from a basis, so that links stay short


@dataclass(frozen=True)
class Problem:
    """One row of weights, the Hessian of its inputs, and how to quantize it.

    Parameters
    ----------
    hessian : c tuples of c floats
        Raw ``XᵀX``, before damping.
    weights, scales : c floats
        The row, and the grid spacing of each weight.
    order : str
        A key of `lattice_core.orders.ORDERS`.
    bits : int or None
        Width of the integer grid; ``None`` is no clipping.
    damping : float
        λ, relative to the mean of the diagonal.
    name : str
        A key of `PRESETS`, ``"random"`` or ``"custom"``.
    seed : int or None
        What a random problem was drawn from.

    Raises
    ------
    ValueError
        If the parts do not fit together or the damped Hessian is not positive definite.
    """

    hessian: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    scales: tuple[float, ...]
    order: str = "back_to_front"
    bits: int | None = None
    damping: float = 0.0
    name: str = "custom"
    seed: int | None = None

    def __post_init__(self) -> None:
        matrix = as_symmetric("hessian", self.hessian)
        c = len(matrix)
        if c > MOST_INPUTS:
            raise ValueError(f"a problem has at most {MOST_INPUTS} inputs; {c} came.")
        object.__setattr__(self, "hessian", _tuples(matrix))
        object.__setattr__(self, "weights", _tuple(as_vector("weights", self.weights, c)))
        object.__setattr__(self, "scales", _tuple(as_scales(self.scales, c)))
        _require_range("hessian's diagonal", np.diag(matrix))
        _require_range("scales", np.array(self.scales))
        farthest = float(np.max(np.abs(np.divide(self.weights, self.scales))))
        if farthest > MOST_SPACINGS:
            raise ValueError(
                f"a weight is {farthest:.3g} times its scale; at most {MOST_SPACINGS:g} grid spacings "
                "can be shown with their fractions."
            )
        damped_matrix = damped(matrix, self.damping)
        if self.damping > MOST:
            raise ValueError(
                f"damping is {self.damping:g}; at most {MOST:g} was wanted (0.01 is usual)."
            )
        damped_matrix = as_damped_hessian(damped_matrix)
        resolve_order(self.order, damped_matrix)
        _require_like_lengths(np.sqrt(np.diag(damped_matrix)) * np.array(self.scales))
        if self.bits is not None:
            IntegerGrid(self.bits)

    @property
    def size(self) -> int:
        """The number of inputs, c."""
        return len(self.weights)

    @cached_property
    def damped_hessian(self) -> FloatArray:
        """``H + λ̄I``, (c, c)."""
        return damped(self.hessian, self.damping)

    @cached_property
    def lattice(self) -> Lattice:
        """``B = 𝒳 diag(s)`` with the upper Cholesky factor 𝒳 of the damped Hessian."""
        return Lattice.from_hessian(self.damped_hessian, self.scales)

    @cached_property
    def target(self) -> FloatArray:
        """``y = 𝒳 w``, (c,)."""
        return self.lattice.point(np.divide(self.weights, self.scales))

    @property
    def grid(self) -> IntegerGrid | None:
        """The integer grid, or ``None`` for no clipping."""
        return None if self.bits is None else IntegerGrid(self.bits)

    @cached_property
    def order_indices(self) -> IntArray:
        """The order's index array, resolved on the damped Hessian; ``[0]`` is quantized first."""
        return resolve_order(self.order, self.damped_hessian)

    @cached_property
    def babai(self) -> RoundingTrace:
        """Nearest plane on the lattice."""
        return nearest_plane(self.lattice, self.target, self.order_indices, self.grid)

    @cached_property
    def gptq(self) -> RoundingTrace:
        """GPTQ on the damped Hessian, same order."""
        return gptq(self.damped_hessian, self.weights, self.scales, self.order_indices, self.grid)

    def loss_of(self, codes: ArrayLike) -> float:
        """Damped loss ``(q − w)ᵀ H̄ (q − w)`` of these codes (c,), from the weights themselves."""
        error = np.asarray(codes) * np.array(self.scales) - np.array(self.weights)
        return float(error @ self.damped_hessian @ error)

    def with_target(self, point: ArrayLike) -> "Problem":
        """The problem whose weights put the target at this point (c,) of the lattice's space."""
        return replace(self, weights=self.lattice.coordinates(point) * np.array(self.scales))

    def with_basis(self, basis: ArrayLike, target: ArrayLike) -> "Problem":
        """The problem with the lattice of this basis, up to an orthogonal map, and this target.

        The scales stay. The basis is that of the damped Hessian, so that the damping has to be fixed
        for there to be one raw Hessian: it is 0.

        Parameters
        ----------
        basis : (c, c) array
            Basis vectors are columns.
        target : (c,) array
            In the space of this basis.
        """
        lattice = Lattice(as_matrix("basis", basis))
        inputs = lattice.basis / np.array(self.scales)
        return replace(
            self,
            hessian=_tuples(_shortened(inputs.T @ inputs)),
            weights=_tuple(_shortened(lattice.coordinates(target) * np.array(self.scales))),
            damping=0.0,
            name="custom",
            seed=None,
        )


@dataclass(frozen=True)
class Preset:
    """A problem worth looking at, with the reason."""

    title: str
    about: str
    problem: Problem
    provenance: str = ""


def random_problem(size: int, seed: int) -> Problem:
    """A seeded problem: correlated Gaussian inputs, Gaussian weights, absmax scale for 3 bits.

    Parameters
    ----------
    size : int
        2 … 6 inputs.
    seed : int
        Of ``numpy.random.default_rng``.
    """
    if not 2 <= size <= MOST_INPUTS:
        raise ValueError(f"size is {size}; 2 … {MOST_INPUTS} inputs were wanted.")
    rng = np.random.default_rng(seed)
    mixing = np.eye(size) + 0.6 * rng.standard_normal((size, size))
    inputs = rng.standard_normal((4 * size, size)) @ mixing / np.sqrt(4 * size)
    weights = rng.standard_normal(size)
    scale = np.abs(weights).max() / 3.5  # absmax for 3 bits: max|w| / (2^(b−1) − ½)
    return Problem(
        hessian=_tuples((inputs.T @ inputs).round(6)),
        weights=_tuple(weights.round(6)),
        scales=(float(scale.round(6)),) * size,
        damping=0.01,
        name="random",
        seed=seed,
    )


def _from_basis(
    name: str, basis: ArrayLike, codes: ArrayLike, scales: ArrayLike, **settings: object
) -> Problem:
    """The problem whose lattice has this basis (c, c) and whose target has these coordinates."""
    spacings = np.asarray(scales, dtype=np.float64)
    inputs = np.asarray(basis, dtype=np.float64) / spacings
    return Problem(
        hessian=_tuples((inputs.T @ inputs).round(9)),
        weights=_tuple((np.asarray(codes) * spacings).round(9)),
        scales=_tuple(spacings),
        name=name,
        **settings,  # type: ignore[arg-type]
    )


def _real_slices() -> dict[str, Preset]:
    """Two and three inputs of a real layer, shipped as numbers (see real_slices.json)."""
    text = files("lattice_core").joinpath("real_slices.json").read_text(encoding="utf-8")
    recorded = json.loads(text)
    presets = {}
    for entry in recorded["slices"]:
        problem = Problem(
            hessian=_tuples(np.array(entry["hessian"])),
            weights=_tuple(np.array(entry["weights"])),
            scales=_tuple(np.array(entry["scales"])),
            damping=0.01,
            name=entry["name"],
        )
        inputs = ", ".join(str(i) for i in entry["inputs"])
        presets[entry["name"]] = Preset(
            title=f"{len(entry['inputs'])} inputs of a real layer",
            about=(
                f"Row {entry['row']} and inputs {inputs} of {entry['layer']} in "
                f"{recorded['model']}, with the Hessian of {recorded['tokens']:,} tokens of text."
            ),
            problem=problem,
            provenance=f"Recorded {recorded['date']} with `{recorded['command']}`.",
        )
    return presets


def _require_range(name: str, values: FloatArray) -> None:
    wrong = values[(values != 0) & ((values < LEAST) | (values > MOST))]
    if wrong.size:
        raise ValueError(
            f"{name} holds {wrong[0]:g}; numbers from {LEAST:g} to {MOST:g} were wanted. "
            "Measure inputs or weights in another unit."
        )


def _require_like_lengths(lengths: FloatArray) -> None:
    if lengths.max() > MOST_UNLIKE * lengths.min():
        raise ValueError(
            f"one basis vector is {lengths.max() / lengths.min():.3g} times as long as another; at most "
            f"{MOST_UNLIKE:g} times was wanted. Choose scales that suit the inputs."
        )


def _shortened(values: FloatArray) -> FloatArray:
    """Rounded to some digits of the largest."""
    largest = float(np.abs(values).max())
    return values.round(DIGITS - int(np.ceil(np.log10(largest)))) if largest > 0 else values


def _tuple(vector: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in vector)


def _tuples(matrix: FloatArray) -> tuple[tuple[float, ...], ...]:
    return tuple(_tuple(row) for row in matrix)


PRESETS: dict[str, Preset] = {
    "skewed": Preset(
        "Skewed",
        "The two inputs are strongly correlated. Rounding each weight by itself fails.",
        _from_basis("skewed", [[1.0, 0.78], [0.0, 0.52]], [0.52, 0.71], [0.5, 0.5]),
    ),
    "nearly_orthogonal": Preset(
        "Nearly orthogonal",
        "The two inputs are almost uncorrelated. All methods agree for most targets.",
        _from_basis("nearly_orthogonal", [[1.0, 0.12], [0.0, 0.93]], [1.3, 0.72], [0.5, 0.5]),
    ),
    "order_matters": Preset(
        "Order matters",
        "The same target lands on different points when the weights are rounded in another order.",
        _from_basis("order_matters", [[1.0, 0.36], [0.0, 0.42]], [0.72, 0.56], [0.5, 0.5]),
    ),
    "clipping_bites": Preset(
        "Clipping bites",
        "Two bits leave four codes. The weight rounded last needs one that does not exist.",
        _from_basis("clipping_bites", [[1.0, 0.7], [0.0, 0.55]], [1.35, 1.28], [0.5, 0.5], bits=2),
    ),
    "far_from_best": Preset(
        "Far from the best",
        "The spacings are 10 and 1. A wrong choice at the short step costs half of the long one.",
        _from_basis("far_from_best", [[10.0, 4.98], [0.0, 1.0]], [-0.25, 0.502], [0.5, 0.5]),
    ),
    "three_inputs": Preset(
        "Three inputs",
        "Planes, then lines in the nearest plane, then points on the nearest line.",
        _from_basis(
            "three_inputs",
            [[1.0, 0.45, 0.30], [0.0, 0.85, 0.38], [0.0, 0.0, 0.75]],
            [0.49, 1.29, -0.92],
            [0.5, 0.5, 0.5],
        ),
    ),
    "three_orders": Preset(
        "Three inputs, order matters",
        "All four orders differ here. They end on three different points.",
        _from_basis(
            "three_orders",
            [[1.02, 0.35, 0.79], [0.0, 0.78, 0.38], [0.0, 0.0, 0.71]],
            [-0.43, 0.44, 0.65],
            [0.5, 0.5, 0.5],
        ),
    ),
    **_real_slices(),
}
