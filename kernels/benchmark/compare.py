"""Ratios and limits: how many times as fast, and how many times it could be."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kernels.benchmark.contenders import BASELINES, OURS
from kernels.benchmark.measure import Measurement

BASELINE = BASELINES[0]
OUTLIER_BITS = 32  # of an entry
SCALE_BITS = 16


def stored_bits(bits: int, group_size: int, outlier_rate: float) -> dict[str, float]:
    """Bits a weight by part, without what fills up words: codes, scales, outliers."""
    return {
        "codes": float(bits),
        "scales": SCALE_BITS / group_size,
        "outliers": OUTLIER_BITS * outlier_rate,
    }


def limit(
    dense_bytes: float, stored_bytes: float, bandwidth: float, launch_microseconds: float
) -> float:
    """How many times as fast the stored weight can be, if memory and one launch are all it takes.

    Parameters
    ----------
    dense_bytes, stored_bytes : float
        Read and written by the two products.
    bandwidth : float
        Bytes a second.
    launch_microseconds : float
        Fixed cost of either.
    """
    fixed = launch_microseconds * 1e-6
    return (dense_bytes / bandwidth + fixed) / (stored_bytes / bandwidth + fixed)


@dataclass(frozen=True)
class Results:
    """Measurements of one machine.

    Attributes
    ----------
    measurements : sequence of Measurement
    bandwidth : float
        Bytes a second, of a copy.
    launch_microseconds : float
    """

    measurements: Sequence[Measurement]
    bandwidth: float
    launch_microseconds: float

    def of_case(
        self, columns: int, rows: int, bits: int, outlier_rate: float, group_size: int
    ) -> "Results":
        """Those of one shape and way of storing, and its dense products."""
        found = [
            m
            for m in self.measurements
            if (m.columns, m.rows) == (columns, rows)
            and (
                m.contender in BASELINES
                or (m.bits, m.outlier_rate, m.group_size) == (bits, outlier_rate, group_size)
            )
        ]
        return Results(found, self.bandwidth, self.launch_microseconds)

    def baseline(self, found: Measurement, name: str = BASELINE) -> Measurement | None:
        """The dense product of the same shape and rows of x."""
        wanted = (name, found.columns, found.rows, found.rows_of_x)
        for other in self.measurements:
            if (other.contender, other.columns, other.rows, other.rows_of_x) == wanted:
                return other
        return None

    def ratio(self, found: Measurement, name: str = BASELINE) -> float | None:
        """How many times as fast as a dense product; ``None`` if that was not measured."""
        other = self.baseline(found, name)
        return other.microseconds.median / found.microseconds.median if other else None

    def limit(self, found: Measurement) -> float | None:
        """How many times as fast it could be."""
        other = self.baseline(found)
        if other is None:
            return None
        return limit(other.bytes, found.bytes, self.bandwidth, self.launch_microseconds)

    def ratios(self) -> dict[str, dict[int, float]]:
        """By contender and rows of x."""
        ratios: dict[str, dict[int, float]] = {}
        for found in self.measurements:
            value = self.ratio(found)
            if value is not None:
                ratios.setdefault(found.contender, {})[found.rows_of_x] = value
        return ratios

    def limits(self) -> dict[int, float]:
        """Of ours, by rows of x."""
        values = {found.rows_of_x: self.limit(found) for found in self.ours}
        return {m: value for m, value in values.items() if value is not None}

    @property
    def ours(self) -> Iterable[Measurement]:
        """Of the backends of this project."""
        return [found for found in self.measurements if found.contender in OURS]
