"""Grid spacings as they are stored: a few numbers from which all r·c of them follow.

``s_ij = base · 2^(−e_j / 8) · (1 + a_j / 128) · (1 + b_i / 128)``, where base is one number for the layer, or
one for each row and group of columns; e_j spaces the columns (watersic), and a_j and b_i are whole numbers
that `refit` finds once the codes are there.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from lattice_core.layers.coding.side_information import smallest_integers
from lattice_core.layers.scales import expand_scales

EXPONENT_STEPS = 8  # an octave
REFIT_STEPS = 128  # of a factor 1


@dataclass(frozen=True, eq=False)
class ScaleForm:
    """Spacings in parts.

    Attributes
    ----------
    base : (1, 1) or (r, groups) tensor
    group_size : int or None
        Input columns that share a base; ``None`` is all of them.
    exponents : (c,) int64 tensor or None
        e_j.
    column_steps, row_steps : (c,) and (r,) int64 tensor or None
        a_j and b_i.
    """

    base: Tensor
    group_size: int | None
    exponents: Tensor | None = None
    column_steps: Tensor | None = None
    row_steps: Tensor | None = None

    def expand(self, rows: int, columns: int) -> Tensor:
        """All spacings, (rows, columns) float64."""
        scales = expand_scales(
            self.base.double(), group_size=self.group_size or columns, columns=columns
        )
        if self.exponents is not None:
            scales = scales * torch.exp2(-self.exponents.double() / EXPONENT_STEPS)
        if self.column_steps is not None:
            scales = scales * (1 + self.column_steps.double() / REFIT_STEPS)
        if self.row_steps is not None:
            scales = scales * (1 + self.row_steps.double() / REFIT_STEPS)[:, None]
        return scales.expand(rows, columns)

    def times(self, factor: float) -> "ScaleForm":
        """All spacings times one factor."""
        return replace(self, base=self.base * factor)

    @property
    def stored(self) -> "ScaleForm":
        """With the base in the precision that it is stored in."""
        base = torch.from_numpy(self._stored_base()).to(self.base.device)
        return replace(self, base=base.double())

    @property
    def side(self) -> dict[str, np.ndarray]:
        """As arrays to store."""
        parts = {
            "exponents": self.exponents,
            "column_steps": self.column_steps,
            "row_steps": self.row_steps,
        }
        found = {
            name: smallest_integers(part.cpu().numpy())
            for name, part in parts.items()
            if part is not None
        }
        return {"base": self._stored_base(), **found}

    @staticmethod
    def from_side(side: dict[str, np.ndarray], group_size: int | None) -> "ScaleForm":
        """The inverse of `side`."""
        parts = {
            name: torch.from_numpy(side[name].astype(np.int64)) if name in side else None
            for name in ("exponents", "column_steps", "row_steps")
        }
        return ScaleForm(torch.from_numpy(side["base"]).double(), group_size, **parts)

    def _stored_base(self) -> np.ndarray:
        """16 bits for each, or 32 where there is one only, or where float16 is too coarse or ends."""
        base = self.base.double().cpu().numpy()
        with np.errstate(over="ignore"):  # what float16 cannot hold is seen below
            half = base.astype(np.float16)
        off = np.abs(half.astype(np.float64) - base)
        if base.size > 1 and (off <= base * 2.0**-10).all():
            return half
        return base.astype(np.float32)
