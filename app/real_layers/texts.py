"""The view of calibration texts: one layer calibrated on several, each result judged on all."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from app import lesson
from app.figures.calibration_texts import damping_figure, transfer_table
from app.laboratory_snippets import calibration_transfer_snippet
from app.order_names import ORDER_NAMES
from app.real_layers import work
from app.real_layers.block import with_blocks
from app.real_layers.choice import OPTIONS, LayerChoice
from app.real_layers.controls import chosen_text
from app.real_layers.one_layer import provenance
from app.real_layers.text_downloads import transfer_csv
from app.real_layers.text_ideas import try_texts
from app.real_layers.text_sentences import of_damping, of_two_texts, of_windows
from app.shared_problem import plain, shows

if TYPE_CHECKING:
    from lattice_core.layers.calibration_transfer import CalibrationTransfer

ORDER = "act_order"
MEASURED = ":blue-badge[:material/straighten: measured]"
Compared = dict[str, work.Calibration]


def texts(choice: LayerChoice, calibration: work.Calibration) -> None:
    """Compare the calibration texts chosen, once the block's Hessians are there for each."""
    st.markdown(
        "The layer's inputs on the **calibration text** make the Hessian, and the Hessian decides "
        "the codes. How good are codes made for one text on another? Here the layer is calibrated "
        "on each of these, and each result is judged on all of them."
    )
    compared = compared_calibrations(choice, calibration)
    if compared is None:
        return
    st.markdown("\n".join(f"- **{name}**: {plain(str(each))}" for name, each in compared.items()))
    if data := with_blocks(choice, compared):
        _compare(choice, compared, data)


def compared_calibrations(choice: LayerChoice, calibration: work.Calibration) -> Compared | None:
    """By their names in the table; ``None`` while a file is asked for."""
    other = chosen_text(choice.compared["B"][0])
    if other is None:
        return None
    return {
        name: replace(calibration, text=other if name == "B" else calibration.text, seed=seed)
        for name, (_, seed) in choice.compared.items()
    }


def _compare(choice: LayerChoice, compared: Compared, data: dict[str, work.BlockData]) -> None:
    try:
        with st.spinner(f"Calibrating on {len(data)} texts.", show_time=True):
            transfer = work.calibration_transfer(choice, data)
    except ValueError as error:
        st.error(plain(f"{choice.layer} cannot be quantized so, {error}"), icon=":material/error:")
        return
    st.subheader(f"{choice.layer}, judged on each text", anchor="result")
    table, words = st.columns([3, 2], gap="large")
    with table:
        _table(transfer)
    with words:
        say = of_windows if choice.compared_with == "windows" else of_two_texts
        st.markdown(MEASURED)
        st.markdown("\n".join(f"- {sentence}" for sentence in say(transfer)))
    _dampings(choice, data)
    try_texts(choice)
    provenance(*compared.values())
    st.caption(
        f"GPTQ, {ORDER_NAMES[ORDER].name}, codes clipped. A loss is the undamped one, "
        "$\\sum (q-w)^\\top H (q-w)$ over all rows, divided by $\\sum w^\\top H w$, both with the "
        "Hessian of the text it is judged on. So texts of different lengths can be compared."
    )
    first, *_, last = compared.values()
    own = first if choice.text == "file" else last
    lesson.code(calibration_transfer_snippet(choice, own.text.source))
    lesson.sources(
        {
            "GPTQ": "calibration on 128 windows of 2,048 tokens drawn at random from C4.",
            "B": "damping (an input of its own for each weight).",
        }
    )
    if shows("downloads"):
        st.subheader("Take it away", anchor="downloads")
        st.download_button(
            "Losses (CSV)",
            data=lambda: transfer_csv(choice, compared, transfer, ORDER),
            file_name=f"texts-block-{choice.block}-{choice.linear}-{choice.bits}-bits.csv",
            mime="text/csv",
            on_click="ignore",
            icon=":material/download:",
        )


def _table(transfer: "CalibrationTransfer") -> None:
    names = transfer.texts
    told = ". ".join(
        f"Calibrated on {names[i]}, judged on {names[j]}: {100 * loss:.3g} %"
        for (i, j), loss in np.ndenumerate(transfer.losses)
    )
    st.plotly_chart(
        transfer_table(transfer.texts, transfer.losses, transfer.nearest_losses),
        key="transfer",
        alt=f"Table of losses, calibrated on each text and judged on each. {told}.",
        config={"displayModeBar": False},
    )
    st.caption(
        "In each cell the loss, in percent of the layer's output. Below it: how many times the "
        "loss of calibrating on the column's own text. The darker, the more; from the worst text on "
        "all cells are equally dark."
    )


def _dampings(choice: LayerChoice, data: dict[str, work.BlockData]) -> None:
    """Own and held-out loss for every damping offered, calibrated on the first text."""
    first, *_, last = data
    pair = {name: data[name] for name in (first, last)}
    found: dict[float, CalibrationTransfer] = {}
    with st.spinner("The same for every damping.", show_time=True):
        for damping in OPTIONS["damping"]:
            try:
                tried = replace(choice, damping=damping)  # type: ignore[arg-type]
                found[damping] = work.calibration_transfer(tried, pair)  # type: ignore[index]
            except ValueError:  # singular without damping: left out, and said
                continue
    own = [transfer.losses[0, 0] for transfer in found.values()]
    held_out = [transfer.losses[0, 1] for transfer in found.values()]
    st.subheader("Damping against overfitting", anchor="damping")
    picture, words = st.columns([3, 2], gap="large")
    with picture:
        nearest = next(iter(found.values())).nearest_losses[1]
        st.plotly_chart(
            damping_figure(list(found), own, held_out, nearest, choice.damping),
            key="dampings",
            alt=f"Loss on {first} and on {last} by damping, calibrated on {first}.",
        )
    with words:
        st.markdown(MEASURED)
        left_out = [damping for damping in OPTIONS["damping"] if damping not in found]
        sentences = of_damping(list(found), own, held_out, first, last)
        if left_out:
            sentences.append("Without damping the Hessian cannot be factorized here.")
        st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
