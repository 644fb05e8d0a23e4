"""The products that are timed: shapes of models, and weights drawn at random.

How long a product takes does not depend on the numbers, unless they are all zeros.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.packing import PackedWeight, pack

# Inputs and outputs of layers, by their size or the model that has them.
SHAPES = {
    "4096x4096": (4096, 4096),
    "4096x14336": (4096, 14336),
    "8192x28672": (8192, 28672),
    "smollm2-q": (576, 576),
    "smollm2-up": (576, 1536),
    "smollm2-down": (1536, 576),
    "qwen3-0.6b-up": (1024, 3072),
    "qwen3-0.6b-down": (3072, 1024),
}
LARGE = ("8192x28672",)  # too slow for a processor unless asked for
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
