"""Single layers of SmolLM2's shapes: the solver and its rivals, the greedy order, how times grow."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from lattice_core.benchmark.timing import (
    print_growth,
    print_ratio,
    print_seconds,
    report,
    seconds_of,
)
from lattice_core.inputs import FloatArray
from lattice_core.integer_grid import IntegerGrid
from lattice_core.layers import damp, nearest_plane_codes, quantize_layer
from lattice_core.layers.published_form import published_codes
from lattice_core.layers.scales import expand_scales, weight_scales
from lattice_core.orders import act_order, min_pivot

SHAPES = ((576, 1536), (1536, 576))  # inputs, outputs
GRID = IntegerGrid(4)
ORDER_SIZES = (576, 1536, 4096)
GROWTH_SIZES = (192, 384, 768, 1536)
GROWTH_OTHER = 576  # the size held fast while the other grows


@dataclass(frozen=True, eq=False)
class Layer:
    """A layer to time: random weights, correlated inputs, grouped mse scales, act-order."""

    weight: Tensor
    damped_hessian: Tensor
    scales: Tensor
    order: Tensor

    def solve(self) -> Tensor:
        """Nearest plane, factorization included."""
        arguments = (self.weight, self.damped_hessian, self.scales, self.order, GRID)
        return nearest_plane_codes(*arguments).cpu()

    def solve_as_published(self) -> Tensor:
        """GPTQ's published form, factorization included."""
        arguments = (self.weight, self.damped_hessian, self.scales, self.order, GRID)
        return published_codes(*arguments).cpu()

    def product(self) -> Tensor:
        """One product (c, c) · (c, r), for scale."""
        return (self.damped_hessian @ self.weight.T).cpu()


def layer(columns: int, rows: int, dtype: torch.dtype, device: str) -> Layer:
    """Seeded; everything in one dtype."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(rows, columns, generator=generator, dtype=torch.float64)
    scales = expand_scales(
        weight_scales(weight, bits=4, group_size=64), group_size=64, columns=columns
    )
    hessian = damp(torch.from_numpy(gram(columns)), 0.01)
    order = torch.from_numpy(act_order(hessian.numpy()))
    return Layer(
        weight.to(device, dtype),
        hessian.to(device, dtype),
        scales.to(device, dtype),
        order.to(device),
    )


def gram(columns: int) -> FloatArray:
    """``XᵀX`` of random correlated inputs."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((columns, columns)) / columns**0.5
    inputs = rng.standard_normal((2 * columns, columns)) @ mixing
    return np.asarray(inputs.T @ inputs)


def time_solver(device: str, repeats: int) -> None:
    """The solver against the published form and against one matrix product, in turns."""
    for columns, rows in SHAPES:
        for dtype in (torch.float64, torch.float32):
            made = layer(columns, rows, dtype, device)
            name = f"{columns}→{rows} {str(dtype).removeprefix('torch.')}"
            works = {
                "nearest plane": made.solve,
                "published form": made.solve_as_published,
                "one product (c×c)·(c×r)": made.product,
            }
            taken = seconds_of(works, repeats)
            for work, seconds in taken.items():
                print_seconds(f"{name}: {work}, {device}", seconds)
            ours, published, product = taken.values()
            print_ratio(f"{name}: published form ÷ nearest plane", published, ours)
            print_ratio(f"{name}: nearest plane ÷ one product", ours, product)


def time_quantize(device: str, repeats: int) -> None:
    """The whole of `quantize_layer`: scales, order, codes, losses."""
    for columns, rows in SHAPES:
        made = layer(columns, rows, torch.float64, device)
        for method in ("gptq", "ssqr"):
            report(
                f"{columns}→{rows}: quantize_layer ({method}, act_order, mse), {device}",
                partial(quantize_layer, made.weight, made.damped_hessian, method, bits=4),
                repeats,
            )


def time_orders(repeats: int) -> None:
    """The greedy order against a Cholesky factorization, both NumPy, in turns."""
    for columns in ORDER_SIZES:
        matrix = damp(torch.from_numpy(gram(columns)), 0.01).numpy()
        works: dict[str, Callable[[], object]] = {
            "min_pivot": partial(min_pivot, matrix),
            "Cholesky": partial(np.linalg.cholesky, matrix),
        }
        taken = seconds_of(works, repeats if columns < 2000 else min(repeats, 3))
        for work, seconds in taken.items():
            print_seconds(f"{columns}: {work}, cpu", seconds)
        print_ratio(f"{columns}: min_pivot ÷ Cholesky", taken["min_pivot"], taken["Cholesky"])


def time_growth(device: str, repeats: int) -> None:
    """How the solver's time grows with the inputs c, and with the outputs r."""
    for name in ("c", "r"):
        medians = []
        for size in GROWTH_SIZES:
            columns, rows = (size, GROWTH_OTHER) if name == "c" else (GROWTH_OTHER, size)
            made = layer(columns, rows, torch.float64, device)
            seconds = seconds_of({"solve": made.solve}, repeats)["solve"]
            medians.append(float(np.median(seconds)))
        other = "r" if name == "c" else "c"
        print(f"nearest plane, float64, {other} = {GROWTH_OTHER}, {device}:")
        print_growth(name, GROWTH_SIZES, medians)
