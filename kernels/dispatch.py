"""The product of activations with a packed weight, by the backend that is asked for or fits.

- ``"triton"``: `kernels.ssqr_matmul`, on an NVIDIA GPU (or in Triton's interpreter, to test it)
- ``"cpu"``: `kernels.cpu_matmul`, torch's 4-bit product and a sparse one
- ``"reference"``: `kernels.reference`, plain torch, anywhere and in any precision; slow
- ``"auto"``: the first of these that can. What it takes is logged, and `choose` tells it.
"""

import logging
from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from kernels import cpu_matmul
from kernels.packing import PackedWeight, require_version
from kernels.reference import reference_matmul

BACKENDS = ("triton", "cpu", "reference")
GPU_DTYPES = (torch.bfloat16, torch.float16)
CPU_DTYPES = (*GPU_DTYPES, torch.float32)
LEAST_CAPABILITY = (8, 0)  # of a GPU: the first with bfloat16 on tensor cores


def quantized_matmul(
    x: Tensor, packed: PackedWeight, *, backend: str = "auto", out: Tensor | None = None
) -> Tensor:
    """``x Wᵀ`` with a packed weight.

    Parameters
    ----------
    x : (M, c) floating tensor
        On the device of the weight. bfloat16 or float16 for triton, or float32 for cpu; float64 too
        for reference.
    packed : PackedWeight
        (r, c), from `kernels.packing.pack`.
    backend : {"auto", "triton", "cpu", "reference"}
    out : (M, r) contiguous tensor, optional
        Overwritten and returned. Its dtype is that of x, or float32.

    Returns
    -------
    (M, r) tensor
        In the dtype of x.

    Raises
    ------
    ValueError
        For shapes, dtypes or devices that do not match, an x that wants a gradient (there is none),
        an `out` in the memory of x, a weight of another layout version, or a backend that is unknown
        or cannot run here; the message says why.
    TypeError
        If x is no tensor, or `packed` no packed weight.

    Notes
    -----
    cpu multiplies in bfloat16 whatever the dtype of x, and from about 16 rows of x on a product with
    16-bit weights is faster (``python -m kernels.benchmark``).
    """
    _check(x, packed, out)
    if backend == "auto":
        name, reason = choose(x, packed)
        _tell(name, reason)
    else:
        name = backend
        if reason := unavailable(name, x, packed):
            raise ValueError(
                f'backend "{name}" cannot run: {reason}. backend="auto" takes another.'
            )
    if len(x) == 0:
        return x.new_empty(0, packed.shape[0]) if out is None else out
    if name == "triton":
        from kernels.ssqr_matmul import ssqr_matmul

        x = x if x.stride(1) == 1 else x.contiguous()
        return ssqr_matmul(x, packed, x.new_empty(len(x), packed.shape[0]) if out is None else out)
    product = cpu_matmul.cpu_matmul if name == "cpu" else reference_matmul
    y = product(x, packed)
    return y if out is None else out.copy_(y)


def bytes_read(packed: PackedWeight, backend: str) -> int:
    """Bytes of a weight that a product reads: those stored, or those of torch's copy for cpu.

    That copy has 4 bits a code, whatever was packed, and 64 an outlier.
    """
    return cpu_matmul.prepare(packed).bytes if backend == "cpu" else packed.bytes


def choose(x: Tensor, packed: PackedWeight) -> tuple[str, str]:
    """The backend that ``"auto"`` takes, and why not an earlier one (empty for the first).

    Parameters
    ----------
    x, packed
        As in `quantized_matmul`.
    """
    reasons = []
    for name in BACKENDS:
        # The interpreter is for tests, and asked for by name.
        on_gpu = name != "triton" or x.device.type == "cuda"
        reason = unavailable(name, x, packed) if on_gpu else f"x is on {x.device}"
        if not reason:
            return name, "; ".join(reasons)
        reasons.append(f"{name}: {reason}")
    raise AssertionError("the reference runs anywhere")


def unavailable(backend: str, x: Tensor, packed: PackedWeight) -> str:
    """Why a backend cannot multiply these, in words; empty if it can.

    Raises
    ------
    ValueError
        For an unknown backend.
    """
    if backend not in BACKENDS:
        known = ", ".join(("auto", *BACKENDS))
        raise ValueError(f"backend is {backend!r}; one of {known} was wanted.")
    if backend == "triton":
        return _no_triton(x)
    if backend == "cpu":
        if x.device.type != "cpu":
            return f"x is on {x.device}, not on the CPU"
        if x.dtype not in CPU_DTYPES:
            return f"x is {x.dtype}; bfloat16, float16 or float32 was wanted"
        return cpu_matmul.unavailable_for(packed)
    return ""


def _no_triton(x: Tensor) -> str:
    if find_spec("triton") is None:
        return "Triton is not installed (pip install triton)"
    if torch.version.hip is not None:
        return "this torch is for AMD GPUs, and the kernels for NVIDIA's"
    if x.dtype not in GPU_DTYPES:
        return f"x is {x.dtype}; bfloat16 or float16 was wanted"
    if x.device.type == "cuda":
        capability = torch.cuda.get_device_capability(x.device)
        if capability < LEAST_CAPABILITY:
            return f"{torch.cuda.get_device_name(x.device)} has no bfloat16 tensor cores"
        return ""
    import triton

    if x.device.type == "cpu" and triton.knobs.runtime.interpret:
        return ""
    return f"x is on {x.device}, and Triton needs x and the weight on an NVIDIA GPU"


def _check(x: Tensor, packed: PackedWeight, out: Tensor | None) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"x is a {type(x).__name__}; a torch tensor was wanted.")
    if not isinstance(packed, PackedWeight):
        raise TypeError(
            f"packed is a {type(packed).__name__}; a PackedWeight was wanted, as "
            "kernels.packing.pack makes it."
        )
    require_version(packed)
    rows, columns = packed.shape
    if x.ndim != 2 or x.shape[1] != columns:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; (M, {columns}) was wanted for a weight of "
            f"{rows} × {columns}."
        )
    if not x.is_floating_point():
        raise ValueError(f"x is {x.dtype}; a floating dtype was wanted.")
    if x.requires_grad and torch.is_grad_enabled():
        raise ValueError(
            "x wants a gradient, and quantized products have none. Multiply in torch.no_grad(), or pass "
            "x.detach()."
        )
    if x.device != packed.device:
        raise ValueError(f"x is on {x.device} and the weight on {packed.device}; move one.")
    if out is None:
        return
    if out.shape != (len(x), rows) or out.device != x.device or not out.is_contiguous():
        raise ValueError(
            f"out has shape {tuple(out.shape)} on {out.device}; a contiguous {(len(x), rows)} on "
            f"{x.device} was wanted."
        )
    if out.dtype not in (x.dtype, torch.float32):
        raise ValueError(f"out is {out.dtype}; {x.dtype} or float32 was wanted.")
    if len(x) and out.untyped_storage().data_ptr() == x.untyped_storage().data_ptr():
        raise ValueError("out is in the memory of x, which is read until the end; pass another.")


@cache
def _tell(name: str, reason: str) -> None:
    """Once for each choice and reason."""
    level = logging.WARNING if name == "reference" else logging.INFO
    logging.getLogger(__name__).log(
        level, "backend auto takes %s%s", name, f" ({reason})" * bool(reason)
    )
