"""The view *How they work*: where the bytes go, how codes are packed, one tile's life."""

import numpy as np
import streamlit as st

from app import cached, lesson
from app.figures.byte_budget import bit_bars, limit_curve
from app.gpu_kernels.choice import KernelChoice
from app.gpu_kernels.controls import change, shape_title
from app.gpu_kernels.entropy import entropy_section
from app.gpu_kernels.packing_picture import picture, plane_owners
from app.gpu_kernels.tile_story import tile_figure
from app.laboratory_snippets import packing_snippet
from app.quiz import predict
from app.shared_problem import shows
from app.stepper import stepper
from kernels.benchmark.shapes import SHAPES

BANDWIDTHS = {  # GB/s
    "H200 (data sheet)": 4800,
    "H100 SXM (data sheet)": 3350,
    "A100 80 GB SXM (data sheet)": 2039,
    "RTX 4090 (data sheet)": 1008,
}
WEIGHTS = np.geomspace(1e5, 1e9, 120)
ROW = 4096  # weights of a row, where one scale is for all of it
Idea = tuple[str, dict[str, object], str]  # label, fields to set, what to look at
BYTE_IDEAS: tuple[Idea, ...] = (
    (
        "2 bits in groups of 32",
        {"bits": 2, "group": 32, "outliers": 0.01},
        "The scales take more than a sixth of the bytes.",
    ),
    (
        "5 % outliers",
        {"bits": 4, "group": 128, "outliers": 0.05},
        "They cost more than another bit in every code would.",
    ),
)
PACKING_IDEAS: tuple[Idea, ...] = (
    ("3 bits", {"bits": 3}, "Two planes, one of them with the third bits. Then step the tile."),
)


def how(choice: KernelChoice) -> None:
    """Where the bytes go, the packing, the tile, entropy-coded weights."""
    st.subheader("Where the bytes go", anchor="bytes")
    st.markdown(
        "To write one more word of text, a model reads all its weights once and does little with each. "
        "So the time is the time that memory takes to bring them. Fewer bytes, less time."
    )
    _bytes(choice)
    _try(BYTE_IDEAS)
    if shows("quiz"):
        _quiz(choice)
    st.subheader("How codes are packed", anchor="packing")
    _packing(choice)
    _try(PACKING_IDEAS)
    st.subheader("The life of a tile", anchor="tile")
    st.markdown(
        "A **program** is one of many copies of the kernel that run at once. A **tile** is the piece of "
        "$W$ that it works on in one step."
    )
    aside = choice.outliers > 0
    stepper(
        lambda: tile_figure(choice.bits, choice.group, outliers=aside),
        key=f"tile_stepper_{choice.bits}_{choice.group}_{aside}",
        step=st.session_state.get("tile_step", 0),
        on_step=lambda step: st.session_state.update(tile_step=step),
        height=540,
    )
    st.caption(
        "Tiles: blue still to come, orange at work, green added up, light orange with ✕ those whose "
        "outliers are multiplied. Bits: orange the field that is looked at, blue the bits of the number "
        "put in."
    )
    st.markdown(
        "This is the kernel for 2 to 64 rows of x, and for one row of a large layer. For one row of a "
        "smaller layer, a program takes 8 rows of W from end to end and multiplies in ordinary "
        "registers: nothing has to be added up across programs. For more than 64 rows the weight is "
        "written out once and given to the library's product, for then there is enough to compute."
    )
    entropy_section()
    lesson.code(packing_snippet(choice))
    lesson.sources(
        {
            "C": "SSQR, the form of these weights (section 5, Algorithm 9), and its own CUDA kernel.",
            "GPTQ": "its kernel for 3-bit weights: models write about 3 times as fast on an A100.",
        }
    )


