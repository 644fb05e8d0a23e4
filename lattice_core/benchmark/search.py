"""K-best on a whole layer, against nearest plane: what looking at more than one plane costs."""

from collections.abc import Callable
from functools import partial

import torch

from lattice_core.benchmark.layers import layer
from lattice_core.benchmark.timing import print_ratio, print_seconds, seconds_of
from lattice_core.layers import quantize_layer

SIZE = 576
BEAMS = (4, 16, 64)


def time_search(device: str, repeats: int) -> None:
    """All of `quantize_layer` on a 576 → 576 layer, codes kept: nearest plane and K-best in turns."""
    made = layer(SIZE, SIZE, torch.float64, device)
    plain = partial(quantize_layer, made.weight, made.damped_hessian, bits=4, overflow="keep")
    works: dict[str, Callable[[], object]] = {"nearest plane": plain}
    for k in BEAMS:
        works[f"K-best, K = {k}"] = partial(plain, decoder="k_best", k=k)
    works["coordinate descent after nearest plane"] = partial(plain, refine="coordinate_descent")
    taken = seconds_of(works, repeats)
    for work, seconds in taken.items():
        print_seconds(f"{SIZE}→{SIZE}: {work}, {device}", seconds)
        if work != "nearest plane":
            print_ratio(f"{SIZE}→{SIZE}: {work} ÷ nearest plane", seconds, taken["nearest plane"])
