"""Reference: every law with its source and its place, and every source with what it claims."""

import streamlit as st

from app import lesson
from app.course.laws_index import LAWS, IndexedLaw
from app.lesson import PAPERS
from app.navigation import page_of

KINDS = {
    "theorem": ":green-badge[:material/check: theorem]",
    "heuristic": ":blue-badge[:material/tips_and_updates: heuristic]",
    "measurement": ":orange-badge[:material/straighten: measurement]",
    "reference": ":gray-badge[:material/show_chart: reference]",
}

CLAIMS = {
    "C": "GPTQ run back to front is Babai's nearest plane; hence a bound on its error, min-pivot's order, and "
    "two ways to quantize without clipping (SSQR and HPTQ).",
    "B": "The same theorem, found independently; damping as rows appended to the inputs; targets for layers "
    "whose inputs have changed.",
    "W": "Spacings for each column that make all edges of the box equal come close to the rate-distortion limit.",
    "Babai": "Round-off and nearest plane, and how far from the closest point they can be on a reduced basis.",
    "LLL": "A reduced basis in polynomial time, by size reductions and exchanges of neighbours.",
    "GPTQ": "The algorithm that quantizes large models in hours, stated without any lattice.",
    "OBQ": "The greedy ancestor: round the cheapest weight, let the others make up for it.",
    "Klein": "Rounding at random, near planes more often: many tries find closer points than one.",
    "FinckePohst": "All lattice points within a radius, level by level: the exact closest one.",
    "SchnorrEuchner": "Block reduction (BKZ), and enumeration that looks at the nearest plane first.",
    "O": "K-best with Babai and Klein, for the layers of language models.",
}


def page() -> None:
    lesson.title("Laws and sources", "Who says so, and where can it be checked?")
    st.markdown(
        "The course rests on numbered laws. Each is computed on the page that claims it, both sides in "
        "numbers, and tested in the project under the same number. A **theorem** has a proof and holds "
        "always. A **heuristic** is a rule of thumb whose own steps are checked. A **measurement** was seen "
        "here and may be otherwise elsewhere. A **reference** is a line to compare with."
    )
    st.subheader("The papers", anchor="papers")
    for key, paper in PAPERS.items():
        claimed = [law.number for law in LAWS if f"[{key}]" in law.source]
        laws = f" Checked here as {', '.join(claimed)}." if claimed else ""
        st.markdown(f"- **[{key}]** {paper}. *Claims:* {CLAIMS[key]}{laws}")
    st.subheader("The laws", anchor="all-laws")
    for law in LAWS:
        _show(law)


def _show(law: IndexedLaw) -> None:
    with st.container(border=True):
        words, where = st.columns([3, 2], vertical_alignment="center")
        with words:
            st.markdown(f"**{law.number}** {KINDS[law.kind]} {law.says}")
            st.caption(f"Source: {law.source}")
        with where, st.container(horizontal=True):
            for file in law.pages:
                st.page_link(page_of(file), width="content")


page()
