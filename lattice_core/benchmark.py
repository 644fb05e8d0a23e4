"""How long the work on whole layers takes: ``python -m lattice_core.benchmark``.

Each part is run once to warm up, then `--repeats` times; the median and the 20th and 80th
percentile are printed, for a busy machine shows in the spread. Layers have the shapes of
SmolLM2-135M, random weights, and the Hessian of random correlated inputs: the time does not depend
on the numbers. The part `hessians` needs the model: all seven layers of one block.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np

PARTS = ("hessians", "layer", "quantize", "order")
SHAPES = ((576, 1536), (1536, 576))  # inputs, outputs


def percentiles(work: Callable[[], object], repeats: int) -> tuple[float, float, float]:
    """Seconds that one call takes: 20th percentile, median, 80th percentile."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    low, median, high = np.percentile(seconds, [20, 50, 80])
    return float(low), float(median), float(high)


def report(what: str, work: Callable[[], object], repeats: int) -> None:
    """Time a part and print its line."""
    low, median, high = percentiles(work, repeats)
    print(f"{what:<64}{median:>9.3f} s   ({low:.3f} … {high:.3f}, n = {repeats})", flush=True)


def peak_memory() -> str:
    """The most memory that this process has held."""
    if sys.platform == "win32":
        return "not known on Windows"
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / (2**30 if sys.platform == 'darwin' else 2**20):.2f} GiB"


def time_layer(columns: int, rows: int, parts: list[str], device: str, repeats: int) -> None:
    """The solver, the whole of `quantize_layer`, and the greedy order, at one shape."""
    import torch

    from lattice_core.integer_grid import IntegerGrid
    from lattice_core.layers import damp, nearest_plane_codes, quantize_layer
    from lattice_core.layers.scales import expand_scales, weight_scales
    from lattice_core.orders import act_order, min_pivot

    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(columns, columns, generator=generator, dtype=torch.float64)
    inputs = torch.randn(4 * columns, columns, generator=generator, dtype=torch.float64) @ mixing
    damped_hessian = damp(inputs.T @ inputs, 0.01).to(device)
    weight = torch.randn(rows, columns, generator=generator, dtype=torch.float64).to(device)
    matrix = damped_hessian.cpu().numpy()
    order = act_order(matrix)
    compact = weight_scales(weight, bits=4, group_size=64)
    scales = expand_scales(compact, group_size=64, columns=columns)

    def solve() -> None:
        nearest_plane_codes(weight, damped_hessian, scales, order, IntegerGrid(4)).cpu()

    shape = f"{columns}→{rows}"
    if "layer" in parts:
        report(f"{shape}: nearest plane with factorization, float64, {device}", solve, repeats)
    if "quantize" in parts:
        report(
            f"{shape}: quantize_layer (gptq, act_order, mse), {device}",
            lambda: quantize_layer(weight, damped_hessian, bits=4).loss,
            repeats,
        )
    if "order" in parts:
        report(f"{columns}: min_pivot, cpu", lambda: min_pivot(matrix), repeats)


def time_hessians(block: int, tokens: int, device: str, repeats: int) -> None:
    """All seven Hessians of one block of the packaged model."""
    from lattice_core.language_model import (
        collect_hessians,
        embedded_text,
        linear_layers,
        load_model,
        tokenize,
    )

    start = time.perf_counter()
    loaded = load_model()
    print(f"{'loading the packaged model':<64}{time.perf_counter() - start:>9.3f} s", flush=True)
    loaded.model.to(device)
    ids = tokenize(loaded, embedded_text("calibration"), tokens)
    layers = [name for name in linear_layers(loaded.model) if f".layers.{block}." in name]
    report(
        f"Hessians of the {len(layers)} layers of block {block}, {tokens:,} tokens, {device}",
        lambda: collect_hessians(loaded, ids, layers=layers),
        repeats,
    )


def main() -> None:
    """Run the parts asked for."""
    import torch

    parser = argparse.ArgumentParser(description="Times of the work on whole layers.")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when none is named")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--block", type=int, default=0, help="block of the model, for hessians")
    parser.add_argument("--tokens", type=int, default=16384, help="for hessians")
    parser.add_argument("--repeats", type=int, default=9, help="3 at most for hessians")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    chip = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor()
    print(
        f"{chip or platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {version('numpy')}"
    )
    for columns, rows in SHAPES:
        time_layer(columns, rows, parts, options.device, options.repeats)
    if "hessians" in parts:
        time_hessians(options.block, options.tokens, options.device, min(options.repeats, 3))
    print(f"peak memory of the process: {peak_memory()}")


if __name__ == "__main__":
    main()
