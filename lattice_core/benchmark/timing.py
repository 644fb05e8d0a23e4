"""Medians with their spread, ratios taken in one run, and how a time grows.

Machines are noisy. So each part runs once to warm up and then several times, the median is printed
with the 20th and 80th percentile, and what is to be compared runs in turns: a slow minute then
slows both sides.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np


def seconds_of(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, np.ndarray]:
    """Seconds of each repeat, (repeats,), by name; the works run in turns after a warm-up."""
    for work in works.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            taken[name].append(time.perf_counter() - start)
    return {name: np.array(times) for name, times in taken.items()}


def report(what: str, work: Callable[[], object], repeats: int) -> None:
    """Time a part and print its line."""
    print_seconds(what, seconds_of({what: work}, repeats)[what])


def print_seconds(what: str, seconds: np.ndarray) -> None:
    """The median, the 20th and 80th percentile, and the number of repeats."""
    low, median, high = np.percentile(seconds, [20, 50, 80])
    print(f"{what:<66}{median:>9.3f} s   ({low:.3f} … {high:.3f}, n = {len(seconds)})", flush=True)


def print_ratio(what: str, above: np.ndarray, below: np.ndarray) -> None:
    """How many times as long `above` took: the median of the ratios of repeats run in turn."""
    low, median, high = np.percentile(above / below, [20, 50, 80])
    print(f"{what:<66}{median:>9.2f} x   ({low:.2f} … {high:.2f})", flush=True)


def print_growth(name: str, sizes: Sequence[int], seconds: Sequence[float]) -> None:
    """A time for each size, and the power of the size that fits them best (least squares of logs)."""
    power = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    times = ", ".join(
        f"{size}: {1000 * taken:.1f}" for size, taken in zip(sizes, seconds, strict=True)
    )
    print(f"{f'time grows with {name}^{power:.2f}':<66}(ms at {name} = {times})", flush=True)


def peak_memory() -> str:
    """The most memory that this process has held."""
    if sys.platform == "win32":
        return "not known on Windows"
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / (2**30 if sys.platform == 'darwin' else 2**20):.2f} GiB"
