"""BKZ as background work, tour by tour. Nothing here calls streamlit's elements."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from app import cached
from app.background_job import Job
from lattice_core.bkz import BlockReduction, Ending, bkz_tours
from lattice_core.lattice import Lattice
from lattice_core.reduction import ReductionCancelled
from lattice_core.reduction_contest import Contender, judged_reduction, min_pivot_basis

MOST_TOURS = 8
MOST_SECONDS = 30
MESSAGE = "BKZ, after LLL."
ENDINGS: dict[Ending, str] = {
    "finished": "a last tour changed nothing",
    "tours": f"stopped after the {MOST_TOURS} tours allowed",
    "seconds": f"stopped after the {MOST_SECONDS} seconds allowed",
    "": "not at its end",
}


@dataclass(frozen=True)
class BKZAsked:
    """Which lattice, and how to reduce it."""

    kind: str
    size: int
    block_size: int
    delta: float

    @property
    def key(self) -> tuple[object, ...]:
        """What the result depends on."""
        return ("bkz", self.kind, self.size, self.block_size, self.delta)


@dataclass(frozen=True, eq=False)
class Tour:
    """The basis after a tour, 0 for LLL alone."""

    number: int
    insertions: int
    ended: Ending
    contender: Contender


def bkz_job(asked: BKZAsked) -> Job | None:
    """The job with these settings, if anyone has started it."""
    return cached.background_jobs().get(asked.key)


def start_bkz(asked: BKZAsked) -> Job:
    """Start it, join it, or start it anew if it failed or was cancelled."""
    return cached.background_jobs().start(asked.key, bkz_work(asked))


def bkz_work(asked: BKZAsked) -> Callable[[Job], int]:
    """Work that fills the job's parts with tours; returns how many."""

    def work(job: Job) -> int:
        job.parts.clear()  # a run begins anew, whatever one that was cancelled has left
        hessian = cached.contest_hessian(asked.kind, asked.size)
        given, start = Lattice.from_hessian(hessian, 1.0), min_pivot_basis(hessian)
        job.report(MESSAGE, 0, MOST_TOURS)
        began = time.perf_counter()
        tours = bkz_tours(
            start,
            asked.block_size,
            delta=asked.delta,
            max_tours=MOST_TOURS,
            max_seconds=MOST_SECONDS,
            cancel=lambda: job.cancelled,
        )
        try:
            for found in tours:
                job.parts.append(_tour(asked, found, given, time.perf_counter() - began))
                job.report(MESSAGE, found.tours, MOST_TOURS)
        except ReductionCancelled:
            pass
        return len(job.parts)

    return work


def ending(tour: Tour) -> str:
    """How BKZ ended, in words."""
    plural = "" if tour.number == 1 else "s"
    return f"{tour.number} tour{plural}, {ENDINGS[tour.ended]}"


def _tour(asked: BKZAsked, found: BlockReduction, given: Lattice, seconds: float) -> Tour:
    name = f"BKZ {asked.block_size} after LLL"
    contender = judged_reduction(name, found, given, seconds)
    return Tour(found.tours, found.insertions, found.ended, contender)
