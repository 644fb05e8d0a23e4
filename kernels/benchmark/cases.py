"""The products that are timed: weights drawn at random, and with how many rows of x.

How long a product takes does not depend on the numbers, unless they are all zeros.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.packing import PackedWeight, pack

BATCHES = (1, 2, 4, 8, 16, 32, 64)
BITS = (4, 3, 2)
OUTLIER_RATES = (0.0, 0.01, 0.05)
GROUP_SIZE = 128
HEADLINE = (4, 0.01)  # bits and outlier rate of the targets


@dataclass(frozen=True)
class Case:
    """A weight and how it is stored.

    Attributes
    ----------
    columns, rows : int
        Inputs c and outputs r.
    bits : int
    outlier_rate : float
    group_size : int
    """

    columns: int
    rows: int
    bits: int = 4
    outlier_rate: float = 0.01
    group_size: int = GROUP_SIZE

    def draw(self, device: torch.device, seed: int = 0) -> PackedWeight:
        """Codes from the whole range, scales about 1/100, outliers about ten times a code's step."""
        generator = torch.Generator(device).manual_seed(seed)
        shape = (self.rows, self.columns)
        half = 1 << (self.bits - 1)
        codes = torch.randint(
            -half, half, shape, generator=generator, dtype=torch.int8, device=device
        )
        groups = -(-self.columns // self.group_size)
        scales = torch.rand(self.rows, groups, generator=generator, device=device) / 100 + 0.005
        outliers = self._draw_outliers(codes, generator) if self.outlier_rate else None
        return pack(codes, scales.half(), outliers, bits=self.bits, group_size=self.group_size)

    def _draw_outliers(self, codes: Tensor, generator: torch.Generator) -> Tensor:
        count = round(self.outlier_rate * codes.numel())
        places = torch.randint(
            codes.numel(), (count,), generator=generator, device=codes.device
        ).unique()
        indices = torch.stack([places // self.columns, places % self.columns])
        codes[indices[0], indices[1]] = 0
        values = torch.randn(len(places), generator=generator, device=codes.device) / 10
        return torch.sparse_coo_tensor(
            indices, values, codes.shape, is_coalesced=True, check_invariants=False
        )
