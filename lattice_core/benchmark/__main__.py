"""The command line of the benchmark."""

import argparse
import os
import platform
from importlib.metadata import version

import torch

from lattice_core.benchmark import layers, model, search, whole_model
from lattice_core.benchmark.timing import peak_memory

PARTS = {
    "layer": "the solver against the published form and one matrix product",
    "quantize": "all of quantize_layer",
    "order": "min_pivot against a Cholesky factorization",
    "search": "K-best and coordinate descent on a whole layer, against nearest plane",
    "growth": "how the solver's time grows with inputs and outputs",
    "hessians": "the Hessians of one block of the real model",
    "model": "the Hessians of the whole real model, then all its layers in four orders",
    "methods": "all layers of the real model by gptq, hptq and watersic, without calibration",
    "checkpoint": "the real model quantized into a folder, and the folder loaded",
}


def main() -> None:
    """Run the parts asked for."""
    described = "; ".join(f"{name}: {about}" for name, about in PARTS.items())
    parser = argparse.ArgumentParser(
        prog="python -m lattice_core.benchmark",
        description="Times of the work on whole layers.",
        epilog=f"Parts. {described}.",
    )
    parser.add_argument("parts", nargs="*", help="all when none is named")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--block", type=int, default=0, help="block of the model, for hessians")
    parser.add_argument("--tokens", type=int, default=16384, help="for hessians and model")
    parser.add_argument("--repeats", type=int, default=9, help="3 at most for search and hessians")
    options = parser.parse_args()
    parts = options.parts or list(PARTS)
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    chip = torch.cuda.get_device_name() if options.device == "cuda" else platform.processor()
    print(
        f"{chip or platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads; "
        f"Python {platform.python_version()}, torch {torch.__version__}, numpy {version('numpy')}"
    )
    if "layer" in parts:
        layers.time_solver(options.device, options.repeats)
    if "quantize" in parts:
        layers.time_quantize(options.device, options.repeats)
    if "order" in parts:
        layers.time_orders(options.repeats)
    if "search" in parts:
        search.time_search(options.device, min(options.repeats, 3))
    if "growth" in parts:
        layers.time_growth(options.device, options.repeats)
        whole_model.time_stored_size(min(options.repeats, 3))
    if {"hessians", "model", "methods", "checkpoint"} & set(parts):
        loaded = model.load(options.device)
    if "hessians" in parts:
        repeats = min(options.repeats, 3)
        model.time_block_hessians(loaded, options.block, options.tokens, repeats)
    if "model" in parts:
        model.time_whole_model(loaded, options.tokens)
    if "methods" in parts:
        whole_model.time_methods(loaded, options.tokens)
    if "checkpoint" in parts:
        whole_model.time_checkpoint(loaded, options.tokens)
    print(f"peak memory of the process: {peak_memory()}")


if __name__ == "__main__":
    main()
