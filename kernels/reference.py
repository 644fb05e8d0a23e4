"""The specification: what a packed weight is, and what a product with it is, in plain torch."""

import torch
from torch import Tensor

from kernels.packing import PackedWeight, unpack


def dequantize(packed: PackedWeight, dtype: torch.dtype = torch.float32) -> Tensor:
    """``scales · codes + outliers``, (r, c); computed in the dtype, which may be float64."""
    codes, scales, outliers = unpack(packed)
    spread = scales.to(dtype).repeat_interleave(packed.group_size, dim=1)
    return spread[:, : packed.shape[1]] * codes + outliers.to(dtype).to_dense()


def reference_matmul(x: Tensor, packed: PackedWeight) -> Tensor:
    """``x Wᵀ``, (M, r), in float32, or in float64 for x in float64; in the dtype of x.

    Parameters
    ----------
    x : (M, c) floating tensor
    packed : PackedWeight
        (r, c), on the same device.
    """
    work = torch.float64 if x.dtype == torch.float64 else torch.float32
    return (x.to(work) @ dequantize(packed, work).T).to(x.dtype)
