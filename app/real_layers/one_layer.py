"""The view of one layer: its four orders, computed when it is chosen."""

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from app import lesson
from app.figures.order_profile import loss_figure, profile_figure
from app.laboratory_snippets import compare_orders_snippet
from app.laws import laws_panel
from app.real_layers import work
from app.real_layers.block import with_block
from app.real_layers.choice import LayerChoice
from app.real_layers.order_downloads import order_downloads
from app.real_layers.order_quiz import one_bit
from app.real_layers.order_table import comparison_table, conclusions, explanations
from app.real_layers.rows import rows_of
from app.shared_problem import plain, shows

if TYPE_CHECKING:
    from lattice_core.layers.order_results import OrderComparison


def one_layer(choice: LayerChoice, calibration: work.Calibration) -> None:
    """Compare the orders on the layer chosen, once its block's Hessians are there."""
    if data := with_block(choice, calibration):
        _compare(choice, data)


def _compare(choice: LayerChoice, data: work.BlockData) -> None:
    try:
        with st.spinner("Comparing four orders, codes kept and clipped.", show_time=True):
            compared = work.comparison(choice, data)
    except ValueError as error:
        st.error(plain(f"{choice.layer} cannot be quantized so: {error}"), icon=":material/error:")
        return
    st.subheader(f"{choice.layer}: {compared.rows} × {compared.columns}", anchor="result")
    st.markdown("\n".join(f"- {sentence}" for sentence in conclusions(compared)))
    _figures(compared)
    rows_of(choice, data, compared)
    if shows("numbers"):
        st.subheader("All numbers", anchor="numbers")
        with st.container(key="orders_table"):
            comparison_table(compared)
        explanations()
    provenance(data.calibration)
    if shows("quiz"):
        other_bits = choice.bits + 1 if choice.bits < 4 else 3
        one_bit(
            compared,
            other_bits,
            lambda: work.comparison(replace(choice, bits=other_bits), data),
            key="_".join(map(str, choice.setting.values())),
        )
    if shows("laws"):
        _laws(compared)
    lesson.code(compare_orders_snippet(choice, data.calibration.text.source))
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


def provenance(*calibrations: work.Calibration) -> None:
    """Say which model and which texts the numbers are from."""
    texts = plain(str(calibrations[0])) if len(calibrations) == 1 else "those named above"
    hashes = dict.fromkeys(each.text.sha256[:12] for each in calibrations)
    st.caption(
        "Model: SmolLM2-135M-Instruct. Its weights come from a packaged GGUF file. They were once "
        "rounded to 4 bits in groups of 32, and are unpacked here; these unpacked weights are the "
        f"reference. Text: {texts}. It runs in windows of {work.WINDOW:,} tokens. "
        f"SHA-256: {', '.join(f'{digits}…' for digits in hashes)}"
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
