"""Timing a product here, in the background; nothing here calls streamlit's elements."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from app import cached
from app.background_job import Job
from app.gpu_kernels.choice import KernelChoice

if TYPE_CHECKING:
    import torch

    from kernels.benchmark.compare import Results
    from kernels.benchmark.measure import Skipped

MEASURING = "Timing."
LARGEST_ON_PROCESSOR = 100e6  # weights: more take minutes and gigabytes


def device() -> "torch.device":
    """The GPU if there is one."""
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def too_large(choice: KernelChoice) -> bool:
    """Whether the product is one for GPUs only."""
    columns, rows = choice.columns_and_rows
    return device().type == "cpu" and columns * rows > LARGEST_ON_PROCESSOR


def group_size(choice: KernelChoice) -> int:
    """Columns that share a scale."""
    return choice.group or choice.columns_and_rows[0]


def speed_job(choice: KernelChoice) -> Job | None:
    """The job that times this product, if anyone has started it."""
    return cached.background_jobs().get(_key(choice))


def start_speed(choice: KernelChoice) -> Job:
    """Start it, or join it."""
    return cached.background_jobs().start(_key(choice), _timing(choice))


def forget_speed(choice: KernelChoice) -> None:
    """Before it is measured again."""
    cached.background_jobs().forget(_key(choice))


def results(job: Job) -> "Results":
    """What a job has measured so far, and the limits of this machine."""
    from kernels.benchmark.compare import Results
    from kernels.benchmark.measure import Measurement

    found = [part for part in job.parts if isinstance(part, Measurement)]
    return Results(found, *cached.device_limits(str(device())))


def skipped(job: Job) -> "list[Skipped]":
    """Who could not run."""
    from kernels.benchmark.measure import Skipped

    return [part for part in job.parts if isinstance(part, Skipped)]


def _key(choice: KernelChoice) -> tuple[object, ...]:
    return ("speed", choice.shape, choice.bits, choice.group, choice.outliers)


def _timing(choice: KernelChoice) -> Callable[[Job], None]:
    def work(job: Job) -> None:
        from kernels.benchmark.cases import BATCHES, Case
        from kernels.benchmark.contenders import contenders
        from kernels.benchmark.measure import measure

        where = device()
        columns, rows = choice.columns_and_rows
        case = Case(columns, rows, choice.bits, choice.outliers, group_size(choice))
        total = len(BATCHES) * len(contenders(where))
        job.parts.clear()
        job.report("Measuring how fast memory is copied here.")
        cached.device_limits(str(where))
        job.report("Drawing a weight and packing it.")
        found = measure(case, BATCHES, where, cancel=lambda: job.cancelled)
        for done, part in enumerate(found, start=1):
            job.parts.append(part)
            job.report(MEASURING, done, total)

    return work
