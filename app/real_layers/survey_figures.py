"""The pictures of all layers: what they show is chosen here, and so is a layer to look at."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import streamlit as st

from app.figures.order_survey import (
    SYMBOLS,
    LossPoint,
    best_order_map,
    loss_against_bound,
    number_map,
)
from app.order_names import ORDER_NAMES
from app.real_layers.choice import SHAPES
from app.real_layers.survey_quantities import QUANTITIES, Pick, layer_map

if TYPE_CHECKING:
    from lattice_core.language_model import OrderSurvey

OVERFLOW_TITLES = {"keep": "codes kept", "clip": "codes clipped"}


def pick_controls() -> Pick:
    """Which order, and kept or clipped: for the map, the table and the scatter alike."""
    with st.container(horizontal=True, vertical_alignment="bottom", key="survey_pick"):
        order = st.segmented_control(
            "Order",
            options=list(ORDER_NAMES),
            default="min_pivot",
            format_func=lambda order: ORDER_NAMES[order].name,
            key="survey_order",
            required=True,
            wrap=True,
            persist_state="session",
        )
        overflow = st.segmented_control(
            "Codes beyond the grid",
            options=list(OVERFLOW_TITLES),
            default="keep",
            format_func=lambda overflow: OVERFLOW_TITLES[overflow],
            key="survey_overflow",
            required=True,
            wrap=True,
            persist_state="session",
        )
    return Pick(str(order), str(overflow))


def survey_map(survey: "OrderSurvey", pick: Pick, choose: Callable[[str], None]) -> None:
    """Block by layer; a cell that is pressed is told by its layer's name."""
    quantity = st.selectbox(
        "Colour",
        options=list(QUANTITIES),
        format_func=lambda name: QUANTITIES[name].title,
        key="survey_quantity",
        width=320,
        persist_state="session",
    )
    shown = QUANTITIES[quantity]

    def tell() -> None:
        points = st.session_state.survey_map.selection.points
        if points:
            choose(points[0]["customdata"])

    draw = best_order_map if quantity == "best" else number_map
    st.plotly_chart(
        draw(layer_map(survey, quantity, pick)),
        key="survey_map",
        on_select=tell,
        selection_mode="points",
        config={"displayModeBar": False},
        alt=f"{shown.title} of each layer: 7 linear layers in rows, 30 blocks in columns. "
        "The table below has the numbers.",
    )
    depends = {"order": ORDER_NAMES[pick.order].name, "overflow": OVERFLOW_TITLES[pick.overflow]}
    about = ", ".join(depends[name] for name in shown.depends)
    said = [f"**{shown.title}**{f' ({about})' if about else ''}.", shown.note]
    if quantity == "share" and pick.overflow == "clip":
        said.append("Where codes are clipped the bound is void (law L9), and this may exceed 1.")
    if quantity != "best":
        said.append("The 2 % of layers at either end have the colour of that end.")
    st.caption(" ".join(said) + " Grey: not known. Press a cell to choose its layer.")


def survey_scatter(survey: "OrderSurvey", pick: Pick) -> None:
    """Every layer in every order, loss against bound."""
    points = [
        LossPoint(
            f"block {layer.block}, {layer.linear}",
            layer.linear,
            result.order,
            result.relative_loss,
            result.relative_bound,
            result.clipped_fraction,
        )
        for layer in survey.layers
        for result in layer.with_overflow(pick.overflow)  # type: ignore[arg-type]
    ]
    st.markdown(f"**Loss against bound, {OVERFLOW_TITLES[pick.overflow]}**")
    st.plotly_chart(
        loss_against_bound(points, list(SHAPES)),
        key="survey_scatter",
        alt="Each layer's loss against its bound in each order, on logarithmic axes, with the lines "
        "where the loss is the bound and a third of it.",
    )
    shapes = ", ".join(
        f"{shape} {linear}" for shape, linear in zip(SYMBOLS.values(), SHAPES, strict=True)
    )
    above = (
        "No mark can lie above the solid line (law L6)."
        if pick.overflow == "keep"
        else "With codes clipped the bound is void, and marks may lie above the solid line."
    )
    st.caption(f"One mark for each layer and order: {shapes}. {above}")
