"""Laboratory: the four orders on the layers of a real language model."""

import streamlit as st

from app import laboratory_takeaways, lesson
from app.machine import what_is_missing
from app.real_layers.all_layers import all_layers
from app.real_layers.controls import calibration, chosen_layer
from app.real_layers.one_layer import one_layer
from app.real_layers.texts import texts

VIEWS = {"one": one_layer, "all": all_layers, "texts": texts}


def page() -> None:
    lesson.title("Real layers", "Which order is best on the layers of a real language model?")
    st.markdown(
        "GPTQ rounds the columns of a layer's weight matrix one by one. Each rounding error is "
        "made up for by the columns still to come. So it matters who comes first and who is last. "
        "Here four orders are compared on a small language model."
    )
    if missing := what_is_missing():
        st.info(
            f"This page needs what is not here; the lessons do without.\n\n{missing}",
            icon=":material/cloud_download:",
        )
        return
    choice = chosen_layer()
    tokens = calibration(choice)
    if tokens is not None:
        VIEWS[choice.view](choice, tokens)
    laboratory_takeaways.real_layers()


page()
