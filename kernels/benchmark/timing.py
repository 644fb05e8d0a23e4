"""How long a call takes on a device.

Weights that were just used are still in a cache, which no model's weights are. So the calls of a work
take turns over copies that together do not fit it. Everything runs once to warm up. Medians are
reported, with the 20th and 80th percentile.

On a GPU some calls are captured in a CUDA graph, which is replayed again and again between two events:
no time of the host is in it. On a processor each call is timed by itself.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

CPU_CACHE = 32 << 20  # bytes: the last cache that cores of most processors share
CALLS_IN_GRAPH = 24  # at least
REPLAYS = 20
LEAST_REPEATS, MOST_REPEATS = 5, 50  # on a processor
SECONDS = 0.25  # for a work on a processor, if the least repeats are done
COPIED = 1 << 30  # bytes, for the copy bandwidth of a GPU
CPU_COPIED = 1 << 28


@dataclass(frozen=True)
class Timing:
    """Microseconds of a call: median, 20th and 80th percentile."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, microseconds: Sequence[float]) -> "Timing":
        """From single measurements."""
        low, median, high = np.percentile(np.asarray(microseconds), [20, 50, 80]).tolist()
        return cls(median, low, high)


def copies_wanted(size: int, device: torch.device) -> int:
    """Copies of `size` bytes that together are four times the device's last cache; two at least."""
    return max(2, -(-4 * _cache(device) // max(1, size)))


def time_calls(calls: Sequence[Callable[[], object]], device: torch.device) -> Timing:
    """Time calls that do the same with different copies, taking turns."""
    for call in calls:
        call()
    return _time_on_gpu(calls, device) if device.type == "cuda" else _time_here(calls)


def copy_bandwidth(device: torch.device) -> float:
    """Bytes read and written a second while a large tensor is copied."""
    size = COPIED if device.type == "cuda" else CPU_COPIED
    source = torch.randint(0, 255, (size,), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    timing = time_calls([lambda: target.copy_(source)], device)
    return 2 * size / (timing.median * 1e-6)


def launch_microseconds(device: torch.device) -> float:
    """The cost of a launch: a kernel that adds 1 to a number, or that call on a processor."""
    number = torch.zeros(1, device=device)
    return time_calls([lambda: number.add_(1)], device).median


def _cache(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).L2_cache_size
    return CPU_CACHE


def _time_on_gpu(calls: Sequence[Callable[[], object]], device: torch.device) -> Timing:
    turns = -(-CALLS_IN_GRAPH // len(calls))
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        for call in calls:  # on this stream too, before the capture
            call()
    torch.cuda.synchronize(device)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, stream=stream):
        for _ in range(turns):
            for call in calls:
                call()
    graph.replay()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(REPLAYS + 1)]
    marks[0].record()
    for mark in marks[1:]:
        graph.replay()
        mark.record()
    torch.cuda.synchronize(device)
    count = turns * len(calls)
    return Timing.of([1e3 * a.elapsed_time(b) / count for a, b in pairwise(marks)])


def _time_here(calls: Sequence[Callable[[], object]]) -> Timing:
    taken: list[float] = []
    began = time.perf_counter()
    while len(taken) < MOST_REPEATS and (
        len(taken) < LEAST_REPEATS or time.perf_counter() - began < SECONDS
    ):
        start = time.perf_counter()
        calls[len(taken) % len(calls)]()
        taken.append(1e6 * (time.perf_counter() - start))
    return Timing.of(taken)
