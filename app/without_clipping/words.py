"""What clipping does to the shared problem: its numbers, the question, and the ideas to try."""

from dataclasses import replace

import streamlit as st

from app.controls import Try, try_this
from app.figures.numbers import percent, short, vector
from app.lesson_options import chosen
from app.order_names import ORDER_NAMES
from app.quiz import predict
from app.without_clipping.recorded import layer_on_show, layer_title
from lattice_core import PRESETS, Problem, absolute_bound, random_problem
from lattice_core.integer_grid import bits_needed
from lattice_core.recorded_clipping_study import recorded_clipping_study


def clipping_table(problem: Problem) -> None:
    """The row on the grid, beside the same row with every code kept."""
    kept = replace(problem, bits=None)
    bound = short(absolute_bound(problem.damped_hessian, problem.scales, problem.order_indices))
    clipped = sum(step.clipped for step in problem.babai.steps)
    needed = bits_needed(kept.babai.codes)
    st.markdown(
        "| | on the grid | codes kept |\n|:--|:--|:--|\n"
        f"| codes $z$ | {vector(problem.babai.codes)} | {vector(kept.babai.codes)} |\n"
        f"| clipped | {clipped} of {problem.size} | 0 |\n"
        f"| loss | **{short(problem.babai.squared_distance)}** | "
        f"**{short(kept.babai.squared_distance)}** |\n"
        f"| bound | {f'~~{bound}~~ void' if clipped else bound} | {bound} |\n"
        f"| bits for each code | {problem.bits or needed} | {needed} |"
    )
    if problem.bits is None:
        st.info(
            "All integers are allowed here, so both columns are the same. Choose an integer grid above, or "
            "an idea under *Try this*.",
            icon=":material/info:",
        )
    elif clipped and needed > problem.bits:
        st.caption(
            f"To the lattice, keeping the code means to stay in the box. To quantization it means {needed} bits "
            f"for every code of the layer, because one of them does not fit into {problem.bits}. That is wasteful. "
            "Below are three ways to pay less."
        )
    else:
        st.caption("No code is clipped here: the bound holds on the grid too.")


def word_quiz() -> None:
    """How long is the word of the code 0?"""
    layer, bits = layer_on_show(), int(chosen("kept_bits"))
    coded = layer.coded(bits)
    share = coded.count_of[0] / sum(coded.counts)
    length = len(coded.word_of[0])
    options = [str(n) for n in sorted({length, *(n for n in (1, 2, 3, 4, 6) if n != length)})]
    predict(
        "A Huffman code writes each code as a **word** of bits, and frequent codes as short words. In this way HPTQ "
        f"(the second way below) stores {layer_title(layer)} in {bits + 0.25:g} bits a weight, with codes from "
        f"{short(coded.values[0])} to {short(coded.values[-1])}. Of them {percent(share)} are 0. How many bits "
        "has the word of 0?",
        options,
        str(length),
        f"An ideal coder would spend $\\log_2 \\frac{{1}}{{{share:.3f}}}$ = {coded.ideal_bits(0):.2f} bits on "
        f"it. Words have whole bits: the word is {coded.word_of[0]}. The rarest code has one of "
        f"{max(map(len, coded.words))} bits, and no grid had to be chosen.",
        key=f"word of zero {layer.layer} {bits}",
    )


def ideas(problem: Problem) -> None:
    """Things to try."""
    st.subheader("Try this", anchor="try")
    biting, real = PRESETS["clipping_bites"].problem, PRESETS["real_two_inputs"].problem
    try_this(
        [
            Try(
                "Clip one code",
                "Two bits. The weight rounded last needs the code 2, but the grid ends at 1.",
                biting,
                biting.size + 1,
            ),
            Try(
                "Clip this problem to 2 bits",
                "The problem on show, with the codes −2 … 1. Step through it and see which step pays.",
                replace(problem, bits=2),
                1,
            ),
            Try(
                "Clip a real row",
                "Two inputs of a real layer. Both codes are clipped, and the loss is several times as large.",
                replace(real, bits=2),
                real.size + 1,
            ),
            Try(
                "Keep every code",
                "The same with all integers allowed: the error is in the box again.",
                replace(real, bits=None),
                real.size + 1,
            ),
            Try(
                "Clip early, pay late",
                "Six inputs. The first code is clipped and pushes a large error on. The last one, near 0 by itself, "
                "clips too.",
                replace(random_problem(6, 2), bits=2, scales=(0.6,) * 6),
                1,
            ),
            Try(
                "Forget the outliers' error",
                "A wrong world: the toy row loses more, and law L19 turns red.",
                problem,
                0,
                {"wrong_outliers": "forget_outliers", "toy_bits": "3", "outliers": "2"},
            ),
            Try(
                "Two bits, no outlier",
                "The toy row on four codes, and no weight kept aside: how large must the scale be?",
                problem,
                0,
                {"toy_bits": "2", "outliers": "0"},
            ),
            Try(
                "The layer that gains most",
                "Block 0's q_proj has the most unequal edges of the three: see what one scale wastes.",
                problem,
                0,
                {"kept_layer": "0.self_attn.q_proj", "kept_bits": "3"},
            ),
        ]
    )


def provenance() -> str:
    """How the recorded layers were made."""
    study = recorded_clipping_study()
    return (
        f"Recorded {study.date} on {study.model}, calibrated on {study.tokens:,} tokens of text, order "
        f"{ORDER_NAMES[study.order].name}, damping {study.damping:g}, {study.scale_rule} scales for "
        f"{study.group_size} weights where there is a grid. `{study.command}`, {study.seconds:.0f} s."
    )