def _bytes(choice: KernelChoice) -> None:
    from kernels.benchmark.compare import limit, stored_bits

    parts = stored_bits(choice.bits, choice.group or ROW, choice.outliers)
    total = sum(parts.values())
    bars, curve = st.columns(2, gap="large")
    with bars:
        st.plotly_chart(
            bit_bars({"16 bits": {"weight": 16.0}, f"{choice.bits} bits": parts}),
            key="bits",
            alt="Bits of a weight by part, beside 16.",
        )
        st.markdown(
            f"{choice.bits} bits for the code, {parts['scales']:.3g} for a 16-bit scale shared by "
            f"{choice.group or f'a row of {ROW}'}, "
            f"{parts['outliers']:.3g} for outliers of 32 bits each: **{total:.4g} bits a weight**. "
            f"If only bytes counted, this would be **{16 / total:.2f} times** as fast as 16 bits."
        )
    with curve:
        bandwidth, launch = _device()
        ratios = limit(2 * WEIGHTS, total / 8 * WEIGHTS, bandwidth, launch)
        marks = [
            (shape_title(name), c * r, limit(2 * c * r, total / 8 * c * r, bandwidth, launch))
            for name, (c, r) in SHAPES.items()
        ]
        st.plotly_chart(
            limit_curve(WEIGHTS, ratios, 16 / total, marks),
            key="limits",
            alt="Most possible speed-up by number of weights, with a fixed cost of a launch.",
        )
    st.caption(
        "Starting a kernel takes a few microseconds, however small it is. Both products pay for it. So "
        "small layers gain less. Words that are filled up, and where each list of outliers starts, are "
        "left out here; the measurements count them."
    )


def _device() -> tuple[float, float]:
    """Bandwidth in bytes a second, and microseconds of a launch, as the visitor has them."""
    known = dict(BANDWIDTHS)
    for run in cached.recorded_kernel_runs().values():
        known[f"{run.machine.device} (recorded)"] = round(run.copy_bandwidth / 1e9)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        device = st.selectbox("Memory of", list(known), key="limit_device", width=280)
        launch = st.number_input(
            "Launch, µs", 0.0, 100.0, 2.0, 0.5, key="limit_launch", width=130,
            help="What a kernel costs that does nothing. About 2 µs inside a CUDA graph.",
        )  # fmt: skip
    st.caption(f"{known[device]:,} GB/s")
    return known[device] * 1e9, launch


def _quiz(choice: KernelChoice) -> None:
    from kernels.benchmark.compare import stored_bits

    parts = stored_bits(choice.bits, choice.group or ROW, choice.outliers)
    costs = {"more scales: groups half as large": parts["scales"]}
    if parts["outliers"]:
        costs["twice as many outliers"] = parts["outliers"]
    else:
        costs["one bit more in every code"] = 1.0
    predict(
        "Which costs more bytes?",
        list(costs),
        max(costs, key=costs.__getitem__),
        "Bits a weight: " + "; ".join(f"{name} {bits:.3g}" for name, bits in costs.items()) + ".",
        key=f"bytes {choice.bits} {choice.group} {choice.outliers}",
    )


def _packing(choice: KernelChoice) -> None:
    st.markdown(
        "Sixteen neighbouring columns of a row are a **slot**. The codes of a few slots share eight "
        "32-bit words, a **unit**. Each number below is a column of W; neighbouring slots have different "
        "colours. Neighbouring columns lie in the two halves of a word at the same height: so one shift "
        "and one mask take both out at once."
        + (
            " Three bits do not divide a word evenly. So the low two bits of all codes lie together, and "
            "the third bits apart from them: two **planes**."
            if choice.bits == 3
            else ""
        )
    )
    found = plane_owners(choice.bits)
    for column, owners in zip(st.columns(len(found)), found, strict=True):
        with column:
            st.markdown(f"**{owners.title}**")
            st.plotly_chart(
                picture(owners),
                key=f"plane_{choice.bits}_{owners.width}",
                alt=f"The column of W that each field of eight words belongs to: {owners.title}.",
            )
    st.caption("Found by packing one column after another, and looking which bits change.")


def _try(ideas: tuple[Idea, ...]) -> None:
    if not shows("try"):
        return
    st.markdown("**Try this**")
    for label, fields, look in ideas:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(label, key=f"try_{label}", on_click=change, kwargs=fields)
            st.markdown(look)
