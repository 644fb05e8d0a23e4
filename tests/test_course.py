"""The course as a whole: laws and their places, glossary, dictionary, progress."""

import re
from pathlib import Path

import pytest
from test_pages import open_page, texts

from app.course import progress
from app.course.glossary import GLOSSARY, terms_with
from app.course.laws_index import LAWS
from app.figures.dictionary_pairs import DICTIONARY, dictionary_figure
from app.lesson import PAPERS
from app.navigation import CHAPTERS
from lattice_core import PRESETS

FILES = {chapter.file for chapter in CHAPTERS}
LESSONS = [chapter.file for chapter in CHAPTERS if chapter.section == "Lessons"]
CLIPPED = PRESETS["clipping_bites"].problem  # where laws about clipping have something to say


def test_all_laws_are_indexed_once_and_each_has_a_test() -> None:
    assert [law.number for law in LAWS] == [f"L{k}" for k in range(1, 23)]
    tests = "\n".join(
        path.read_text(encoding="utf-8")
        for path in Path(__file__).parent.glob("test_*.py")
        if path.name != Path(__file__).name
    )
    assert [law.number for law in LAWS if not re.search(rf"\b{law.number}\b", tests)] == []
    for law in LAWS:
        assert set(re.findall(r"\[(\w+)\]", law.source)) <= set(PAPERS)
        assert set(law.pages) <= FILES
        assert law.pages


@pytest.mark.parametrize("file", LESSONS)
def test_a_lesson_shows_the_laws_that_are_indexed_for_it(file) -> None:
    shown = texts(open_page(file, CLIPPED))
    missing = [law.number for law in LAWS if file in law.pages and law.number not in shown]
    assert missing == []


def test_laws_and_sources_are_all_on_their_page() -> None:
    app = open_page("sources.py")
    shown = texts(app)
    assert all(f"**{law.number}**" in shown and law.says in shown for law in LAWS)
    assert all(paper in shown for paper in PAPERS.values())
    assert len(app.get("page_link")) == sum(len(law.pages) for law in LAWS)


def test_glossary_finds_terms_in_names_and_meanings_and_says_when_there_is_none() -> None:
    assert all(term.page in FILES for terms in GLOSSARY.values() for term in terms)
    assert {t.name for terms in terms_with(" gram-schmidt ").values() for t in terms} == {
        "Gram-Schmidt length",
        "Pivot",
        "Box",
    }
    app = open_page("glossary.py")
    assert len(app.get("page_link")) == sum(map(len, GLOSSARY.values()))
    app.text_input(key="glossary_find").set_value("Voronoi").run()
    assert len(app.get("page_link")) == 1
    app.text_input(key="glossary_find").set_value("no *such* word").run()
    assert r"no \*such\* word" in app.info[0].value
    assert not app.get("page_link")


def test_every_line_of_the_dictionary_lights_up_both_sides() -> None:
    figure = dictionary_figure(PRESETS["skewed"].problem)
    for pair, frame in zip(DICTIONARY, figure.frames, strict=True):
        lit = [t for t in frame.data if t.opacity in (1, None) and any(v is not None for v in t.x)]
        assert pair.lit >= {trace.name for trace in lit}
        assert {trace.name for trace in lit if trace.showlegend} <= pair.lit
        sides = {trace.xaxis or "x" for trace in lit}
        both = pair.step != 0 or pair.bits is None
        assert sides == {"x", "x2"} if both and "box of the error" not in pair.lit else "x" in sides


def test_progress_is_noted_and_home_goes_on_with_what_is_left() -> None:
    app = open_page("nearest_plane.py")
    assert app.session_state.progress == {"nearest_plane.py": progress.OPENED}
    radio = app.radio[0]
    radio.set_value(radio.options[0]).run()
    assert app.session_state.progress == {"nearest_plane.py": progress.PREDICTED}
    app.switch_page("../pages/home.py").run()
    shown = texts(app)
    assert "Predictions made: 1." in shown
    assert shown.count("prediction made") == 1
    for file in LESSONS:
        app.session_state.progress[file] = progress.PREDICTED
    app.run()
    assert "All lessons done" in texts(app)


def test_progress_from_the_browser_is_believed_only_where_it_names_pages(monkeypatch) -> None:
    state = {"open_page": "home.py", "progress": {"closest_vector.py": progress.PREDICTED}}
    state["progress_memory"] = {
        "kept": {
            "closest_vector.py": progress.OPENED,
            "damping.py": progress.PREDICTED,
            "../secret.py": progress.OPENED,
            "home.py": "<b>",
        }
    }

    class Session(dict):
        __getattr__ = dict.__getitem__

    monkeypatch.setattr(progress.st, "session_state", Session(state))
    progress._take_back()
    assert progress.state_of("damping.py") == progress.PREDICTED
    assert progress.state_of("closest_vector.py") == progress.PREDICTED
    assert progress.state_of("../secret.py") == progress.state_of("home.py") == ""
