"""y = x Wᵀ on a processor: torch's 4-bit product, and the outliers as a sparse matrix.

torch multiplies bfloat16 with 4-bit codes in groups of 32, 64, 128 or 256 columns, faster than with
bfloat16 weights as long as x has few rows. Codes of 2 and 3 bits go the same way. It rounds scales and
results to bfloat16: the result is off by about 0.3 %, whatever the dtype of x.
"""

import warnings
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from torch.nn.functional import pad

from kernels.packing import PackedWeight, unpack

GROUPS = (256, 128, 64, 32)  # that torch knows
ROWS = 16  # torch wants a multiple of it
ZERO = 8  # what a code 0 is stored as


@dataclass(frozen=True, eq=False)
class _Prepared:
    """A weight as torch wants it.

    Attributes
    ----------
    codes : tensor
        In torch's own order; rows and columns filled up.
    scales : (groups, rows, 2) bfloat16 tensor
        Scales, and zeros beside them.
    group_size, columns : int
        Of `codes`.
    outliers : (r, c) sparse CSR float32 tensor or None
    """

    codes: Tensor
    scales: Tensor
    group_size: int
    columns: int
    outliers: Tensor | None

    @property
    def bytes(self) -> int:
        """All that a product reads."""
        tensors = [self.codes, self.scales]
        if self.outliers is not None:
            rows = self.outliers
            tensors += [rows.crow_indices(), rows.col_indices(), rows.values()]
        return sum(tensor.nbytes for tensor in tensors)


_prepared: "WeakKeyDictionary[PackedWeight, _Prepared]" = WeakKeyDictionary()


def unavailable_for(packed: PackedWeight) -> str:
    """Why this weight cannot be multiplied here, in words; empty if it can."""
    if not hasattr(torch.ops.aten, "_weight_int4pack_mm_for_cpu"):
        return f"torch {torch.__version__} has no 4-bit product for processors"
    if _group_size(packed) is None:
        return (
            f"torch's 4-bit product takes groups of a multiple of 32 columns, and these have "
            f"{packed.group_size}"
        )
    if len(packed.outliers) and not torch.backends.mkl.is_available():
        return "torch was built without MKL, which its sparse product of the outliers needs"
    return ""


def cpu_matmul(x: Tensor, packed: PackedWeight) -> Tensor:
    """``x Wᵀ``, (M, r), in the dtype of x.

    The weight is brought into torch's order when it is first used, and kept as long as it lives.

    Parameters
    ----------
    x : (M, c) bfloat16, float16 or float32 tensor
        On the CPU, M ≥ 1.
    packed : PackedWeight
        (r, c), one that `unavailable_for` has nothing against.
    """
    weight = prepare(packed)
    filled = x.to(torch.bfloat16)
    if weight.columns != x.shape[1]:
        filled = pad(filled, (0, weight.columns - x.shape[1]))
    y = torch.ops.aten._weight_int4pack_mm_for_cpu(
        filled, weight.codes, weight.group_size, weight.scales
    )[:, : packed.shape[0]]
    if weight.outliers is None:
        return y.to(x.dtype)
    wide = x.to(torch.float32)
    # A matrix of one column takes three times as long as a vector.
    aside = (weight.outliers @ wide[0])[None] if len(x) == 1 else (weight.outliers @ wide.T).T
    return (y + aside).to(x.dtype)


def prepare(packed: PackedWeight) -> _Prepared:
    """Bring a weight into torch's order, unless that was done before."""
    if packed not in _prepared:
        _prepared[packed] = _made(packed)
    return _prepared[packed]


def _made(packed: PackedWeight) -> _Prepared:
    rows, columns = packed.shape
    group_size = _group_size(packed)
    assert group_size is not None
    codes, scales, outliers = unpack(packed)
    filling = (0, -columns % group_size, 0, -rows % ROWS)
    filled = pad(codes.to(torch.int32), filling) + ZERO
    spread = scales.repeat_interleave(packed.group_size, dim=1)[:, :columns:group_size]
    spread = pad(spread, (0, 0, 0, -rows % ROWS)).to(torch.bfloat16)
    return _Prepared(
        codes=torch.ops.aten._convert_weight_to_int4pack_for_cpu(filled, 1),
        scales=torch.stack([spread.T, torch.zeros_like(spread.T)], dim=-1).contiguous(),
        group_size=group_size,
        columns=filled.shape[1],
        outliers=_by_rows(outliers) if outliers._nnz() else None,
    )


def _by_rows(outliers: Tensor) -> Tensor:
    """Sparse CSR with 32-bit indices, which are read in half the time."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta")
        rows = outliers.to(torch.float32).to_sparse_csr()
    starts, columns = rows.crow_indices().to(torch.int32), rows.col_indices().to(torch.int32)
    return torch.sparse_csr_tensor(
        starts, columns, rows.values(), rows.shape, check_invariants=False
    )


def _group_size(packed: PackedWeight) -> int | None:
    """The largest that torch takes and that has one scale, without filling if possible."""
    columns = packed.shape[1]
    whole_row = packed.layout.groups == 1
    fitting = [size for size in GROUPS if whole_row or packed.group_size % size == 0]
    exact = [size for size in fitting if columns % size == 0]
    return next(iter(exact or fitting), None)
