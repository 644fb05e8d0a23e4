"""Launch sizes that were measured to be fastest, kept by GPU: ``python -m kernels.tuning --record``.

A product takes the sizes of a recorded tuning for its GPU, shape, bits and rows of x, if there are any,
and those of `kernels.launch` otherwise.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path

import torch

from kernels.launch import Launch, default_launch, dot_launch, gemv_launch
from kernels.packing import PackedWeight

FOLDER = Path(__file__).parent / "results" / "launches"
BATCHES = (1, 2, 4, 8, 16, 32, 64)


def launch_for(rows_of_x: int, packed: PackedWeight) -> Launch:
    """Sizes for a product on the device of the weight: recorded ones, or the default."""
    rows, _ = packed.shape
    if packed.device.type != "cuda":  # interpreted
        return default_launch(rows_of_x, rows, packed.layout, 1)
    properties = torch.cuda.get_device_properties(packed.device)
    recorded = _recorded(properties.name).get(_key(rows_of_x, packed))
    if recorded is not None:
        return recorded
    return default_launch(rows_of_x, rows, packed.layout, properties.multi_processor_count)


def candidates(rows_of_x: int, packed: PackedWeight, processors: int) -> Iterator[Launch]:
    """A few launches worth measuring, the default among them."""
    rows, layout = packed.shape[0], packed.layout
    if rows_of_x == 1:
        gemv = gemv_launch(layout)
        yield gemv
        yield replace(gemv, warps=2, registers=None)
        yield replace(gemv, units=max(1, gemv.units // 2), warps=2, registers=None)
    dot = dot_launch(rows, layout, processors)
    for splits in sorted({1, max(1, dot.splits // 2), dot.splits, 2 * dot.splits}):
        for stages in sorted({2, dot.stages, 6}):
            yield replace(dot, splits=splits, stages=stages)
    yield replace(dot, row_block=2 * dot.row_block)


def record(path: Path, found: dict[str, Launch]) -> None:
    """Write launches by key, keeping those of other products that are there."""
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    kept |= {key: asdict(launch) for key, launch in found.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f' "{key}": {json.dumps(kept[key])}' for key in sorted(kept))
    path.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


@cache
def _recorded(device: str) -> dict[str, Launch]:
    path = _path(device)
    if not path.exists():
        return {}
    entries = json.loads(path.read_text(encoding="utf-8"))
    return {key: Launch(**entry) for key, entry in entries.items()}


def _path(device: str) -> Path:
    return FOLDER / f"{device.lower().replace(' ', '-')}.json"


def _key(rows_of_x: int, packed: PackedWeight) -> str:
    """Rows of x count as the next power of two, as the kernels are compiled."""
    rows, columns = packed.shape
    aside = " aside" if len(packed.outliers) else ""
    batch = 1 << (rows_of_x - 1).bit_length()
    return f"{batch} · {columns} → {rows}, {packed.bits} bits in {packed.group_size}{aside}"


def main() -> None:
    """Time the candidates for the shapes of the benchmark; print and record the fastest."""
    from triton.runtime.errors import OutOfResources

    from kernels.benchmark.cases import GROUP_SIZE, HEADLINE, Case
    from kernels.benchmark.contenders import ours
    from kernels.benchmark.shapes import SHAPES
    from kernels.benchmark.timing import time_calls

    parser = argparse.ArgumentParser(prog="python -m kernels.tuning", description=main.__doc__)
    parser.add_argument("--shapes", nargs="+", choices=list(SHAPES), default=list(SHAPES))
    parser.add_argument("--bits", nargs="+", type=int, default=[HEADLINE[0]])
    parser.add_argument("--batches", nargs="+", type=int, default=BATCHES)
    parser.add_argument("--record", action="store_true", help=f"in {FOLDER.name}/")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        parser.error("launches are tuned on a GPU, and torch finds none here")
    device = torch.device("cuda")
    properties = torch.cuda.get_device_properties(device)
    for shape in options.shapes:
        for bits in options.bits:
            case = Case(*SHAPES[shape], bits, HEADLINE[1], GROUP_SIZE)
            packed = case.draw(device)
            for batch in options.batches:
                x = torch.randn(batch, packed.shape[1], device=device).to(torch.bfloat16)
                times = {}
                for launch in candidates(batch, packed, properties.multi_processor_count):
                    entry = ours(case, packed, x, backend="triton", launch=launch)
                    try:
                        times[launch] = time_calls(entry.calls(x), device).median
                    except OutOfResources as problem:
                        print(f"{launch} does not fit: {problem}")
                best, key = min(times, key=times.__getitem__), _key(batch, packed)
                usual = times.get(launch_for(batch, packed), float("nan"))
                print(f"{key}: {times[best]:.1f} µs (was {usual:.1f}), {best}")
                if options.record:
                    record(_path(properties.name), {key: best})


if __name__ == "__main__":
    main()
