"""Laboratory: the four orders on a layer of a real language model."""

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import streamlit as st

from app import layer_work, lesson
from app.figures.order_profile import loss_figure, profile_figure
from app.laws import laws_panel
from app.layer_choice import LayerChoice
from app.layer_controls import chosen_layer
from app.machine import what_is_missing
from app.order_downloads import order_downloads
from app.order_quiz import one_bit
from app.order_table import comparison_table, conclusions, explanations
from app.shared_problem import shows
from app.snippets import compare_orders_snippet

if TYPE_CHECKING:
    from lattice_core.layers.order_comparison import OrderComparison

POLL_SECONDS = 0.5


def page() -> None:
    lesson.title("Real layers", "Which order is best on a layer of a real language model?")
    st.markdown(
        "GPTQ rounds the columns of a layer's weight matrix one by one. Each rounding error is "
        "made up for by the columns still to come. So it matters who comes first and who is last. "
        "Choose a layer of a small language model. Its four orders are compared here and now."
    )
    if missing := what_is_missing():
        st.info(
            f"This page needs what is not here; the lessons do without.\n\n{missing}",
            icon=":material/cloud_download:",
        )
        return
    choice = chosen_layer()
    job = layer_work.block_job(choice)
    if job is None and "real_layers_opened" not in st.session_state:
        job = layer_work.start_block(choice)
    st.session_state.real_layers_opened = True
    if job is None:
        _offer(choice, "Compute", "The inputs of this block have not been gathered yet.")
    elif job.active:
        _wait(choice)
    elif job.state == "cancelled":
        _offer(choice, "Compute", "This was cancelled. Nothing else is lost.")
    elif job.state == "failed":
        st.error(job.error, icon=":material/error:")
        _offer(choice, "Try again", "Other blocks that were computed are still there.")
    else:
        _compare(choice, job.result)


def _offer(choice: LayerChoice, label: str, why: str) -> None:
    st.markdown(
        f"{why} {choice.tokens:,} tokens of text must run through the model, "
        f"{'into' if choice.block == 0 else 'up to'} block {choice.block}. "
        "That takes a second or two for the first blocks and up to a minute for the last. "
        "It is done once for everybody."
    )
    st.button(
        label,
        type="primary",
        icon=":material/play_arrow:",
        on_click=layer_work.start_block,
        args=(choice,),
    )


@st.fragment(run_every=POLL_SECONDS)
def _wait(choice: LayerChoice) -> None:
    job = layer_work.block_job(choice)
    if job is None or not job.active:
        st.rerun()
    seen = job.progress
    text = seen.message
    if seen.total:
        text += f" {seen.done:,} of {seen.total:,} tokens."
    if seen.seconds_left is not None:
        text += f" About {seen.seconds_left:.0f} s left."
    with st.container(border=True, key="job"):
        st.progress(seen.done / seen.total if seen.total else 0.0, text=text)
        st.button("Cancel", icon=":material/close:", on_click=job.cancel)
        st.caption(
            "You may go to another page meanwhile. Everyone who asks for this block waits for the "
            "same work, and Cancel stops it for all."
        )


def _compare(choice: LayerChoice, data: layer_work.BlockData) -> None:
    try:
        with st.spinner("Comparing four orders, codes kept and clipped.", show_time=True):
            compared = layer_work.comparison(choice, data)
    except ValueError as error:
        st.error(f"{choice.layer} cannot be quantized so: {error}", icon=":material/error:")
        return
    st.subheader(f"{choice.layer}: {compared.rows} × {compared.columns}", anchor="result")
    st.markdown("\n".join(f"- {sentence}" for sentence in conclusions(compared)))
    _figures(compared)
    if shows("numbers"):
        st.subheader("All numbers", anchor="numbers")
        with st.container(key="orders_table"):
            comparison_table(compared)
        explanations()
    _provenance(choice, data)
    if shows("quiz"):
        other_bits = choice.bits + 1 if choice.bits < 4 else 3
        one_bit(
            compared,
            other_bits,
            lambda: layer_work.comparison(replace(choice, bits=other_bits), data),
            key="_".join(map(str, asdict(choice).values())),
        )
    if shows("laws"):
        _laws(compared)
    lesson.code(compare_orders_snippet(choice))
    lesson.sources(
        {
            "C": "the bound (Theorem 5), a third of it on average (Appendix D.2), "
            "min-pivot (Algorithm 3).",
            "B": "the bound, independently; damping.",
            "GPTQ": "the algorithm, its default order, act-order.",
        }
    )
    if shows("downloads"):
        order_downloads(choice, data, compared)


def _figures(compared: "OrderComparison") -> None:
    profiles, losses = st.columns(2, gap="large")
    with profiles:
        st.markdown("**The edges of the box, in the order of rounding**")
        st.plotly_chart(
            profile_figure(
                {p.order: (p.columns, p.lengths) for p in compared.profiles},
                compared.mean_length,
            ),
            key="profile",
            alt="Length of the Gram-Schmidt vector by position in the order, one line an order.",
        )
        st.caption(
            "Height: the length $R_{jj}$ of what is left of column $j$ once all columns that come "
            "after it are projected out. Nobody can make up for that part of its rounding error. "
            "All lines have the same mean on this log scale. A flat line would be the best order; "
            "peaks are what costs."
        )
    with losses:
        st.markdown("**Loss beside its bound**")
        st.plotly_chart(
            loss_figure(
                {
                    overflow: {r.order: r.relative_loss for r in compared.with_overflow(overflow)}
                    for overflow in ("keep", "clip")
                },
                {r.order: r.relative_bound for r in compared.with_overflow("keep")},
            ),
            key="losses",
            alt="Loss of each order, with codes kept and clipped, beside its bound.",
        )
        st.caption(
            "The dot, every code kept, is always left of its bound, usually near a third of it. "
            "The cross, codes clipped, may be anywhere."
        )


def _provenance(choice: LayerChoice, data: layer_work.BlockData) -> None:
    st.caption(
        "Model: SmolLM2-135M-Instruct. Its weights come from a packaged GGUF file. They were once "
        "rounded to 4 bits in groups of 32, and are unpacked here; these unpacked weights are the "
        f"reference. Text: the first {choice.tokens:,} tokens of {data.text_source}, in windows of "
        f"1,024 (SHA-256 of the text {data.text_sha256[:12]}…)."
    )


def _laws(compared: "OrderComparison") -> None:
    from lattice_core.layers import order_laws

    laws_panel(
        [
            order_laws.kept_rows_are_bounded(compared),
            order_laws.clipping_voids_the_bound(compared),
            order_laws.determinant_is_order_free(compared),
            order_laws.no_order_beats_the_floor(compared),
        ]
    )
    least, most = order_laws.mean_share_of_the_bound(compared)
    with st.container(border=True, key="measured_L7"):
        st.markdown(
            "**L7. On average a third of the bound** "
            ":blue-badge[:material/straighten: measured]\n\n"
            "If the targets were spread evenly over the box, the loss would be a third of the "
            "bound on average. Real targets need not be, so this is no theorem about them. "
            f"On this layer, every code kept, it is **{least:.3f} to {most:.3f}** over the orders."
        )
        st.caption("Expected: [C] Appendix D.2")


page()
