"""Which grid a quantized weight lies on, from its numbers alone.

``Q = scales · codes + offsets``, with one scale (and offset) for the layer, for each row or column,
or for each row and group of consecutive input columns. Zero points that are whole numbers need no
offset: ``s · (z − zero)`` is a multiple of s, and only says which codes the grid admits. Of all
grids that explain Q the one that is shortest to write down is taken: code width, plus 16 bits a
scale.

Q alone leaves open whether all codes of a group have a common factor, which happens in short groups
(the last group of 130 columns has 2), and where a grid begins that is not used to its ends. The
unquantized weight, if given, decides both.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from lattice_core.layers.grid_search import (
    GROUP_SIZES,
    Fit,
    Granularity,
    code_ranges,
    shortest_fit,
)
from lattice_core.layers.scales import SCALE_BITS

SEEN = 64  # rows that an error message is about
MOST_COMMON = 16  # factor of a group's codes that is thought of
SPREAD = 0.25  # in octaves, of a group's scale over its largest weight


@dataclass(frozen=True, eq=False)
class ImpliedGrid:
    """The grid of a quantized layer: ``Q ≈ scales · codes + offsets``.

    Attributes
    ----------
    codes : (r, c) int64 tensor
        Whole multiples of the scale, as of 0; where there are offsets, from the group's least value.
    scales, offsets : (r, c) float64 tensor
        Offsets are 0 unless the grid does not contain 0.
    low : (r, c) int64 tensor
        The least admissible code; minus the zero point. `high` is ``low + 2^bits − 1``.
    bits : int
        The least code width that does for every group.
    granularity : {"layer", "row", "column", "group", "given"}
        What shares a scale; ``"given"``: the scales were not inferred.
    group_size : int or None
        Input columns that share a scale, neighbours unless a checkpoint says which belong together; ``None``
        unless that is what they do.
    scale_count : int
        How many scales are to be stored.
    residual : float
        The largest ``|Q − scales · codes − offsets|`` over the scale.
    uncertainty : float
        What rounding, as it is seen in the numbers, may have moved the largest code by, in steps.
    """

    codes: Tensor
    scales: Tensor
    offsets: Tensor
    low: Tensor
    bits: int
    granularity: Granularity
    group_size: int | None
    scale_count: int
    residual: float
    uncertainty: float

    def to(self, device: torch.device) -> "ImpliedGrid":
        """The same on a device."""
        names = ("codes", "scales", "offsets", "low")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    @property
    def high(self) -> Tensor:
        """The largest admissible code, (r, c)."""
        return self.low + 2**self.bits - 1

    @property
    def is_symmetric(self) -> bool:
        """Whether every group admits ``−2^(b−1) … 2^(b−1)−1``."""
        return bool((self.low == -(2 ** (self.bits - 1))).all()) and not self.has_offsets

    @property
    def has_offsets(self) -> bool:
        """Whether the grid does not contain 0."""
        return bool((self.offsets != 0).any())

    @property
    def bits_per_weight(self) -> float:
        """Code width, 16 bits a scale, and the zero points: as wide as a code, offsets 16 bits."""
        zero_bits = SCALE_BITS if self.has_offsets else 0 if self.is_symmetric else self.bits
        return self.bits + (SCALE_BITS + zero_bits) * self.scale_count / self.codes.numel()

    def dequantize(self) -> Tensor:
        """``scales · codes + offsets``, (r, c)."""
        return self.scales * self.codes + self.offsets


def implied_grid(quantized: Tensor, *, weight: Tensor | None = None) -> ImpliedGrid:
    """The coarsest grid on which a quantized weight lies.

    Numbers may have been rounded to float16 or bfloat16 (which it is, is seen from the numbers); in
    bfloat16 codes beyond ±16 are not told apart, in float16 those beyond ±128. Codes beyond ±1024
    are taken for no grid at all.

    Parameters
    ----------
    quantized : (r, c) tensor
        Any floating dtype; dequantized.
    weight : (r, c) tensor, optional
        The weight before quantization. It decides what Q leaves open: a common factor of all codes
        of a short group, where the admissible codes begin, and the scale of a group of zeros (1
        without it).

    Raises
    ------
    ValueError
        If Q is no finite matrix, or not on such a grid: not quantized, quantized with groups that
        are not consecutive columns, or too small to tell.
    """
    values = require_quantized(quantized)
    best = shortest_fit(values)
    if best is None:
        raise ValueError(_why_no_grid(values))
    return _settled(values, best, weight)


def _settled(values: Tensor, fit: Fit, weight: Tensor | None) -> ImpliedGrid:
    """The fit as a grid, with the weight's word on what the numbers leave open."""
    layout, spacings, codes, bits = fit.layout, fit.spacings, fit.codes, fit.bits
    original = None
    if weight is not None:
        original = weight.detach().double().to(values.device)
        if original.shape != values.shape:
            raise ValueError(
                f"weight has shape {tuple(original.shape)} and the quantized weight "
                f"{tuple(values.shape)}; the same was wanted."
            )
        original = layout.split(original)
    has_offsets = bool((fit.offsets != 0).any())
    if original is not None and not has_offsets and layout.granularity in ("row", "group"):
        own = torch.arange(codes.shape[1], device=codes.device) < layout.sizes(codes)[:, None]
        factors = _common_factors(codes * own, spacings, original.abs().amax(dim=1), bits)
        codes = codes * factors[:, None]
        spacings = spacings / factors
    spacings = _with_zero_groups(spacings, original)
    low = torch.zeros_like(codes[:, 0]) if has_offsets else _lowest(codes, bits, original)
    scales, offsets = layout.spread(spacings), layout.spread(fit.offsets)
    whole = ((values - offsets) / scales).round()
    residual = ((values - offsets) / scales - whole).abs().max().item()
    return ImpliedGrid(
        codes=whole.long(),
        scales=scales,
        offsets=offsets,
        low=layout.spread(low),
        bits=bits,
        granularity=layout.granularity,
        group_size=layout.group_size,
        scale_count=layout.count,
        residual=residual,
        uncertainty=fit.precision.epsilon * codes.abs().max().item(),
    )


