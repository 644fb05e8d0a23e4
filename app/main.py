"""The entry that ``streamlit run`` is given: page set-up, navigation, then the page itself."""

from pathlib import Path

import streamlit as st

from app.address_bar import close_run, open_session_link
from app.classroom.bar import class_bar
from app.classroom.seat import is_seated, look_at, sit_down
from app.course import progress
from app.navigation import is_laboratory, pages
from app.shared_problem import nonsense, open_link

st.set_page_config(
    page_title="Nearest Plane",
    page_icon=str(Path(__file__).with_name("icon.svg")),
    layout="wide",
    menu_items={"About": "**Nearest Plane**: GPTQ, run back to front, is Babai's nearest plane."},
)
# The page's head is nearly empty; what is projected should begin near the top. On a phone a wide
# table scrolls by itself and not the page with it. A link with the keyboard's focus has only a faint
# tint of Streamlit's own, the grey of its charts' words is too faint on white, and code in its captions
# is too faint in either theme.
st.html(
    "<style>[data-testid='stMainBlockContainer'] {padding-top: 4.5rem}"
    "a:focus-visible {outline: 2px solid currentColor !important; outline-offset: 2px}"
    ".stPlotlyChart text[style*='fill: rgb(128, 132, 149)'] {fill: currentColor !important}"
    "[data-testid='stCaptionContainer'] code {color: inherit}"
    "@media (max-width: 640px) {[data-testid='stMarkdownContainer'] table "
    "{display: block; overflow-x: auto; max-width: 100%}}</style>"
)
page = st.navigation(pages(), position="top")
if page.title != "Home":
    st.set_page_config(page_title=f"{page.title} · Nearest Plane")
for notice in open_session_link():
    nonsense(notice)
open_link(to_problem=not is_laboratory(page))
progress.begin_visit(page.title)
sit_down()
above = st.container() if is_seated() else None
page.run()
look_at(st.session_state.open_page, close_run())
if above:
    with above:
        class_bar()
progress.remember_in_browser()
