"""The layers of one quantized model: a map, the layer chosen on it in words, and the way to look closer."""

from collections.abc import Sequence
from dataclasses import replace

import plotly.graph_objects as go
import streamlit as st

from app.figures.order_survey import number_map
from app.navigation import pages
from app.real_layers.choice import LayerChoice
from app.whole_model.choice import ModelChoice, short_layer
from app.whole_model.controls import change
from app.whole_model.layer_quantities import QUANTITIES, in_words, layer_map
from lattice_core.language_model.study_record import LayerRun, StudyRun


def figure(layers: Sequence[LayerRun], quantity: str, chosen: str = "") -> go.Figure:
    """The map, with a frame around the layer of this name."""
    drawn = number_map(layer_map(layers, quantity))
    points = drawn.data[1]
    points.selectedpoints = [k for k, name in enumerate(points.customdata) if name == chosen]
    return drawn


def show_layers(choice: ModelChoice, run: StudyRun, layers: Sequence[LayerRun]) -> None:
    """The map of a run's layers; a cell that is pressed is told in words."""
    shown = QUANTITIES[choice.quantity]
    if all(shown.value(layer) != shown.value(layer) for layer in layers):  # NaN
        st.info(f"The {shown.title} is known for the recorded study only.", icon=":material/info:")
    else:
        st.plotly_chart(
            figure(layers, choice.quantity, choice.layer_name),
            key="model_map",
            on_select=_tell,
            selection_mode="points",
            config={"displayModeBar": False},
            alt=f"{shown.title} of each layer: 7 linear layers in rows, 30 blocks in columns. "
            "All numbers can be downloaded below.",
        )
        st.caption(
            f"**{shown.title}**. {shown.note} The 2 % of layers at either end have the colour of that end. "
            "Press a cell to choose its layer."
        )
    _chosen(choice, run, layers)


def _tell() -> None:
    points = st.session_state.model_map.selection.points
    if points:
        change(layer=short_layer(points[0]["customdata"]))


def _chosen(choice: ModelChoice, run: StudyRun, layers: Sequence[LayerRun]) -> None:
    layer = next((each for each in layers if each.layer == choice.layer_name), None)
    if layer is None:
        return
    with st.container(border=True, key="model_layer"):
        st.markdown(in_words(layer))
        if st.button(
            "Compare the orders on this layer", icon=":material/open_in_new:", key="open_layer"
        ):
            _open(run, layer)


def _open(run: StudyRun, layer: LayerRun) -> None:
    """*Real layers* with this layer, on a grid of about as many bits."""
    before = st.session_state.get("layer_choice", LayerChoice())
    opened = replace(
        before,
        view="one",
        block=layer.block,
        linear=layer.linear,
        bits=min(max(int(run.target_bits), 2), 4),
        group=64,
        order=run.order,
    )
    st.session_state.layer_choice = st.session_state.opened_with = opened  # gathered unasked
    linked = {page.title: page for section in pages().values() for page in section}
    st.switch_page(linked["Real layers"])
