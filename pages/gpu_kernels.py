"""Laboratory: products with packed weights, how they work and how fast they are."""

import streamlit as st

from app import lesson
from app.gpu_kernels.controls import chosen
from app.gpu_kernels.how import how
from app.gpu_kernels.speed import speed
from app.gpu_kernels.text import text
from app.machine import torch_is_missing

VIEWS = {"how": how, "speed": speed, "text": text}


def page() -> None:
    lesson.title("GPU kernels", "What does a model gain from few bits, when it runs?")
    st.markdown(
        "Rounding weights to few bits makes a model smaller. It makes it **faster** only if the product "
        "$y = x W^\\top$ reads the few bits and nothing more. Here $W$ is stored as SSQR leaves it: "
        "codes of 2 to 4 bits in groups, a scale for each group, and a few outliers kept aside."
    )
    if missing := torch_is_missing():
        st.info(
            f"This page needs what is not here; the lessons do without.\n\n{missing}",
            icon=":material/cloud_download:",
        )
        return
    choice = chosen()
    VIEWS[choice.view](choice)


page()
