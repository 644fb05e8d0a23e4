"""Laboratory: products with packed weights, how they work and how fast they are."""

import streamlit as st

from app import laboratory_takeaways, lesson
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
        "$y = x W^\\top$ reads the few bits and nothing more. $W$ are the weights of a layer, and $x$ has "
        "one row for each text that is written at once. A **kernel** is a function that runs on the GPU; "
        "starting it is a **launch**.\n\n"
        "A weight is stored as an integer $z$, its **code**, times a **scale** $s$: $w \\approx s z$. "
        "A **group** is some neighbouring weights of a row that share $s$. An **outlier** is a weight "
        "that does not fit; it is kept aside in 16 bits. SSQR is the method that chooses them."
    )
    if missing := torch_is_missing():
        st.info(
            f"This page needs what is not here; the lessons do without.\n\n{missing}",
            icon=":material/cloud_download:",
        )
        return
    choice = chosen()
    VIEWS[choice.view](choice)
    laboratory_takeaways.gpu_kernels()


page()
