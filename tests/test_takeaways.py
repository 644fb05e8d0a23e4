"""One number to remember and one doubt a page: recorded, repeatable, and hidden by a link that says so."""

import pytest
from laboratory_app import open_laboratory
from test_pages import open_page, texts

from app.figures.numbers import short
from app.navigation import CHAPTERS
from lattice_core.course_lessons import closest_found_by_nearest_plane, min_pivot_is_best
from lattice_core.course_numbers import NUMBERS, recorded_number
from lattice_core.recorded_row_shares import recorded_row_shares

LESSONS = ("nearest_plane", "gptq_is_babai", "error_and_bound", "quantization_order")


@pytest.mark.parametrize("name", LESSONS)
def test_lesson_has_its_number_with_command_and_date(name) -> None:
    shown = texts(open_page(f"{name}.py"))
    recorded = recorded_row_shares() if name == "error_and_bound" else recorded_number(name)
    assert f"`{recorded.command}`, {recorded.date}" in shown
    assert "**Where to stop believing this**" in shown
    if name == "error_and_bound":
        mean = recorded.layers[0].kept.mean()
        assert f"to remember: {short(round(float(mean), 3))}**" in shown


def test_number_is_hidden_by_a_link() -> None:
    assert "to remember" not in texts(open_page("nearest_plane.py", hide="takeaway"))


def test_every_number_is_of_a_chapter_and_recorded() -> None:
    pages = {chapter.file.removesuffix(".py") for chapter in CHAPTERS}
    for name in NUMBERS:
        assert any(name.startswith(page) for page in pages)
        assert recorded_number(name).command.endswith(name)


def test_recorded_numbers_are_found_again() -> None:
    assert closest_found_by_nearest_plane() == pytest.approx(recorded_number("nearest_plane").value)
    assert min_pivot_is_best() == pytest.approx(recorded_number("quantization_order").value)
    assert recorded_number("gptq_is_babai").value < 1e-12


@pytest.mark.parametrize(("page", "view"), [("whole_model", "recorded"), ("gpu_kernels", "how")])
def test_laboratory_page_has_its_number_from_a_record(page, view) -> None:
    pytest.importorskip("torch")
    shown = texts(open_laboratory(page, view=view))
    assert "to remember" in shown
    assert "Where to stop believing this" in shown
