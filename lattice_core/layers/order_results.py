"""What a comparison of orders finds on one layer."""

import math
from dataclasses import asdict, dataclass

import numpy as np

from lattice_core.inputs import FloatArray, IntArray
from lattice_core.layers.layer_problem import Overflow


@dataclass(frozen=True)
class OrderResult:
    """One order, with overflowing codes clipped or kept. Losses are damped, summed over the rows.

    Attributes
    ----------
    order, overflow : str
    pivot_sum : float
        ``tr(D)``, in squared units of the inputs.
    bound : float
        ``¼ Σ D_j s_j²`` over all rows. Void where `clipped_fraction` is not 0 (law L9).
    loss : float
        ``Σ D_j s_j² (center_j − z_j)²``, what the steps added up to.
    energy : float
        ``Σ wᵀHw`` with the raw Hessian.
    clipped_fraction : float
        Of all codes, those with ``|center − code| > ½``.
    code_bits : int
        Width of the widest code; more than asked for where codes are kept beyond the grid.
    seconds : float
        To find the order, factorize and round. The scales are the same for all, and not counted.
    worst_row : float
        The largest loss of a row over the row's bound.
    rows_over_bound : int
    """

    order: str
    overflow: Overflow
    pivot_sum: float
    bound: float
    loss: float
    energy: float
    clipped_fraction: float
    code_bits: int
    seconds: float
    worst_row: float
    rows_over_bound: int

    @property
    def loss_over_bound(self) -> float:
        """About ⅓ where nothing is clipped (law L7, measured)."""
        return self.loss / self.bound

    @property
    def relative_loss(self) -> float:
        """The loss over the energy; 0 for an all-zero layer."""
        return self.loss / self.energy if self.energy > 0 else 0.0

    @property
    def relative_bound(self) -> float:
        """The bound over the energy; 0 for an all-zero layer."""
        return self.bound / self.energy if self.energy > 0 else 0.0

    def as_record(self) -> dict[str, object]:
        """Flat, for a table or a CSV file."""
        return asdict(self) | {
            "relative_loss": self.relative_loss,
            "relative_bound": self.relative_bound,
            "loss_over_bound": self.loss_over_bound,
            "bound_holds": self.clipped_fraction == 0,
        }


@dataclass(frozen=True, eq=False)
class OrderProfile:
    """The Gram-Schmidt lengths ``R_jj`` in one order, first quantized first.

    Attributes
    ----------
    order : str
    columns : (c,) int array
        The input column at each position.
    lengths : (c,) array
        In units of the inputs; 0 for a dead input.
    """

    order: str
    columns: IntArray
    lengths: FloatArray

    @property
    def log_determinant(self) -> float:
        """``Σ log D_j`` over the inputs that are not dead."""
        return float(2 * np.log(self.lengths[self.lengths > 0]).sum())


@dataclass(frozen=True)
class OrderResults:
    """All orders of a layer side by side.

    Attributes
    ----------
    rows, columns : int
        r and c of the weight.
    bits : int
        Of the grid.
    results : tuple of OrderResult
        Every order with ``"keep"``, then every order with ``"clip"``.
    log_determinant, pivot_floor : float
        As in `OrderFactors`.
    """

    rows: int
    columns: int
    bits: int
    results: tuple[OrderResult, ...]
    log_determinant: float
    pivot_floor: float

    def with_overflow(self, overflow: Overflow) -> tuple[OrderResult, ...]:
        """The results that clip, or those that keep."""
        return tuple(result for result in self.results if result.overflow == overflow)

    def result(self, order: str, overflow: Overflow) -> OrderResult:
        """One of the results."""
        return next(r for r in self.with_overflow(overflow) if r.order == order)

    def best(self, overflow: Overflow) -> OrderResult:
        """The result with the smallest loss."""
        return min(self.with_overflow(overflow), key=lambda result: result.loss)

    def as_records(self) -> list[dict[str, object]]:
        """One flat record a result, for a table or a CSV file."""
        shared = {"pivot_floor": self.pivot_floor, "bits": self.bits}
        return [result.as_record() | shared for result in self.results]


@dataclass(frozen=True, eq=False)
class OrderComparison(OrderResults):
    """All orders of a layer side by side, with their profiles.

    Attributes
    ----------
    profiles : tuple of OrderProfile
    """

    profiles: tuple[OrderProfile, ...]

    @property
    def mean_length(self) -> float:
        """Geometric mean of the Gram-Schmidt lengths, ``det^(1/2c)``; the same in every order."""
        live = int((self.profiles[0].lengths > 0).sum())
        return math.exp(self.log_determinant / (2 * live))


@dataclass(frozen=True)
class LayerOrders(OrderResults):
    """All orders of one layer of a model, small enough to keep for every layer.

    Attributes
    ----------
    layer : str
        Its name in the model.
    determinant_gap : float
        The largest ``|Σ log D_j − log det H̄|`` of the orders: rounding errors alone (law L10).
    seconds : float
        To compare the orders, and to factorize unless an earlier layer has the same inputs.
    """

    layer: str
    determinant_gap: float
    seconds: float

    @property
    def block(self) -> int:
        """The number in the layer's name; 0 if there is none."""
        return next((int(part) for part in self.layer.split(".") if part.isdigit()), 0)

    @property
    def linear(self) -> str:
        """The last part of the layer's name."""
        return self.layer.rpartition(".")[2]

    def as_records(self) -> list[dict[str, object]]:
        """One flat record a result, for a table or a CSV file."""
        place = {"block": self.block, "linear": self.linear, "layer": self.layer}
        shape = {"rows": self.rows, "columns": self.columns}
        return [place | shape | record for record in super().as_records()]
