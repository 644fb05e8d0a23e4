"""A class in a real Chromium: the teacher's keys, and a pupil's page that follows by itself."""

from pathlib import Path

import pytest
from browser import AppPage, chromium, eventually, require_chromium, serve

pytestmark = pytest.mark.browser
ENTRY = Path(__file__).parents[1] / "app" / "main.py"


def test_teacher_steps_and_reveals_with_the_keys_and_the_pupil_sees_it() -> None:
    require_chromium()
    with serve(ENTRY) as address, chromium() as browser:
        pupil = AppPage(browser.new_page(), address).open("/nearest_plane?room=abc")
        teacher = AppPage(browser.new_page(), address).open("/nearest_plane?room=abc&teach=1")
        pupil.page.get_by_test_id("stRadioOption").first.click()
        pupil.page.get_by_text("Wait for the teacher").wait_for()
        teacher.page.get_by_text("1 prediction, 1 pupil in the room").wait_for()  # by itself

        stepper = teacher.stepper("plane_stepper_2")
        teacher.page.keyboard.press("PageDown")
        teacher.page.keyboard.press("PageDown")
        stepper.wait_for_step(2)
        teacher.page.keyboard.press("PageUp")
        stepper.wait_for_step(1)

        size = "parseFloat(getComputedStyle(document.documentElement).fontSize)"
        large = teacher.page.evaluate(size)
        teacher.page.keyboard.press("t")
        eventually(lambda: teacher.page.evaluate(size) < large, what="the usual type")
        teacher.page.keyboard.press("h")
        teacher.page.get_by_label("Order of rounding").first.wait_for()

        teacher.page.keyboard.press("v")
        teacher.page.get_by_text("It is").first.wait_for()
        eventually(
            lambda: pupil.page.get_by_text("Wait for the teacher").count() == 0,
            what="the pupil sees the answer",
        )
        teacher.page.keyboard.press("n")
        pupil.page.get_by_role("button", name="Go there").click()
        pupil.page.get_by_role("heading", name="GPTQ is Babai", level=1).wait_for()
        assert "room=abc" in pupil.page.url
