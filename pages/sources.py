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
        laws = f" Laws {', '.join(claimed)}." if claimed else ""
        st.markdown(f"- **[{key}]** {paper}.{laws}")
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
