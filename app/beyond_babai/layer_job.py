"""K-best on a whole layer as background work, some rows at a time. Nothing here calls streamlit's elements."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import cached
from app.background_job import Job

if TYPE_CHECKING:
    from torch import Tensor

SIZE = 576  # inputs and outputs: an attention layer of the packaged model
ROWS = 48  # between two looks at Cancel
MESSAGE = "K-best on a whole layer."


@dataclass(frozen=True)
class RowsDone:
    """Some rows of the layer.

    Attributes
    ----------
    rows : int
    babai, found : float
        Summed damped losses of nearest plane and of K-best.
    better : int
        Rows in which K-best found other codes with less loss.
    seconds : float
    """

    rows: int
    babai: float
    found: float
    better: int
    seconds: float


def layer_job(k: int) -> Job | None:
    """The job with this K, if anyone has started it."""
    return cached.background_jobs().get(_key(k))


def start_layer(k: int) -> Job:
    """Start it, join it, or start it anew if it failed or was cancelled."""
    return cached.background_jobs().start(_key(k), layer_work(k))


def layer_work(k: int) -> Callable[[Job], int]:
    """Work that fills the job's parts with rows; returns how many are done."""

    def work(job: Job) -> int:
        import torch

        from lattice_core.benchmark.layers import layer
        from lattice_core.layers.k_best import k_best_rounding
        from lattice_core.layers.solver import factorize, round_columns

        job.parts.clear()  # a run begins anew, whatever one that was cancelled has left
        job.report(MESSAGE, 0, SIZE)
        made = layer(SIZE, SIZE, torch.float64, "cpu")
        factor = factorize(made.damped_hessian, made.order)
        pieces = zip(made.weight.split(ROWS), made.scales.split(ROWS), strict=True)
        done = 0
        for weight, scales in pieces:
            if job.cancelled:
                break
            began = time.perf_counter()
            babai, found = (
                _losses(weight, made.damped_hessian, scales, rounding.codes)
                for rounding in (
                    round_columns(weight, factor, scales, None),
                    k_best_rounding(weight, factor, scales, None, k=k),
                )
            )
            seconds = time.perf_counter() - began
            done += len(weight)
            job.parts.append(
                RowsDone(
                    len(weight),
                    float(babai.sum()),
                    float(found.sum()),
                    int((found < babai * (1 - 1e-9)).sum()),
                    seconds,
                )
            )
            job.report(MESSAGE, done, SIZE)
        return done

    return work


def _losses(
    weight: "Tensor", damped_hessian: "Tensor", scales: "Tensor", codes: "Tensor"
) -> "Tensor":
    error = scales * codes - weight
    return ((error @ damped_hessian) * error).sum(dim=1)


def _key(k: int) -> tuple[object, ...]:
    return ("k_best", SIZE, k)
