"""Home: what this is, how far you have come, the dictionary, the map, what this machine has."""

import streamlit as st

from app import lesson
from app.course.dictionary import dictionary
from app.course.map import course_map, next_lesson
from app.machine import abilities


def page() -> None:
    lesson.title("Nearest Plane", "Quantizing a language model is finding a close lattice point.")
    st.markdown(
        "Large language models are stored with few bits: each weight is replaced by an integer times "
        "a grid spacing. The usual way to choose the integers is called **GPTQ** (2022). "
        "In 2025 two papers found that GPTQ, run back to front, *is* an algorithm of László Babai "
        "from 1986: **nearest plane**, which looks for a close point of a lattice.\n\n"
        "That gives the algebra a picture, its error a bound, and the order of the weights a theory. "
        "Here you can drag, step and measure all three, first with two weights, "
        "then on the layers of a real model. You need linear algebra, and to know nothing of lattices."
    )
    next_lesson()
    dictionary()
    course_map()
    st.subheader("This machine", anchor="machine")
    for ability in abilities():
        icon = ":material/check_circle:" if ability.present else ":material/radio_button_unchecked:"
        st.markdown(f"{icon} **{ability.name}**: {ability.detail}")


page()
