"""What stands above every page of a class: for pupils where the teacher is, for the teacher the presenter's keys."""

import streamlit as st

from app import cached
from app.address_bar import follow, session
from app.classroom import screen
from app.classroom.seat import be_seen, is_teacher, place
from app.classroom.tally import Place, RoomsFull
from app.navigation import CHAPTERS, pages

PUPIL_SECONDS = 4.0  # between two looks at what the teacher does
TEACHER_SECONDS = 3.0

# A presenter's remote sends Page Down and Page Up; the stepper knows the arrows. A button that was
# pressed with the mouse has the focus, and would keep the keys from the stepper.
_remote = st.components.v2.component(
    "nearest_plane_remote",
    js="""export default function () {
        const arrows = { PageDown: "ArrowRight", PageUp: "ArrowLeft" };
        const press = (event) => {
            const key = arrows[event.key];
            const focus = document.activeElement;
            if (!key || event.defaultPrevented || focus?.matches("input, textarea, [contenteditable]")) return;
            event.preventDefault();
            if (!focus?.closest(".stepper")) focus?.blur();
            const target = document.activeElement ?? document.body;
            for (const kind of ["keydown", "keyup"]) // else Streamlit takes the arrow for held down with the next key
                target.dispatchEvent(new KeyboardEvent(kind, { key, code: key, bubbles: true }));
        };
        document.addEventListener("keydown", press);
        return () => document.removeEventListener("keydown", press);
    }""",
)


def class_bar() -> None:
    """The bar of a session in a room; drawn after the page, when the problem on show is known."""
    with st.container(horizontal=True, vertical_alignment="center", key="class_bar"):
        if is_teacher():
            _presence()
            _presenter()
        else:
            _teacher_is_elsewhere()


@st.fragment(run_every=PUPIL_SECONDS)
def _teacher_is_elsewhere() -> None:
    try:
        be_seen()
    except RoomsFull:  # the seat was lost while this browser slept, and the room has filled up
        st.rerun()
    room, tally, here = session().room, cached.tally(), st.session_state.asked_here
    if tally.phases(room, here) != here:
        st.rerun()  # revealed, or asked again: the page follows
    teacher, own = tally.teacher(room), place()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/group: Room **{room}**", width="content")
        if teacher is None or own is None or own.is_beside(teacher):
            return
        if teacher.page == own.page:
            st.markdown("The teacher shows another problem.", width="content")
        else:
            st.markdown(f"The teacher is at *{_title(teacher)}*.", width="content")
        if st.button("Go there", key="go_to_teacher", icon=":material/arrow_forward:"):
            follow(_page(teacher.page), dict(teacher.query))


@st.fragment(run_every=TEACHER_SECONDS)
def _presence() -> None:
    be_seen()
    room = session().room
    there = cached.tally().presence(room)
    words = [f"Room **{room}**", f"{there.pupils} pupil{'' if there.pupils == 1 else 's'}"]
    if there.elsewhere:
        are = "is" if there.elsewhere == 1 else "are"
        words.append(f"{there.elsewhere} {are} looking at another problem")
    st.caption(f":material/group: {' · '.join(words)}", width="content")


def _presenter() -> None:
    screen.enlarge_type()
    st.button("Large type", key="turn_type", shortcut="T", on_click=screen.turn_type)
    st.button("Controls", key="turn_controls", shortcut="H", on_click=screen.turn_controls)
    after = _next_page()
    if st.button("Next page", key="next_page", shortcut="N", disabled=after is None) and after:
        st.switch_page(after)
    with st.popover("Presenter", icon=":material/keyboard:"):
        st.markdown(
            "| key | does |\n|:--|:--|\n"
            "| → or Page Down | next step |\n"
            "| ← or Page Up | step back |\n"
            "| Home, End | first step, result |\n"
            "| Space | play |\n"
            "| V | reveal the answer |\n"
            "| T | large type, or the usual |\n"
            "| H | show or hide controls |\n"
            "| N | next page of the course |"
        )
        st.caption(
            "Page Down and Page Up are what a presenter's remote sends. "
            "Figures grow with the browser's own zoom, Ctrl and +."
        )
    _remote(key="presenter_remote", height="content")


def _next_page() -> st.Page | None:
    files = [chapter.file for chapter in CHAPTERS]
    after = files.index(st.session_state.open_page) + 1
    return _page(files[after]) if after < len(files) else None


def _page(file: str) -> st.Page:
    title = next(chapter.title for chapter in CHAPTERS if chapter.file == file)
    return next(page for section in pages().values() for page in section if page.title == title)


def _title(shown: Place) -> str:
    return next(chapter.title for chapter in CHAPTERS if chapter.file == shown.page)
