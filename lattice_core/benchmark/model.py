"""The real model: its Hessians, and all its layers in all orders."""

import time

from lattice_core.benchmark.timing import peak_memory, report
from lattice_core.language_model import (
    LoadedModel,
    collect_hessians,
    embedded_text,
    linear_layers,
    load_model,
    tokenize,
)
from lattice_core.language_model.order_survey import survey_orders


def load(device: str) -> LoadedModel:
    """The packaged model on a device."""
    start = time.perf_counter()
    loaded = load_model()
    _print("loading the packaged model", time.perf_counter() - start)
    loaded.model.to(device)  # type: ignore[arg-type]
    return loaded


def time_block_hessians(loaded: LoadedModel, block: int, tokens: int, repeats: int) -> None:
    """All seven Hessians of one block."""
    ids = tokenize(loaded, embedded_text("calibration"), tokens)
    names = [name for name in linear_layers(loaded.model) if f".layers.{block}." in name]
    report(
        f"Hessians of the {len(names)} layers of block {block}, {tokens:,} tokens",
        lambda: collect_hessians(loaded, ids, layers=names),
        repeats,
    )


def time_whole_model(loaded: LoadedModel, tokens: int) -> None:
    """The Hessians of every layer in one pass, then every layer in four orders, kept and clipped."""
    ids = tokenize(loaded, embedded_text("calibration"), tokens)
    start = time.perf_counter()
    hessians = collect_hessians(loaded, ids, layers=list(linear_layers(loaded.model)))
    _print(
        f"Hessians of all {len(hessians)} layers, {tokens:,} tokens", time.perf_counter() - start
    )
    start = time.perf_counter()
    results = sum(len(layer.results) for layer in survey_orders(loaded, hessians, bits=3))
    _print(
        f"{results:,} results: all layers, orders, kept and clipped", time.perf_counter() - start
    )
    print(f"peak memory so far: {peak_memory()}", flush=True)


def _print(what: str, seconds: float) -> None:
    print(f"{what:<66}{seconds:>9.1f} s", flush=True)
