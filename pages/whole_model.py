"""Laboratory: bits against what a whole model loses, recorded and run here."""

import streamlit as st

from app import laboratory_takeaways, lesson
from app.whole_model.controls import chosen
from app.whole_model.recorded import recorded
from app.whole_model.run_here import here
from app.whole_model.words import words

VIEWS = {"recorded": recorded, "here": here}


def page() -> None:
    lesson.title("Whole model", "How many bits does a language model need?")
    st.markdown(
        "Layers are quantized one by one, and each has its own loss. In the end one thing counts: does the whole "
        "model still predict well? Here whole models are compared by the bits they take and by what they lose."
    )
    st.caption(
        "The weights of the packaged model were once rounded to 4 bits in groups of 32 (the format Q4_1); unpacked, "
        "they are *the original* here. So its perplexity is not that of the published SmolLM2, and a grid that "
        "lines up with the old one could look better than it is."
    )
    words()
    choice = chosen()
    VIEWS[choice.view](choice)
    laboratory_takeaways.whole_model()


page()