def _common_factors(codes: Tensor, spacings: Tensor, largest: Tensor, bits: int) -> Tensor:
    """What all codes of a group were divided by, (k,): 1 unless the weights speak for more.

    That n codes share a factor k by chance has a probability of about k^−n. Against that stands how
    far the group's scale is from its usual share of the largest weight.
    """
    known = (spacings > 0) & (largest > 0)
    if not known.any():
        return torch.ones_like(spacings)
    shares = torch.where(known, spacings / torch.where(known, largest, 1.0), 1.0).log2()
    octaves = shares - shares[known].median()
    counts = torch.count_nonzero(codes, dim=1).double()
    low, high = code_ranges(codes)
    half = 2 ** (bits - 1)
    # No further than the other groups reach, or a symmetric grid does.
    bottom, top = int(low.min()), int(high.max())
    if bottom >= -half and top < half:
        bottom, top = -half, half - 1
    best, least_cost = torch.ones_like(spacings), torch.full_like(spacings, torch.inf)
    for factor in range(1, min(half, MOST_COMMON) + 1):
        octave = torch.tensor(float(factor)).log2().item()
        cost = counts * octave + (octaves - octave).square() / (2 * SPREAD**2 * 0.693)
        allowed = ((low * factor >= bottom) & (high * factor <= top)) | (factor == 1)
        better = known & allowed & (cost < least_cost)
        best = torch.where(better, float(factor), best)
        least_cost = torch.where(better, cost, least_cost)
    return best


def _with_zero_groups(spacings: Tensor, original: Tensor | None) -> Tensor:
    """Groups of equal numbers get their usual share of the largest weight, or 1."""
    known = spacings > 0
    if original is None or known.all() or not known.any():
        return torch.where(known, spacings, 1.0)
    largest = original.abs().amax(dim=1)
    usual = (spacings[known] / largest[known].clamp(min=1e-300)).median() * largest
    return torch.where(known, spacings, torch.where(usual > 0, usual, 1.0))


def _lowest(codes: Tensor, bits: int, original: Tensor | None) -> Tensor:
    """The least admissible code of each group, (k,)."""
    low, high = code_ranges(codes)
    half = 2 ** (bits - 1)
    wanted = torch.full_like(low, -half)
    if bool((low >= -half).all() and (high < half).all()):
        return wanted
    if original is not None:
        # As GPTQ places it: the grid's share below 0 is the weights', however far it was shrunk.
        least, most = original.aminmax(dim=1)
        least, most = least.clamp(max=0), most.clamp(min=0)
        span = torch.where(most > least, most - least, 1.0)
        wanted = (least * (2**bits - 1) / span).round().long()
    return torch.minimum(torch.maximum(wanted, high - (2**bits - 1)), low)


def require_quantized(quantized: Tensor) -> Tensor:
    """The numbers of Q in float64, or a ``ValueError`` if it is no finite matrix."""
    values = quantized.detach().double()
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(
            f"the quantized weight has shape {tuple(values.shape)}; (r, c) was wanted."
        )
    if not torch.isfinite(values).all():
        row, column = torch.nonzero(~torch.isfinite(values))[0].tolist()
        raise ValueError(
            f"the quantized weight holds {values[row, column].item()} at ({row}, {column}); every "
            "number must be finite."
        )
    return values


def _why_no_grid(values: Tensor) -> str:
    rows, columns = values.shape
    distinct = min(len(row.unique()) for row in values[:SEEN])
    sizes = ", ".join(str(size) for size in sorted(GROUP_SIZES))
    if torch.count_nonzero(values) == 0:
        return "every number of the quantized weight is 0: no scale can be told. Pass scales=."
    return (
        f"the quantized weight, {rows} × {columns} with {distinct} or more distinct numbers in a "
        "row, is on no grid that can be told from its numbers: multiples of a scale, with or "
        "without an offset, for the layer, each row, each column, or each row and group of "
        f"{sizes} consecutive columns. Is it quantized at all, and dequantized? If its groups are "
        "others (desc_act), weights are kept aside, or there are too few numbers for a scale, "
        "pass its scales= (and codes=)."
    )
