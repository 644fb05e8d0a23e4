"""Codes, scales and outliers in few bits, and back again exactly.

W ≈ scales · codes + outliers, the form of SSQR: integer codes z of b = 2, 3 or 4 bits in groups of
columns that share a scale, and a few weights kept aside in 16 bits. How they lie in memory is told in
`kernels.layout`.

Source: [C] Chen et al., arXiv:2507.18553v4, section 5 and Algorithm 9 for the form; the layout is ours.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kernels.layout import LAYOUT_VERSION, SLOT, Layout
from kernels.outlier_tiles import STORED, outlier_positions, tiled_outliers

BITS = (2, 3, 4)
ROUNDING_ALLOWED = 0.01  # of a scale, by its 16 bits: less than what a code's rounding does
CHUNK = 1 << 22  # codes worked on at once


@dataclass(frozen=True, eq=False)
class PackedWeight:
    """A weight as the kernels read it. Made by `pack`.

    Attributes
    ----------
    planes : tuple of (r, words) int32 tensors
        One for 2 and 4 bits, two for 3.
    scales : (r, groups) float16 tensor
    outliers : (n,) int32 tensor
        Entries.
    tile_starts : (row tiles · tiles + 1,) int32 tensor
    layout : Layout
    version : int
        `LAYOUT_VERSION` when it was packed.
    """

    planes: tuple[Tensor, ...]
    scales: Tensor
    outliers: Tensor
    tile_starts: Tensor
    layout: Layout
    version: int = LAYOUT_VERSION

    @property
    def shape(self) -> tuple[int, int]:
        """(r, c) of the weight."""
        return len(self.scales), self.layout.columns

    @property
    def bits(self) -> int:
        """Of a code."""
        return self.layout.bits

    @property
    def group_size(self) -> int:
        """Columns that share a scale."""
        return self.layout.group_size

    @property
    def device(self) -> torch.device:
        """Where all of it lies."""
        return self.scales.device

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All that is stored."""
        return (*self.planes, self.scales, self.outliers, self.tile_starts)

    @property
    def bytes(self) -> int:
        """Stored size, filling included."""
        return sum(tensor.nbytes for tensor in self.tensors)

    @property
    def bits_per_weight(self) -> float:
        """Stored size over the number of weights."""
        rows, columns = self.shape
        return 8 * self.bytes / (rows * columns)

    @property
    def outlier_rate(self) -> float:
        """Of all weights, those kept aside."""
        rows, columns = self.shape
        return len(self.outliers) / (rows * columns)

    def to(self, device: torch.device | str) -> "PackedWeight":
        """The same on another device."""
        return self._with([tensor.to(device) for tensor in self.tensors])

    def copy(self) -> "PackedWeight":
        """The same in other memory."""
        return self._with([tensor.clone() for tensor in self.tensors])

    def _with(self, tensors: list[Tensor]) -> "PackedWeight":
        *planes, scales, outliers, tile_starts = tensors
        return replace(
            self,
            planes=tuple(planes),
            scales=scales,
            outliers=outliers,
            tile_starts=tile_starts,
        )


def pack(
    codes: Tensor,
    scales: Tensor,
    outliers: Tensor | None = None,
    *,
    bits: int,
    group_size: int | None,
) -> PackedWeight:
    """Store a quantized weight in few bits.

    Parameters
    ----------
    codes : (r, c) integer tensor
        −2^(b−1) … 2^(b−1)−1, columns in input order. On any device; the result is on the same.
    scales : (r, groups) floating tensor
        One for each row and group, ``groups = ceil(c / group_size)``. Stored as float16: numbers
        that are float16 come back exactly, others rounded to the nearest.
    outliers : (r, c) sparse tensor, optional
        Values added to ``scales · codes``, of any floating dtype, stored as float16 too. Every entry
        is kept, also one whose value is 0.
    bits : {2, 3, 4}
        b.
    group_size : int or None
        Consecutive columns that share a scale; the last group may be shorter. ``None`` is one scale
        a row.

    Returns
    -------
    PackedWeight

    Raises
    ------
    ValueError
        For other bits, codes outside their range, shapes or devices that do not match, or a scale or
        an outlier that float16 cannot hold.

    Examples
    --------
    >>> packed = pack(torch.tensor([[-2, 1, 0]]), torch.tensor([[0.5]]), bits=2, group_size=None)
    >>> unpack(packed)[0]
    tensor([[-2,  1,  0]], dtype=torch.int8)
    """
    layout = _checked_layout(codes, bits, group_size)
    if scales.shape != (len(codes), layout.groups):
        raise ValueError(
            f"scales have shape {tuple(scales.shape)}; {(len(codes), layout.groups)} was wanted, one "
            f"for each row and each group of {layout.group_size} of {layout.columns} columns."
        )
    if scales.device != codes.device:
        raise ValueError(f"codes are on {codes.device} and scales on {scales.device}; move one.")
    entries, tile_starts = tiled_outliers(outliers, layout, codes)
    return PackedWeight(
        _planes(codes, layout), _stored_scales(scales), entries, tile_starts, layout
    )


