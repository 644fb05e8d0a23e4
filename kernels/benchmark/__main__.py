"""The command line of the benchmark."""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from kernels.benchmark import cases, decoding, record
from kernels.benchmark.cases import Case
from kernels.benchmark.contenders import BASELINES
from kernels.benchmark.entropy_decoding import measure_decoding
from kernels.benchmark.measure import Measurement, Skipped, measure
from kernels.benchmark.model_weights import packaged_model
from kernels.benchmark.report import print_decodings, print_entropy_decodings, print_measurements
from kernels.benchmark.shapes import LARGE, SHAPES
from kernels.benchmark.timing import copy_bandwidth, launch_microseconds

PARTS = {
    "products": "products of single layers",
    "decoding": "tokens per second of whole models",
    "entropy": "reading entropy-coded weights",
}


def main() -> None:
    """Run, print, and record."""
    parser = _parser()
    options = parser.parse_args()
    if unknown := sorted({*options.parts} - {*PARTS}):
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    parts = [part for part in PARTS if part in options.parts or not options.parts]
    device = options.device
    if device.type == "cuda":
        if not torch.cuda.is_available():
            parser.error("--device cuda: torch finds no CUDA device here")
        if (device.index or 0) >= torch.cuda.device_count():
            parser.error(
                f"--device {device}: there are {torch.cuda.device_count()}, from cuda:0 on"
            )
        torch.cuda.set_device(
            device.index or 0
        )  # events and the kernels of others are of the current device
    began, date = time.perf_counter(), record.now()
    measurements: list[Measurement | Skipped] = []
    decodings, entropies, problems = [], [], []
    bandwidth, launch = copy_bandwidth(device), launch_microseconds(device)
    for part in parts:
        try:
            if part == "products":
                for found in _products(options, device):
                    measurements.append(found)
                    print(".", end="", file=sys.stderr, flush=True)
            elif part == "decoding":
                for decoded in _decodings(options, device):
                    decodings.append(decoded)
            else:
                _say("reading entropy-coded weights")
                entropies += measure_decoding(side=1024) if options.quick else measure_decoding()
        except (ValueError, torch.OutOfMemoryError) as problem:  # what was measured is kept
            problems.append(f"{part}: {problem}")
        except KeyboardInterrupt:  # here too
            problems.append(f"{part}: stopped.")
            break
    run = record.Run(
        date=date,
        command=" ".join(["python -m kernels.benchmark", *sys.argv[1:]]),
        commit=options.commit or record.commit(),
        seconds=time.perf_counter() - began,
        machine=record.machine(device),
        copy_bandwidth=bandwidth,
        launch_microseconds=launch,
        measurements=tuple(found for found in measurements if isinstance(found, Measurement)),
        skipped=tuple(found for found in measurements if isinstance(found, Skipped)),
        decodings=tuple(decodings),
        entropy_decodings=tuple(entropies),
    )
    print(file=sys.stderr)
    print_measurements(run)
    print_decodings(run)
    print_entropy_decodings(run)
    print(f"\n{run.seconds:.0f} s in all")
    if options.record:
        options.record.mkdir(parents=True, exist_ok=True)
        path = options.record / record.file_name(run)
        path.write_text(run.to_json(), encoding="utf-8")
        print(f"recorded in {path}")
    if problems:
        sys.exit("Not all could be measured. " + " ".join(problems))


def _parser() -> argparse.ArgumentParser:
    described = "; ".join(f"{name}: {about}" for name, about in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m kernels.benchmark",
        description="How fast quantized products are here, and against what.",
        epilog=f"Parts: {described}. Under 8 minutes in all; shapes: {', '.join(SHAPES)}.",
    )
    parser.add_argument("parts", nargs="*", help="all when none is named")
    default = "cuda" if torch.cuda.is_available() else "cpu"
    parser.add_argument(
        "--device", type=_device, default=default, help="cpu, cuda, cuda:1 (default: %(default)s)"
    )
    parser.add_argument("--shapes", nargs="+", metavar="SHAPE", choices=list(SHAPES))
    parser.add_argument("--bits", nargs="+", type=int, choices=cases.BITS, default=cases.BITS)
    parser.add_argument(
        "--outliers", nargs="+", type=_rate, default=cases.OUTLIER_RATES, help="rates: 0.01 is 1 %%"
    )
    parser.add_argument("--batches", nargs="+", type=_count, default=cases.BATCHES)
    parser.add_argument("--quick", action="store_true", help="one small shape, one model")
    parser.add_argument("--model", type=Path, help="SmolLM2-135M as .gguf or .safetensors")
    parser.add_argument(
        "--record",
        type=Path,
        nargs="?",
        const=record.RESULTS,
        metavar="FOLDER",
        help="write a JSON file, into kernels/results if no folder is named",
    )
    parser.add_argument("--commit", help="of the code, where git cannot tell")
    return parser


def _device(text: str) -> torch.device:
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"{text} is no device; cpu, cuda or cuda:1 was wanted")
    return torch.device(text)


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 <= rate <= 1:
        raise argparse.ArgumentTypeError(f"{text} is no rate; 0 … 1 was wanted, 0.01 for 1 %")
    return rate


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} rows of x; 1 or more were wanted")
    return count


def _products(options: argparse.Namespace, device: torch.device) -> Iterator[Measurement | Skipped]:
    """Every case; what depends on neither bits nor outliers once for a shape."""
    for name in options.shapes or _shapes(options.quick, device):
        columns, rows = SHAPES[name]
        without: tuple[str, ...] = ()
        for bits in options.bits:
            for rate in options.outliers:
                _say(f"{name}: {bits} bits, {100 * rate:g} % outliers")
                case = Case(columns, rows, bits, rate)
                yield from measure(case, options.batches, device, without=without)
                without = BASELINES


def _decodings(options: argparse.Namespace, device: torch.device) -> Iterator[decoding.Decoding]:
    """The small model, and on a GPU a large one."""
    yield from decoding.measure_small(device, options.model or packaged_model(), _say)
    if device.type == "cuda" and not options.quick:
        yield from decoding.measure_large(device, _say)


def _shapes(quick: bool, device: torch.device) -> list[str]:
    if quick:
        return ["smollm2-up"]
    return [name for name in SHAPES if device.type == "cuda" or name not in LARGE]


def _say(text: str) -> None:
    print(f"\n{text} ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
