"""The second way: all codes kept and entropy-coded, on the toy layer and on a recorded one (law L18)."""

from typing import TYPE_CHECKING

import streamlit as st

from app.cached import toy_coded
from app.chart import chart
from app.figures.code_histogram import code_histogram, shares_of
from app.figures.huffman import tree_figure
from app.figures.numbers import percent, short
from app.figures.scale_search import search_figure
from app.lesson_options import chosen, option_buttons
from app.machine import coders_are_missing
from app.shared_problem import plain, shows
from app.stepper import stepper
from app.without_clipping.recorded import layer_controls, layer_on_show, layer_title
from lattice_core.clipping_laws import codes_come_back, refitting_helps, words_are_short
from lattice_core.integer_grid import IntegerGrid
from lattice_core.laws import LawCheck
from lattice_core.recorded_clipping_study import CodedLayer, LayerClipping

if TYPE_CHECKING:
    from lattice_core.layers.toy_coding import ToyCoding


def toy_coding_on_show() -> "ToyCoding | None":
    """The toy layer, quantized and coded here; ``None`` where the libraries for that are missing."""
    return None if coders_are_missing() else toy_coded(float(chosen("coded_size")))


def coding_laws(toy: "ToyCoding | None") -> list[LawCheck]:
    """L18 and L22 on the toy layer, or L18 on the recorded one."""
    if toy is None:
        layer, bits = layer_on_show(), int(chosen("kept_bits"))
        coded = layer.coded(bits)
        return [words_are_short(coded.count_of, coded.word_of, layer_title(layer))]
    return [
        codes_come_back(toy.codes, toy.decoded, "Huffman"),
        words_are_short(toy.counts, toy.words, "the toy layer's, HPTQ"),
        refitting_helps(*toy.refitted),
    ]


def entropy_coded(toy: "ToyCoding | None") -> None:
    """Histogram, tree and search on the toy layer; histogram and search on the recorded one."""
    st.subheader("Second way: code the integers", anchor="coding")
    st.markdown(
        "Keep **every** code, and write the frequent ones in few bits. A grid of $b$ bits gives all codes the "
        "same room, though most are near 0. **HPTQ** has one scale for the whole layer, codes without a limit, "
        "and an entropy coder. The scale decides the size: it is searched until the stored bytes meet the target."
    )
    if toy is None:
        st.info(
            "The toy layer is quantized and coded by the project's own methods, which need more than NumPy. "
            f"{plain(coders_are_missing())} The recorded layer below is shown all the same.",
            icon=":material/info:",
        )
    else:
        _toy(toy)
    _real()


def _toy(toy: "ToyCoding") -> None:
    tree, numbers = st.columns([3, 2], gap="large")
    with tree:
        stepper(
            lambda: tree_figure(toy.counts, toy.words),
            key=f"tree_stepper_{len(toy.counts)}",
            step=st.session_state.get("tree_step", 0),
            on_step=lambda step: st.session_state.update(tree_step=step),
            height=470,
        )
    with numbers:
        if shows("controls"):
            option_buttons("coded_size")
        st.markdown(
            f"**The Huffman tree of a toy layer**, {toy.codes.shape[0]} × {toy.codes.shape[1]} weights made up "
            f"and quantized by HPTQ just now. Most frequent: {shares_of(toy.counts)}."
        )
        if shows("numbers"):
            _table(toy)
        st.caption(
            "The tree is grown from the lengths in the coder's own table, and its last picture is that table. "
            "The table is canonical: lengths alone tell the words, so that little has to be stored."
        )
    st.markdown(
        "**Which scale?** The search codes the layer, sees how many bits it took, and tries again. It begins "
        "with some of the rows, which is quick, and goes on with the whole layer. A bisection would try the middle of "
        "the interval that is still possible; this search tries where a straight line through the trials meets the "
        "target."
    )
    target = float(chosen("coded_size"))
    stepper(
        lambda: search_figure(
            toy.trials,
            target,
            curve=(toy.curve_factors, toy.curve_sizes),
            start=f"Looked for: the least scale factor that stores the toy layer in at most {target:g} bits a "
            "weight. A scale twice as large saves about one bit.",
            end=f"Taken: scale {short(toy.factor)}, {toy.bits_per_weight:.4f} bits a weight. The curve has small "
            "steps and is not quite monotone, so what was reached is reported.",
        ),
        key="size_search_stepper",
        step=st.session_state.get("size_search_step", 0),
        on_step=lambda step: st.session_state.update(size_search_step=step),
        height=380,
    )


