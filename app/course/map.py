"""The map of the course: what there is, what was seen, what comes next."""

import streamlit as st

from app.course.progress import OPENED, PREDICTED, state_of
from app.navigation import CHAPTERS, Chapter, page_of

IN_A_ROW = 3
SECTIONS = {
    "Lessons": "Nine lessons, about an hour. Each asks a question first, and lets you predict.",
    "Laboratory": "The same on the layers of a real language model, computed live or recorded before.",
    "Reference": "To look things up.",
}
MARKS = {
    OPENED: ":material/radio_button_partial: opened",
    PREDICTED: ":material/check_circle: prediction made",
    "": "",
}


def next_lesson() -> None:
    """How far the visitor has come, and a link to go on."""
    lessons = [chapter for chapter in CHAPTERS if chapter.section == "Lessons"]
    predicted = [c for c in lessons if state_of(c.file) == PREDICTED]
    left = [c for c in lessons if state_of(c.file) != PREDICTED]
    with st.container(border=True, horizontal=True, vertical_alignment="center", key="next_lesson"):
        if not left:
            st.markdown("**All lessons done.** The laboratory is open.")
            following = next(c for c in CHAPTERS if c.section == "Laboratory")
        else:
            following = left[0]
            words = "Go on with" if any(state_of(c.file) for c in lessons) else "Begin with"
            st.markdown(
                f"**{words}** lesson {lessons.index(following) + 1} of {len(lessons)}. "
                f"Predictions made: {len(predicted)}."
            )
        st.page_link(page_of(following.file), label=f"**{following.title}**", width="content")


def course_map() -> None:
    """Every page with its question, by section."""
    for section, about in SECTIONS.items():
        chapters = [chapter for chapter in CHAPTERS if chapter.section == section]
        st.subheader(section, anchor=section.lower())
        st.markdown(about)
        columns = [c for _ in chapters[::IN_A_ROW] for c in st.columns(IN_A_ROW)]
        for number, (column, chapter) in enumerate(zip(columns, chapters, strict=False), start=1):
            with column, st.container(border=True, height="stretch"):
                _card(chapter, f"{number}. " if section == "Lessons" else "")


def _card(chapter: Chapter, number: str) -> None:
    st.page_link(page_of(chapter.file), label=f"**{number}{chapter.title}**", icon=chapter.icon)
    st.markdown(chapter.question)
    if mark := MARKS[state_of(chapter.file)]:
        st.caption(mark)
