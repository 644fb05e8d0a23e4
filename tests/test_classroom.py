"""A class: the teacher's screen and the pupils' pages, two sessions of the app that share the tally."""

from collections.abc import Iterator

import pytest
from streamlit.testing.v1 import AppTest
from test_pages import open_page, texts

from app import cached
from app.classroom import share
from lattice_core import PRESETS


@pytest.fixture(autouse=True)
def empty_tally() -> Iterator[None]:
    cached.tally.clear()
    yield
    cached.tally.clear()


def buttons(app: AppTest) -> list[str]:
    return [button.label for button in app.button]


def in_link(app: AppTest, name: str) -> str:
    value = app.query_params[name]  # a list if the test has set it
    return value if isinstance(value, str) else value[0]


def press(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception


def shown_counts(app: AppTest) -> list[str]:
    """The teacher's bars, in words."""
    return [bar.proto.text for bar in app.get("progress")]


def test_pupils_predict_and_wait_and_the_teacher_reveals() -> None:
    pupil = open_page("nearest_plane.py", room="abc")
    teacher = open_page("nearest_plane.py", room="abc", teach="1")
    assert not teacher.radio  # counts, and does not vote
    question = pupil.radio[0]
    right = str(tuple(PRESETS["skewed"].problem.babai.codes.tolist())).replace("-", "−")
    wrong = next(option for option in question.options if option != right)
    question.set_value(right).run()
    assert "Wait for the teacher" in pupil.info[0].value
    assert not pupil.success
    pupil.radio[0].set_value(wrong).run()  # changed: it replaces the first

    teacher.run()
    assert f"{wrong}: **1** (100%)" in shown_counts(teacher)
    assert f"{right}: **0** (0%)" in shown_counts(teacher)
    assert "1 pupil" in texts(teacher)
    press(teacher, "Reveal")
    assert right in teacher.success[0].value
    assert any("right" in bar and right in bar for bar in shown_counts(teacher))

    pupil.run()
    assert "Not this one" in pupil.info[0].value
    pupil.radio[0].set_value(right).run()  # too late to count, not too late to learn
    assert "Yes" in pupil.success[0].value
    teacher.run()
    assert any(bar.startswith(f"{wrong}: **1**") for bar in shown_counts(teacher))

    press(teacher, "Ask again")
    pupil.run()
    assert pupil.radio[0].value is None
    assert "1 prediction" not in texts(teacher)


def test_pupil_is_shown_the_way_to_the_teachers_problem() -> None:
    pupil = open_page("nearest_plane.py", room="abc", hide="laws")
    teacher = open_page(
        "error_and_bound.py", PRESETS["three_inputs"].problem, 2, room="abc", teach="1"
    )
    pupil.run()
    assert "The teacher is at *Error and bound*" in texts(pupil)
    teacher.run()
    assert "1 is looking at another problem" in texts(teacher)
    press(pupil, "Go there")
    assert pupil.session_state.open_page == "error_and_bound.py"
    assert pupil.session_state.problem == PRESETS["three_inputs"].problem
    assert "Go there" not in buttons(pupil)
    assert in_link(pupil, "room") == "abc"
    assert in_link(pupil, "hide") == "laws"
    teacher.run()
    assert "another problem" not in texts(teacher)


@pytest.mark.parametrize("file", ["home.py", "gpu_kernels.py", "quantization_order.py"])
def test_room_and_teacher_stay_from_page_to_page(file: str) -> None:
    app = open_page("nearest_plane.py", room="abc", teach="1")
    app.switch_page(f"../pages/{file}").run()
    assert not app.exception
    assert in_link(app, "room") == "abc"
    assert in_link(app, "teach") == "1"


def test_teacher_shows_what_was_put_away_and_goes_on() -> None:
    teacher = open_page("nearest_plane.py", room="abc", teach="1")
    assert not teacher.selectbox
    press(teacher, "Controls")
    assert teacher.selectbox
    press(teacher, "Next page")
    assert teacher.session_state.open_page == "gptq_is_babai.py"


def test_strange_room_is_named_and_the_page_works_without() -> None:
    app = open_page("nearest_plane.py", room="Room 1")
    assert "room=Room 1 was ignored" in app.warning[0].value
    app.radio[0].set_value(app.radio[0].options[0]).run()
    assert "Wait for the teacher" not in str(app.main)


def test_full_server_says_so_and_the_page_works_without_a_room(monkeypatch) -> None:
    monkeypatch.setattr("app.classroom.tally.MOST_ROOMS", 0)
    app = open_page("nearest_plane.py", room="abc")
    assert "already has 0 rooms" in app.warning[0].value
    app.radio[0].set_value(app.radio[0].options[0]).run()
    assert "Wait for the teacher" not in str(app.main)


def test_a_prediction_too_many_is_not_counted_and_the_page_says_so(monkeypatch) -> None:
    first, late = (open_page("nearest_plane.py", room="abc") for _ in range(2))
    first.radio[0].set_value(first.radio[0].options[0]).run()
    monkeypatch.setattr("app.classroom.tally.MOST_VISITORS", 1)
    cached.tally().enter("abc", late.session_state.visitor, None)
    late.radio[0].set_value(late.radio[0].options[0]).run()
    assert not late.exception
    assert "not counted" in late.warning[0].value


def test_links_for_a_class_hold_the_problem_and_one_new_room() -> None:
    app = open_page("nearest_plane.py", PRESETS["three_inputs"].problem)
    links = [code.value for code in app.code if "room=" in code.value]
    assert len(links) == 2
    rooms = {link.split("room=")[1].partition("&")[0] for link in links}
    assert len(rooms) == 1
    assert all("problem=three_inputs" in link for link in links)
    assert [link.endswith("teach=1") for link in links] == [False, True]


@pytest.mark.parametrize(
    ("address", "host", "for_others"),
    [
        ("http://localhost:8501/a", "localhost", "http://localhost:8501/a"),
        ("http://localhost:8501/a", "0.0.0.0", "http://192.0.2.9:8501/a"),
        ("http://192.0.2.9:8501/a", "0.0.0.0", "http://192.0.2.9:8501/a"),
        ("https://class.example/a", "localhost", "https://class.example/a"),
    ],
)
def test_links_for_a_class_are_what_others_can_open(monkeypatch, address, host, for_others) -> None:
    monkeypatch.setattr("app.serving._of_this_machine", lambda host: ["192.0.2.9"])
    assert share._for_others(address, host) == for_others
