"""y = x Wᵀ for packed weights, in Triton: one launch, outliers included.

    y_mn = Σ_g s_ng Σ_{k in g} z_nk x_mk + Σ_{outliers (n, k)} v_nk x_mk

accumulated in float32; n is a row of W, g a group of its columns. Few rows of x are multiplied in
registers (`kernels.ssqr_gemv`), up to 64 on tensor cores (`kernels.ssqr_dot`); for more, the weight is
written out once (`kernels.ssqr_dequantize`) and multiplied by the library.
"""

import torch
from torch import Tensor

from kernels.launch import MOST_ROWS_OF_X, OUTLIER_PROGRAMS, Launch, default_launch
from kernels.packing import PackedWeight
from kernels.scratch import scratch
from kernels.ssqr_dequantize import dequantized
from kernels.ssqr_dot import ssqr_dot
from kernels.ssqr_gemv import ssqr_gemv
from kernels.unpacking import layout_constants, magic_number

LEAST_DOT = 16  # rows of x that tensor cores take at once


def ssqr_matmul(x: Tensor, packed: PackedWeight, out: Tensor, launch: Launch | None = None) -> Tensor:
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
    if len(x) > MOST_ROWS_OF_X:
        return torch.mm(x, dequantized(packed, x.dtype).T, out=out)
    if launch is None:
        launch = default_launch(len(x), len(out.T), packed.layout, processors(x.device))
    return _gemv(x, packed, out, launch) if launch.method == "gemv" else _dot(x, packed, out, launch)


def processors(device: torch.device) -> int:
    """Streaming multiprocessors of a GPU; 1 in the interpreter."""
    if device.type != "cuda":
        return 1
    return torch.cuda.get_device_properties(device).multi_processor_count


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
        **layout_constants(layout),
        OUTLIERS=len(packed.outliers) > 0,
        UNITS=launch.units,
        num_warps=launch.warps,
        num_stages=launch.stages,
        maxnreg=launch.registers,
    )
    return out


def _dot(x: Tensor, packed: PackedWeight, out: Tensor, launch: Launch) -> Tensor:
    layout, (rows, columns) = packed.layout, packed.shape
    blocks = -(-rows // launch.row_block)
    steps = -(-layout.units // launch.units)
    steps_of_split = -(-steps // launch.splits)
    splits = -(-steps // steps_of_split)  # none is left without work
    aside = OUTLIER_PROGRAMS if len(packed.outliers) else 0
    parts = splits + (aside > 0)
    shared = parts > 1
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
        **layout_constants(layout),
        OUTLIER_PROGRAMS=aside,
        M_BLOCK=max(LEAST_DOT, _power_of_two(len(x))),
        ROW_BLOCK=launch.row_block,
        UNITS=launch.units,
        SHARED=shared,
        num_warps=launch.warps,
        num_stages=launch.stages,
        maxnreg=launch.registers,
    )
    return out


def _stored(packed: PackedWeight) -> tuple[Tensor, ...]:
    low, high = packed.planes[0], packed.planes[-1]
    return low, high, packed.scales, packed.outliers, packed.tile_starts


def _power_of_two(number: int) -> int:
    return 1 << (number - 1).bit_length()
