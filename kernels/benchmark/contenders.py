"""Who multiplies: ours, torch's 16-bit product, and the 4-bit products of others where they run.

A contender gets a drawn weight and an x like those to come, and returns products that all give the same
y, each from a copy of the weight of its own. Whoever cannot run says why.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import torch
from torch import Tensor

from kernels.benchmark.cases import Case
from kernels.benchmark.timing import copies_wanted
from kernels.dispatch import bytes_read, quantized_matmul, unavailable
from kernels.launch import Launch
from kernels.packing import PackedWeight, unpack
from kernels.reference import dequantize

MOST_COPIES = 1024


class CannotRun(Exception):
    """Says why a contender does not take part; the message is for people to read."""


@dataclass(frozen=True)
class Entry:
    """A contender ready to multiply.

    Attributes
    ----------
    products : sequence of callable
        Each gives y, (M, r), for x, (M, c), from a copy of its own.
    weight_bytes : int
        Of the weight, that a product reads.
    rows : int
        r.
    itemsize : int
        Bytes of a number of x and y.
    """

    products: Sequence[Callable[[Tensor], Tensor]]
    weight_bytes: int
    rows: int
    itemsize: int = 2

    def calls(self, x: Tensor) -> list[Callable[[], Tensor]]:
        """What is timed."""
        return [partial(product, x) for product in self.products]

    def bytes(self, x: Tensor) -> int:
        """Read and written by one call."""
        return self.weight_bytes + self.itemsize * (x.numel() + len(x) * self.rows)


Contender = Callable[[Case, PackedWeight, Tensor], Entry]


def ours(
    case: Case, packed: PackedWeight, x: Tensor, *, backend: str, launch: Launch | None = None
) -> Entry:
    """A backend of `kernels.dispatch`; a launch for triton only."""
    if reason := unavailable(backend, x, packed):
        raise CannotRun(reason)
    packs = [packed.copy() if k else packed for k in range(_count(packed.bytes, x.device))]
    if launch is None:
        products = [partial(_product, packed=copy, backend=backend) for copy in packs]
    else:
        products = [partial(_launched, packed=copy, launch=launch) for copy in packs]
    return Entry(products, bytes_read(packed, backend), case.rows)


def dense(case: Case, packed: PackedWeight, x: Tensor, *, dtype: torch.dtype) -> Entry:
    """`torch.matmul` with the weight written out; x is converted before."""
    weight = dequantize(packed).to(dtype)
    weights = [weight.clone() if k else weight for k in range(_count(weight.nbytes, x.device))]
    products = [_Converted(partial(_matmul, weight=w), dtype) for w in weights]
    return Entry(products, weight.nbytes, case.rows, weight.itemsize)


def torch_int4(case: Case, packed: PackedWeight, x: Tensor) -> Entry:
    """The 4-bit product of torch on a GPU, in bfloat16, of the codes without the outliers."""
    _require_peer_case(case, x, dtype=torch.bfloat16)
    codes, scales, _ = unpack(packed)
    stored = (codes.to(torch.int16) + 8).to(torch.uint8)
    pairs = (stored[:, ::2] << 4) | stored[:, 1::2]
    weight = torch.ops.aten._convert_weight_to_int4pack(pairs.contiguous(), 8)
    both = torch.stack([scales.T, torch.zeros_like(scales.T)], dim=-1).to(torch.bfloat16)
    both = both.contiguous()
    count = _count(weight.nbytes, x.device)
    copies = [(weight.clone(), both.clone()) if k else (weight, both) for k in range(count)]
    multiply = torch.ops.aten._weight_int4pack_mm
    products = [
        lambda x, weight=weight, both=both: multiply(x, weight, case.group_size, both)
        for weight, both in copies
    ]
    return Entry(products, weight.nbytes + both.nbytes, case.rows)


def gemlite(case: Case, packed: PackedWeight, x: Tensor) -> Entry:
    """The Triton kernels of gemlite (PyPI, Apache-2.0), of the codes without the outliers."""
    if find_spec("gemlite") is None:
        raise CannotRun("not installed (pip install gemlite)")
    _require_peer_case(case, x, bits=(2, 4))
    from gemlite import DType, GemLiteLinear

    codes, scales, _ = unpack(packed)
    stored = (codes.to(torch.int16) + (1 << (case.bits - 1))).to(torch.uint8)
    dtype = DType.BF16 if x.dtype == torch.bfloat16 else DType.FP16
    layers = []
    for _ in range(_count(packed.bytes, x.device)):
        layer = GemLiteLinear(
            case.bits,
            group_size=case.group_size,
            in_features=case.columns,
            out_features=case.rows,
            input_dtype=dtype,
            output_dtype=dtype,
        )
        layer.pack(stored, scales.to(x.dtype), 1 << (case.bits - 1), None)
        layers.append(layer)
    return Entry(layers, layers[0].W_q.nbytes + 2 * scales.numel(), case.rows)


def marlin(case: Case, packed: PackedWeight, x: Tensor) -> Entry:
    """Marlin (IST-DASLab, Apache-2.0), CUDA, of the codes without the outliers, in float16."""
    try:
        from marlin import Layer
    except ImportError:
        raise CannotRun("not installed (github.com/IST-DASLab/marlin)") from None
    _require_peer_case(case, x)
    if case.group_size != 128 or case.columns % 128 or case.rows % 256:
        raise CannotRun("takes groups of 128, inputs in 128s and outputs in 256s")
    codes, scales, _ = unpack(packed)
    linear = torch.nn.Linear(case.columns, case.rows, bias=False, dtype=torch.float16)
    linear.to(x.device).weight.data = (codes * scales.repeat_interleave(case.group_size, dim=1)).to(
        torch.float16
    )
    layers = []
    for _ in range(_count(packed.bytes, x.device)):
        layer = Layer(case.columns, case.rows, groupsize=case.group_size).to(x.device)
        layer.pack(linear, scales)
        layers.append(layer)
    products = [_Converted(layer, torch.float16) for layer in layers]
    return Entry(products, layers[0].B.nbytes + layers[0].s.nbytes, case.rows)


def contenders(device: torch.device) -> dict[str, Contender]:
    """Who takes part on a device, by the name they are reported under; the baseline is bfloat16."""
    baseline: dict[str, Contender] = {"bfloat16": partial(dense, dtype=torch.bfloat16)}
    if device.type != "cuda":
        return baseline | {
            "float32": partial(dense, dtype=torch.float32),
            "cpu": partial(ours, backend="cpu"),
        }
    return baseline | {
        "triton": partial(ours, backend="triton"),
        "torch int4": torch_int4,
        "gemlite": gemlite,
        "marlin": marlin,
    }


WITHOUT_OUTLIERS = ("torch int4", "gemlite", "marlin")  # they multiply the codes alone
BASELINES = ("bfloat16", "float32")  # what does not depend on bits and outliers
OURS = ("triton", "cpu")


def _require_peer_case(
    case: Case, x: Tensor, *, bits: tuple[int, ...] = (4,), dtype: torch.dtype | None = None
) -> None:
    if x.device.type != "cuda":
        raise CannotRun("needs a GPU")
    if case.bits not in bits:
        raise CannotRun(f"has no {case.bits}-bit product")
    if dtype is not None and x.dtype != dtype:
        raise CannotRun(f"takes {dtype}, not {x.dtype}")
    if case.columns % case.group_size:
        raise CannotRun(f"takes whole groups of {case.group_size} columns")


def _count(size: int, device: torch.device) -> int:
    return min(MOST_COPIES, copies_wanted(size, device))


def _product(x: Tensor, packed: PackedWeight, backend: str) -> Tensor:
    return quantized_matmul(x, packed, backend=backend)


def _matmul(x: Tensor, weight: Tensor) -> Tensor:
    return torch.matmul(x, weight.T)


def _launched(x: Tensor, packed: PackedWeight, launch: Launch) -> Tensor:
    from kernels.ssqr_matmul import ssqr_matmul

    return ssqr_matmul(x, packed, x.new_empty(len(x), packed.shape[0]), launch)


class _Converted:
    """A product of x in another dtype: x is converted when it is first seen, not when it is timed."""

    def __init__(self, product: Callable[[Tensor], Tensor], dtype: torch.dtype) -> None:
        self.product, self.dtype = product, dtype
        self.seen: tuple[Tensor | None, Tensor | None] = (None, None)

    def __call__(self, x: Tensor) -> Tensor:
        if self.seen[0] is not x:
            self.seen = (x, x.to(self.dtype))
        return self.product(self.seen[1])
