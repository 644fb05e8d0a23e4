"""A case with all its contenders, checked and timed."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.benchmark.cases import Case
from kernels.benchmark.contenders import (
    WITHOUT_OUTLIERS,
    CannotRun,
    Entry,
    contenders,
)
from kernels.benchmark.timing import Timing, time_calls
from kernels.packing import PackedWeight, unpack

CHECKED_ROWS = 256  # of W, against float64
MOST_ERROR = 1e-2  # relative, with 16-bit activations


@dataclass(frozen=True)
class Measurement:
    """A contender on a case.

    Attributes
    ----------
    contender : str
    columns, rows : int
        Inputs and outputs.
    bits, outlier_rate, group_size : int, float, int
        Of the case. The 16-bit products do not depend on them.
    rows_of_x : int
        M.
    microseconds : Timing
        Of a call.
    bytes : int
        That a call reads and writes.
    error : float
        ‖y − y₆₄‖ / ‖y₆₄‖ over some rows, y₆₄ in float64 from the stored weight.
    """

    contender: str
    columns: int
    rows: int
    bits: int
    outlier_rate: float
    group_size: int
    rows_of_x: int
    microseconds: Timing
    bytes: int
    error: float

    @property
    def bandwidth(self) -> float:
        """Bytes a second."""
        return self.bytes / (self.microseconds.median * 1e-6)


@dataclass(frozen=True)
class Skipped:
    """Who could not run on a case, and why."""

    contender: str
    columns: int
    rows: int
    bits: int
    outlier_rate: float
    rows_of_x: int
    reason: str


def measure(
    case: Case,
    batches: Sequence[int],
    device: torch.device,
    *,
    dtype: torch.dtype = torch.bfloat16,
    without: Collection[str] = (),
    cancel: Callable[[], bool] = lambda: False,
) -> Iterator[Measurement | Skipped]:
    """All contenders on a case, for several numbers of rows of x.

    Parameters
    ----------
    case : Case
    batches : sequence of int
        M.
    device : torch.device
    dtype : torch.dtype
        Of x.
    without : collection of str
        Contenders to leave out.
    cancel : callable, optional
        Asked before each measurement; true ends it.

    Yields
    ------
    Measurement or Skipped

    Raises
    ------
    ValueError
        If a device has no room for the case, or a contender of ours gives a wrong result.
    """
    try:
        yield from _measure(case, batches, device, dtype, without, cancel)
    except torch.OutOfMemoryError as error:
        raise ValueError(
            f"{torch.cuda.get_device_name(device)} has no room for {case.columns} → {case.rows}: "
            f"{torch.cuda.mem_get_info(device)[0] / 2**30:.1f} GiB are free. Take a smaller shape, or "
            "end what else uses the GPU."
        ) from error


def _measure(
    case: Case,
    batches: Sequence[int],
    device: torch.device,
    dtype: torch.dtype,
    without: Collection[str],
    cancel: Callable[[], bool],
) -> Iterator[Measurement | Skipped]:
    taking_part = {n: c for n, c in contenders(device).items() if n not in without}
    if not taking_part or cancel():
        return
    packed = case.draw(device)
    exact = _Exact(packed)
    inputs = [torch.randn(m, case.columns, device=device).to(dtype) for m in batches]
    for name, contender in taking_part.items():
        try:
            entry = contender(case, packed, inputs[0])
        except Exception as problem:
            for x in inputs:
                yield _skipped(name, case, len(x), problem)
            continue
        for x in inputs:
            if cancel():
                return
            yield _one(name, entry, case, x, exact)


def _one(name: str, entry: Entry, case: Case, x: Tensor, exact: "_Exact") -> Measurement | Skipped:
    calls = entry.calls(x)
    try:
        error = exact.error(calls[0](), x, outliers=name not in WITHOUT_OUTLIERS)
        timing = time_calls(calls, x.device)
    except Exception as problem:
        return _skipped(name, case, len(x), problem)
    if not error < MOST_ERROR:
        problem = ValueError(f"{name} is off by {error:.1e} on {case}, M = {len(x)}.")
        return _skipped(name, case, len(x), problem)
    return Measurement(
        name,
        case.columns,
        case.rows,
        case.bits,
        case.outlier_rate,
        case.group_size,
        len(x),
        timing,
        entry.bytes(x),
        error,
    )


def _skipped(name: str, case: Case, rows_of_x: int, problem: Exception) -> Skipped:
    """What keeps a peer from running is told, and the others go on; faults of ours are raised."""
    told = isinstance(problem, CannotRun) or (
        name in WITHOUT_OUTLIERS and not isinstance(problem, torch.OutOfMemoryError)
    )
    if not told:
        raise problem
    reason = str(problem)
    if not isinstance(problem, CannotRun | ValueError):
        reason = f"{type(problem).__name__}: {reason}"
    case_of = (case.columns, case.rows, case.bits, case.outlier_rate)
    return Skipped(name, *case_of, rows_of_x, reason[:300])


class _Exact:
    """Products in float64 with some rows of a weight."""

    def __init__(self, packed: PackedWeight) -> None:
        codes, scales, outliers = unpack(packed)
        rows = torch.linspace(0, len(codes) - 1, min(CHECKED_ROWS, len(codes))).round().long()
        self.rows = rows.to(packed.device)
        spread = scales[self.rows].double().repeat_interleave(packed.group_size, dim=1)
        self.of_codes = spread[:, : packed.shape[1]] * codes[self.rows]
        self.weight = self.of_codes + outliers.index_select(0, self.rows).to_dense().double()

    def error(self, y: Tensor, x: Tensor, *, outliers: bool) -> float:
        y = y.double()[:, self.rows]
        exact = x.double() @ (self.weight if outliers else self.of_codes).T
        return ((y - exact).norm() / exact.norm()).item()