def unpack(packed: PackedWeight) -> tuple[Tensor, Tensor, Tensor]:
    """The codes, scales and outliers that are stored; packing them again gives the same bits.

    Returns
    -------
    codes : (r, c) int8 tensor
    scales : (r, groups) float16 tensor
    outliers : (r, c) sparse float16 tensor
        Coalesced, with every entry, also one whose value is 0.

    Raises
    ------
    ValueError
        If it was packed by another version of the layout.
    """
    require_version(packed)
    layout = packed.layout
    codes = torch.empty(packed.shape, dtype=torch.int8, device=packed.device)
    places = layout.places(packed.device)
    rows_at_once = max(1, CHUNK // layout.columns)
    for start in range(0, len(codes), rows_at_once):
        rows = slice(start, start + rows_at_once)
        fields = [
            _fields(plane[rows], width) << (2 * place)
            for place, (plane, (width, _)) in enumerate(
                zip(packed.planes, layout.planes, strict=True)
            )
        ]
        codes[rows] = (sum(fields)[:, places] - (1 << (layout.bits - 1))).to(torch.int8)
    indices, values = outlier_positions(packed.outliers, packed.tile_starts, layout)
    outliers = torch.sparse_coo_tensor(indices, values, packed.shape, check_invariants=False)
    return codes, packed.scales, outliers.coalesce()


def require_version(packed: PackedWeight) -> None:
    """Raise a ``ValueError`` unless the weight has the layout of this code."""
    if packed.version != LAYOUT_VERSION:
        raise ValueError(
            f"this weight was packed with layout {packed.version}; layout {LAYOUT_VERSION} was "
            "wanted. Pack it again from its codes, scales and outliers."
        )


def _checked_layout(codes: Tensor, bits: int, group_size: int | None) -> Layout:
    if not isinstance(bits, int) or bits not in BITS:
        raise ValueError(f"bits is {bits!r}; 2, 3 or 4 was wanted.")
    if codes.ndim != 2 or 0 in codes.shape:
        raise ValueError(f"codes have shape {tuple(codes.shape)}; (r, c) was wanted.")
    if codes.is_floating_point() or codes.is_complex() or codes.dtype == torch.bool:
        raise ValueError(f"codes are {codes.dtype}; an integer dtype was wanted.")
    if group_size is not None and (not isinstance(group_size, int) or group_size < 1):
        raise ValueError(
            f"group_size is {group_size!r}; a whole number of columns ≥ 1 was wanted "
            "(None for one scale a row)."
        )
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    least, most = int(codes.min()), int(codes.max())
    if least < low or most > high:
        raise ValueError(
            f"codes go from {least} to {most}; {bits} bits hold {low} … {high}. Quantize with "
            'overflow="clip" or method "ssqr", or pack with more bits.'
        )
    columns = codes.shape[1]
    return Layout(bits, columns, min(group_size or columns, columns))


def _planes(codes: Tensor, layout: Layout) -> tuple[Tensor, ...]:
    planes = tuple(
        torch.empty(len(codes), words, dtype=torch.int32, device=codes.device)
        for _, words in layout.planes
    )
    rows_at_once = max(1, CHUNK // layout.columns)
    for start in range(0, len(codes), rows_at_once):
        rows = slice(start, start + rows_at_once)
        stored = layout.slotted(codes[rows].to(torch.int32)) + (1 << (layout.bits - 1))
        for place, (plane, (width, _)) in enumerate(zip(planes, layout.planes, strict=True)):
            field = (stored >> (2 * place)) & ((1 << width) - 1)
            # (rows, runs of 8 words, fields, half-words)
            runs = field.view(len(field), -1, 16 // width, SLOT)
            shifts = torch.arange(0, 16, width, dtype=torch.int32, device=codes.device)
            halves = (runs << shifts[:, None]).sum(dim=2, dtype=torch.int32)
            # Two half-words side by side are one word, the even one in its low half.
            plane[rows] = halves.to(torch.int16).view(len(field), -1).view(torch.int32)
    return planes


def _fields(plane: Tensor, width: int) -> Tensor:
    """The fields of a plane in the order of the slots, (rows, slots · 16) int32."""
    halves = plane.view(torch.int16).view(len(plane), -1, 1, SLOT).to(torch.int32)
    shifts = torch.arange(0, 16, width, dtype=torch.int32, device=plane.device)
    return ((halves >> shifts[:, None]) & ((1 << width) - 1)).view(len(plane), -1)


def _stored_scales(scales: Tensor) -> Tensor:
    if not scales.is_floating_point():
        raise ValueError(f"scales are {scales.dtype}; a floating dtype was wanted.")
    stored = scales.detach().to(STORED)
    off = (stored.double() - scales.double()).abs() > ROUNDING_ALLOWED * scales.double().abs()
    if off.any() or not torch.isfinite(stored).all():
        bad = scales[off | ~torch.isfinite(stored)][0].item()
        raise ValueError(
            f"a scale is {bad:.3g}; {STORED} holds finite numbers of size 1e-5 … "
            f"{torch.finfo(STORED).max:,.0f}. Multiply the weight by a power of two, or mend the NaN."
        )
    return stored.contiguous()
