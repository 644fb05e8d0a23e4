"""Which grouping of a layer's numbers explains them on grids that are shortest to write down."""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from lattice_core.layers.implied_spacing import (
    Precision,
    possible_precisions,
    spacings_anywhere,
    spacings_around_zero,
)
from lattice_core.layers.scales import SCALE_BITS

Granularity = Literal["layer", "row", "column", "group", "given"]

GROUP_SIZES = (256, 128, 96, 64, 48, 32, 16)
SAMPLE = 32  # groups that are looked at before the others
LEAST_EVIDENCE = 4  # numbers other than 0 for each scale that is to be found


@dataclass(frozen=True)
class Layout:
    """How a layer's numbers are divided into groups that share a scale."""

    granularity: Granularity
    group_size: int | None
    shape: tuple[int, int]

    @property
    def count(self) -> int:
        """How many groups there are."""
        rows, columns = self.shape
        by_group = rows * -(-columns // (self.group_size or columns))
        return {"layer": 1, "row": rows, "column": columns, "group": by_group}[self.granularity]

    def split(self, values: Tensor) -> Tensor:
        """(k, n); a short last group is filled with its last number."""
        if self.granularity == "layer":
            return values.reshape(1, -1)
        if self.granularity == "row":
            return values
        if self.granularity == "column":
            return values.T
        assert self.group_size is not None
        width = -(-self.shape[1] // self.group_size) * self.group_size
        taken = torch.arange(width, device=values.device).clamp(max=self.shape[1] - 1)
        return values[:, taken].reshape(-1, self.group_size)

    def sizes(self, groups: Tensor) -> Tensor:
        """How many numbers of each group, (k, n) as `split` gives them, are its own; (k,)."""
        sizes = torch.full_like(groups[:, 0], groups.shape[1], dtype=torch.int64)
        if self.group_size is not None and (rest := self.shape[1] % self.group_size):
            sizes[self.count // self.shape[0] - 1 :: self.count // self.shape[0]] = rest
        return sizes

    def spread(self, numbers: Tensor) -> Tensor:
        """One number a group, (k,), as one for each weight, (r, c)."""
        rows, columns = self.shape
        if self.granularity == "column":
            return numbers.expand(self.shape).contiguous()
        per_row = numbers.expand(rows)[:, None] if self.granularity == "layer" else numbers
        per_row = per_row.reshape(rows, -1)
        size = -(-columns // per_row.shape[1]) if self.group_size is None else self.group_size
        return per_row.repeat_interleave(size, dim=1)[:, :columns]


@dataclass(frozen=True)
class Fit:
    """A layout with the grid of each group, (k,) and (k, n), and how the numbers were rounded."""

    layout: Layout
    precision: Precision
    spacings: Tensor
    offsets: Tensor
    codes: Tensor

    @property
    def bits(self) -> int:
        """Width that does for every group: symmetric if that is no wider than any other."""
        return _width(*code_ranges(self.codes))

    @property
    def length(self) -> float:
        """Bits a weight to write it down; of a sample of the groups, at most that of all."""
        scale_bits = SCALE_BITS * (2 if (self.offsets != 0).any() else 1)
        return self.bits + scale_bits * self.layout.count / math.prod(self.layout.shape)


def shortest_fit(values: Tensor) -> Fit | None:
    """The grid that explains the numbers and is shortest to write down, if there is one.

    Grids with an offset are looked at only where those around 0 fail, or need codes above 8 bits.

    Parameters
    ----------
    values : (r, c) float64 tensor
    """
    best = _shortest(values, None, offset=False)
    if best is None or best.bits > 8:
        best = _shortest(values, best, offset=True)
    return best


def _shortest(values: Tensor, best: Fit | None, *, offset: bool) -> Fit | None:
    rows, columns = values.shape
    precisions = possible_precisions(values)
    for layout in layouts((rows, columns)):
        for precision in precisions:
            best = _shorter(values, layout, precision, best, offset=offset)
    return best


def _shorter(
    values: Tensor,
    layout: Layout,
    precision: Precision,
    best: Fit | None,
    *,
    offset: bool,
) -> Fit | None:
    """The shorter of the best fit so far and this layout's, if it has one."""
    groups = layout.split(values)
    parameters = LEAST_EVIDENCE * layout.count * (2 if offset else 1)
    if torch.count_nonzero(values) < parameters:
        return best
    # A few groups first: all of them cannot be shorter.
    chosen = torch.linspace(0, len(groups) - 1, min(len(groups), SAMPLE), device=values.device)
    for part in (groups[chosen.long()], groups):
        fit = _fit(part, layout, precision, offset=offset)
        if fit is None or (best is not None and fit.length >= best.length):
            return best
    return fit


def _fit(groups: Tensor, layout: Layout, precision: Precision, *, offset: bool) -> Fit | None:
    if offset:
        found = spacings_anywhere(groups, precision)
        if found is None:
            return None
        spacings, offsets = found
    else:
        alone = spacings_around_zero(groups, precision)
        if alone is None:
            return None
        spacings, offsets = alone, torch.zeros_like(alone)
    used = torch.where(spacings > 0, spacings, 1.0)
    codes = ((groups - offsets[:, None]) / used[:, None]).round().long()
    return Fit(layout, precision, spacings, offsets, codes)


def code_ranges(codes: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the largest code of each group, with 0 among them."""
    low, high = codes.aminmax(dim=1)
    return low.clamp(max=0), high.clamp(min=0)


def _width(low: Tensor, high: Tensor) -> int:
    return max(1, int((high - low).max()).bit_length())


def layouts(shape: tuple[int, int]) -> list[Layout]:
    """What may share a scale in a layer of this shape, coarsest first."""
    whole = [Layout("layer", None, shape), Layout("row", None, shape)]
    by_group = [Layout("group", size, shape) for size in GROUP_SIZES if size < shape[1]]
    return [*whole, Layout("column", None, shape), *by_group]