def _table(toy: "ToyCoding") -> None:
    from lattice_core.huffman_tree import entropy, mean_length

    count = toy.codes.size
    st.markdown(
        "| toy layer | bits a weight | bytes |\n|:--|--:|--:|\n"
        f"| entropy of the codes | {entropy(toy.counts):.4f} | |\n"
        f"| mean length of the words | {mean_length(toy.counts, toy.words):.4f} | |\n"
        f"| stream of the coder | {8 * toy.stream_bytes / count:.4f} | {toy.stream_bytes:,} |\n"
        f"| table and scale beside it | {8 * toy.side_bytes / count:.4f} | {toy.side_bytes:,} |\n"
        f"| **stored** | **{toy.bits_per_weight:.4f}** | **{toy.stream_bytes + toy.side_bytes:,}** |"
    )


def _real() -> None:
    layer, bits = layer_on_show(), int(chosen("kept_bits"))
    coded, grid = layer.coded(bits), IntegerGrid(bits)
    st.markdown("**On a real layer**")
    layer_controls()
    outside = sum(n for code, n in coded.count_of.items() if not grid.low <= code <= grid.high)
    picture, numbers = st.columns([3, 2], gap="large")
    with picture:
        chart(
            code_histogram,
            coded.count_of,
            coded.word_of,
            (grid.low, grid.high),
            key=f"codes_{layer.layer}_{bits}",
            alt=f"Histogram of the {len(coded.values)} different codes of {layer_title(layer)}. Most frequent: "
            f"{shares_of(coded.count_of)}. Frequent codes have short words.",
        )
    with numbers:
        if shows("numbers"):
            _real_table(coded)
        st.markdown(
            f"The codes run from {short(coded.values[0])} to {short(coded.values[-1])}: "
            f"{percent(outside / sum(coded.counts))} of them (hatched) are not among the {2**bits} of a grid of "
            f"{bits} bits. None is clipped, at the same stored size."
        )
    _real_search(layer, bits)


def _real_table(coded: CodedLayer) -> None:
    st.markdown(
        "| | bits a weight | bytes |\n|:--|--:|--:|\n"
        f"| entropy of the codes | {coded.entropy:.4f} | |\n"
        f"| mean length, Huffman | {coded.mean_length:.4f} | |\n"
        f"| Huffman's stream | {coded.bits_a_code('huffman'):.4f} | {coded.huffman_stream_bytes:,} |\n"
        f"| its table | | {coded.huffman_table_bytes:,} |\n"
        f"| ANS's stream | {coded.bits_a_code('ans'):.4f} | {coded.ans_stream_bytes:,} |\n"
        f"| its tables and widths | | {coded.ans_table_bytes:,} |"
    )
    st.caption(
        "**ANS** (asymmetric numeral systems) is a coder without whole-bit words. Here it goes by more than one table, "
        "one for each width of codes, since rows and columns spread differently. So it can go below the entropy of "
        "all codes together."
    )


def _real_search(layer: LayerClipping, bits: int) -> None:
    run, curve = layer.run("hptq", bits), layer.size_curve(bits)
    if st.toggle("The search on this layer, as steps", key="layer_size_search"):
        stepper(
            lambda: search_figure(
                run.trials,
                bits + 0.25,
                curve=(curve.factors, curve.measured),
                start=f"Looked for: the least scale that stores {layer_title(layer)} in at most {bits + 0.25:g} bits "
                "a weight.",
                end=f"Taken: scale {short(run.factor)}, {run.bits_per_weight:.4f} bits a weight.",
            ),
            key=f"layer_size_stepper_{len(run.trials)}",
            step=st.session_state.get("layer_size_step", 0),
            on_step=lambda step: st.session_state.update(layer_size_step=step),
            height=380,
        )
