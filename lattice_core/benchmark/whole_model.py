"""The whole model quantized: how long each method takes without calibration, and a checkpoint to load."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from lattice_core.benchmark.layers import layer as random_layer
from lattice_core.benchmark.timing import peak_memory, print_growth, seconds_of
from lattice_core.language_model import (
    LoadedModel,
    Recipe,
    collect_hessians,
    embedded_text,
    linear_layers,
    quantize_layers,
    quantize_to_folder,
    tokenize,
)
from lattice_core.language_model.checkpoint import open_checkpoint
from lattice_core.layers import Settings, quantize_layer

METHODS: dict[str, dict[str, object]] = {
    "gptq, 4 bits": {"method": "gptq", "bits": 4},
    "hptq, 4.25 bits stored": {"method": "hptq", "bits": 4.25},
    "watersic, 4.25 bits stored": {"method": "watersic", "bits": 4.25},
}
BLOCKS = (5, 10, 20, 30)  # of the model, for the growth with the number of layers
GROWTH_SIZES = (192, 384, 768, 1536)
GROWTH_OTHER = 576
CALIBRATION_WINDOW = 512


def time_methods(loaded: LoadedModel, tokens: int) -> None:
    """Hessians of all layers; then each method on all layers, once, and on some of the blocks."""
    ids = tokenize(loaded, embedded_text("calibration"), tokens)
    names = list(linear_layers(loaded.model))
    began = time.perf_counter()
    hessians = collect_hessians(loaded, ids, layers=names, window=CALIBRATION_WINDOW)
    _print(f"calibration: Hessians of {len(names)} layers, {tokens:,} tokens", began)
    for name, options in METHODS.items():
        began = time.perf_counter()
        _quantize(loaded, hessians, names, options)
        _print(f"{name}: all {len(names)} layers, without calibration", began)
    medians = []
    for blocks in BLOCKS:
        some = [name for name in names if int(name.split(".")[2]) < blocks]
        began = time.perf_counter()
        _quantize(loaded, hessians, some, METHODS["gptq, 4 bits"])
        medians.append(time.perf_counter() - began)
    print("gptq, 4 bits, layers of the first blocks:")
    print_growth("layers", [7 * blocks for blocks in BLOCKS], medians)
    print(f"peak memory so far: {peak_memory()}", flush=True)


def time_checkpoint(loaded: LoadedModel, tokens: int) -> None:
    """The whole pipeline into a folder, and the folder loaded."""
    ids = tokenize(loaded, embedded_text("calibration"), tokens)
    recipe = Recipe(Settings("hptq", 4.25), inputs="one_shot", window=CALIBRATION_WINDOW)
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        made = quantize_to_folder(loaded, ids, recipe, Path(folder))
        _print(f"hptq, 4.25 bits: into a folder, {tokens:,} tokens, one-shot", began)
        began = time.perf_counter()
        open_checkpoint(folder).model(loaded)
        _print(f"loading the checkpoint ({made.stored_bytes / 1e6:.0f} MB)", began)
    print(f"peak memory so far: {peak_memory()}", flush=True)


def time_stored_size(repeats: int) -> None:
    """How hptq's time, its search included, grows with the inputs c and the outputs r."""
    for name in ("c", "r"):
        medians = []
        for size in GROWTH_SIZES:
            columns, rows = (size, GROWTH_OTHER) if name == "c" else (GROWTH_OTHER, size)
            medians.append(float(np.median(_hptq_seconds(columns, rows, repeats))))
        print(f"hptq, 4.25 bits, {'r' if name == 'c' else 'c'} = {GROWTH_OTHER}:")
        print_growth(name, GROWTH_SIZES, medians)


def _hptq_seconds(columns: int, rows: int, repeats: int) -> np.ndarray:
    made = random_layer(columns, rows, torch.float64, "cpu")
    work = partial(quantize_layer, made.weight, made.damped_hessian, "hptq", 4.25)
    return seconds_of({"hptq": work}, repeats)["hptq"]


def _quantize(
    loaded: LoadedModel,
    hessians: Mapping[str, Tensor],
    names: list[str],
    options: Mapping[str, object],
) -> None:
    some = {name: hessians[name] for name in names}
    for _ in quantize_layers(loaded, some, **options):  # type: ignore[arg-type]
        pass


def _print(what: str, began: float) -> None:
    print(f"{what:<66}{time.perf_counter() - began:>9.1f} s", flush=True)
