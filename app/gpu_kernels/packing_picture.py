"""Which bits of a packed row belong to which column, found by packing: no second description."""

from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app.figures.word_layout import word_layout


@dataclass(frozen=True, eq=False)
class PlaneOwners:
    """Eight words of a plane.

    Attributes
    ----------
    title : str
    width : int
        Bits of a field.
    columns : (8, 32) int array
        Owner of each bit, bit 0 first.
    """

    title: str
    width: int
    columns: np.ndarray


@st.cache_data(max_entries=10, show_spinner=False)
def plane_owners(bits: int) -> list[PlaneOwners]:
    """One plane, or with 3 bits the first words of the low plane and the high plane."""
    import torch

    from kernels.layout import SLOT, WORDS, Layout
    from kernels.packing import pack

    layout = Layout(bits, 1, 1)
    columns = layout.slots_per_unit * SLOT
    # In row k all bits of column k are set, and no others.
    codes = torch.full((columns, columns), -(1 << (bits - 1)))
    codes.fill_diagonal_((1 << (bits - 1)) - 1)
    packed = pack(codes, torch.ones(columns, 1), bits=bits, group_size=None)
    found = []
    for plane, (width, _) in zip(packed.planes, packed.layout.planes, strict=True):
        words = plane[:, :WORDS].numpy().view(np.uint32)
        set_bits = (words[:, :, None] >> np.arange(32, dtype=np.uint32)) & 1  # (columns, 8, 32)
        title = f"{width} bits of each code"
        if bits == 3:
            title = "Low two bits, columns 0 … 127" if width == 2 else "High bit, columns 0 … 255"
        found.append(PlaneOwners(title, width, set_bits.argmax(axis=0)))
    return found


def picture(owners: PlaneOwners) -> go.Figure:
    """The figure of one plane."""
    from kernels.layout import SLOT

    return word_layout(owners.columns, owners.width, SLOT)
