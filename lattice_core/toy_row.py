"""A made-up row with a few large weights, and SSQR on it with one factor for its scale (law L19)."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from lattice_core.inputs import FloatArray, damped
from lattice_core.integer_grid import IntegerGrid
from lattice_core.lattice import Lattice
from lattice_core.outlier_row import OutlierTrace, ssqr_row
from lattice_core.scale_search import ScaleTrial, least_factor

SIZE = 14
LARGE = {3: 0.62, 9: -0.55}  # beside weights of about 0.15
DAMPING = 0.01
OUTLIER_BITS = 32  # a place and a value, 16 bits each


@dataclass(frozen=True, eq=False)
class ToyRow:
    """A row that a grid of few bits cannot hold without waste.

    Attributes
    ----------
    bits : int
        Of the grid.
    factor : float
        f, what the scale is multiplied by.
    weights : (c,) array
    damped_hessian : (c, c) array
    """

    bits: int
    factor: float = 1.0
    weights: FloatArray = field(default_factory=lambda: _weights())
    damped_hessian: FloatArray = field(default_factory=lambda: _hessian())

    @property
    def grid(self) -> IntegerGrid:
        """The codes that fit."""
        return IntegerGrid(self.bits)

    @property
    def scale(self) -> float:
        """The absmax scale times f: at f = 1 every weight fits, were it not for the errors pushed on."""
        return self.factor * float(np.abs(self.weights).max()) / (2 ** (self.bits - 1) - 0.5)

    @property
    def scales(self) -> tuple[float, ...]:
        """One scale for all weights."""
        return (self.scale,) * len(self.weights)

    @cached_property
    def lattice(self) -> Lattice:
        """``B = 𝒳 s``."""
        return Lattice.from_hessian(self.damped_hessian, self.scale)


@dataclass(frozen=True, eq=False)
class ToyRun:
    """SSQR on the row."""

    row: ToyRow
    trace: OutlierTrace

    @property
    def outlier_rate(self) -> float:
        """Of the weights, those kept aside."""
        return self.trace.outliers / len(self.row.weights)

    @property
    def bits_per_weight(self) -> float:
        """Codes and outliers; the scale is not counted."""
        return self.row.bits + OUTLIER_BITS * self.outlier_rate

    @property
    def loss(self) -> float:
        """``(v − w)ᵀ H̄ (v − w)``."""
        error = self.trace.values - self.row.weights
        return float(error @ self.row.damped_hessian @ error)


def toy_run(bits: int, factor: float, ssqr: Callable[..., OutlierTrace] = ssqr_row) -> ToyRun:
    """The row settled back to front.

    Parameters
    ----------
    bits : int
    factor : float
    ssqr : callable
        `ssqr_row`, or one from a wrong world.
    """
    row = ToyRow(bits, factor)
    trace = ssqr(row.damped_hessian, row.weights, row.scales, grid=row.grid)
    return ToyRun(row, trace)


def toy_search(bits: int, outliers: int) -> tuple[ToyRun, tuple[ScaleTrial, ...]]:
    """The least factor that leaves at most so many outliers, and what was tried to find it."""
    return least_factor(lambda factor: toy_run(bits, factor), outliers / SIZE)


def toy_outlier_curve(bits: int, factors: FloatArray) -> list[ToyRun]:
    """A run with each of these factors."""
    return [toy_run(bits, float(factor)) for factor in factors]


def _weights() -> FloatArray:
    weights = 0.15 * np.random.default_rng(5).standard_normal(SIZE)
    weights[list(LARGE)] = list(LARGE.values())
    return weights.round(3)


def _hessian() -> FloatArray:
    rng = np.random.default_rng(6)
    mixing = np.eye(SIZE) + 0.35 * rng.standard_normal((SIZE, SIZE))
    inputs = rng.standard_normal((4 * SIZE, SIZE)) @ mixing / np.sqrt(4 * SIZE)
    return damped(inputs.T @ inputs, DAMPING)
