"""Reference: the words of the course, from both sides."""

import streamlit as st

from app import lesson
from app.course.glossary import GLOSSARY, Term, terms_with
from app.navigation import page_of
from app.shared_problem import plain


def page() -> None:
    lesson.title("Glossary", "What does that word mean, on either side?")
    wanted = st.text_input("Find a term", placeholder="pivot", key="glossary_find")
    found = terms_with(wanted)
    if not found:
        count = sum(map(len, GLOSSARY.values()))
        st.info(
            f"None of the {count} terms has “{plain(wanted)}”. Try a shorter word.",
            icon=":material/search_off:",
        )
    for section, terms in found.items():
        st.subheader(section)
        for term in terms:
            _show(term)


def _show(term: Term) -> None:
    symbol = f" ${term.symbol}$" if term.symbol else ""
    with st.container(border=True):
        words, where = st.columns([4, 1], vertical_alignment="center")
        with words:
            st.markdown(f"**{term.name}**{symbol}: {term.meaning}")
        with where:
            st.page_link(page_of(term.page))


page()
