"""y = x Wᵀ for packed weights, in Triton: one launch, outliers included.

    y_mn = Σ_g s_ng Σ_{k in g} z_nk x_mk + Σ_{outliers (n, k)} v_nk x_mk

accumulated in float32; n is a row of W, g a group of its columns. One row of x is multiplied in
registers (`kernels.ssqr_gemv`), up to 64 on tensor cores (`kernels.ssqr_dot`); for more, the weight is
written out once (`kernels.ssqr_dequantize`) and multiplied by the library; for a float32 result, 64 rows
at a time.

Why two to four rows go to the tensor cores too: in registers every weight costs one more multiplication
for each row, and the rows of x more loads. `python -m kernels.compiled` counts the instructions.
"""

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from kernels.launch import MOST_ROWS_OF_X, Launch
from kernels.layout import TILE_ROWS, Layout, magic_number
from kernels.packing import PackedWeight
from kernels.scratch import scratch
from kernels.ssqr_dequantize import dequantized
from kernels.ssqr_dot import ssqr_dot
from kernels.ssqr_gemv import ssqr_gemv
from kernels.tuning import launch_for
from kernels.unpacking import layout_constants

LEAST_DOT = 16  # rows of x that tensor cores take at once


def ssqr_matmul(
    x: Tensor, packed: PackedWeight, out: Tensor, launch: Launch | None = None
) -> Tensor:
    """Multiply on the device of x, or in Triton's interpreter.

    Operands are taken as `kernels.dispatch` has checked them.

    Parameters
    ----------
    x : (M, c) bfloat16 or float16 tensor
        Each row contiguous.
    packed : PackedWeight
        (r, c).
    out : (M, r) contiguous floating tensor
        Overwritten, and returned.
    launch : Launch, optional
        For M ≤ 64. ``None`` chooses.
    """
    with torch.cuda.device(x.device) if x.is_cuda else nullcontext():  # where Triton launches
        if len(x) > MOST_ROWS_OF_X and out.dtype == x.dtype:
            return torch.matmul(x, _written_out(x, packed).T, out=out)
        if len(x) > MOST_ROWS_OF_X:  # the library would round its sums to the dtype of x
            for some, part in zip(x.split(MOST_ROWS_OF_X), out.split(MOST_ROWS_OF_X), strict=True):
                ssqr_matmul(some, packed, part)
            return out
        if launch is None:
            launch = launch_for(len(x), packed)
        if launch.method == "dot":
            return _dot(x, packed, out, launch)
        assert len(x) == 1
        return _gemv(x, packed, out, launch)


def _written_out(x: Tensor, packed: PackedWeight) -> Tensor:
    try:
        return dequantized(packed, x.dtype)
    except torch.OutOfMemoryError as error:
        rows, columns = packed.shape
        raise torch.OutOfMemoryError(
            f"{len(x)} rows of x are multiplied with the weight written out in 16 bits, and "
            f"{x.device} has no room for its {2 * rows * columns / 2**20:,.0f} MiB. Pass at most "
            f"{MOST_ROWS_OF_X} rows at a time."
        ) from error


def gemv_constants(layout: Layout, launch: Launch, outliers: bool) -> dict[str, Any]:
    """What `ssqr_gemv` is compiled for."""
    return layout_constants(layout) | {"OUTLIERS": outliers, "UNITS": launch.units}


def dot_constants(layout: Layout, launch: Launch, rows_of_x: int, outliers: bool) -> dict[str, Any]:
    """What `ssqr_dot` is compiled for."""
    aside = launch.row_block // TILE_ROWS if outliers else 0
    return layout_constants(layout) | {
        "OUTLIER_PROGRAMS": aside,
        "M_BLOCK": max(LEAST_DOT, 1 << (rows_of_x - 1).bit_length()),
        "ROW_BLOCK": launch.row_block,
        "UNITS": launch.units,
        "SHARED": launch.splits + aside > 1,
    }


def _gemv(x: Tensor, packed: PackedWeight, out: Tensor, launch: Launch) -> Tensor:
    layout, (rows, columns) = packed.layout, packed.shape
    ssqr_gemv[(-(-rows // launch.row_block),)](
        x,
        *_stored(packed),
        out,
        rows,
        columns,
        layout.units,
        layout.groups,
        layout.tiles,
        -(-layout.units // launch.units),
        magic_number(layout.bits, torch.float32),
        **gemv_constants(layout, launch, len(packed.outliers) > 0),
        **_options(launch),
    )
    return out


def _dot(x: Tensor, packed: PackedWeight, out: Tensor, launch: Launch) -> Tensor:
    layout, (rows, columns) = packed.layout, packed.shape
    blocks = -(-rows // launch.row_block)
    steps = -(-layout.units // launch.units)
    steps_of_split = -(-steps // launch.splits)
    splits = -(-steps // steps_of_split)  # none is left without work
    launch = replace(launch, splits=splits)
    constants = dot_constants(layout, launch, len(x), len(packed.outliers) > 0)
    aside, shared = constants["OUTLIER_PROGRAMS"], constants["SHARED"]
    parts = splits + (aside > 0)
    partials, arrivals = scratch(x.device, parts * out.numel() if shared else 0, blocks)
    ssqr_dot[(blocks, splits + aside)](
        x,
        *_stored(packed),
        out,
        partials,
        arrivals,
        len(x),
        rows,
        columns,
        x.stride(0),
        layout.units,
        layout.groups,
        layout.tiles,
        steps,
        steps_of_split,
        splits,
        magic_number(layout.bits, x.dtype),
        **constants,
        **_options(launch),
    )
    return out


def _stored(packed: PackedWeight) -> tuple[Tensor, ...]:
    low, high = packed.planes[0], packed.planes[-1]
    return low, high, packed.scales, packed.outliers, packed.tile_starts


def _options(launch: Launch) -> dict[str, int | None]:
    return {
        "num_warps": launch.warps,
        "num_stages": launch.stages,
        "maxnreg": launch.registers,
    }
