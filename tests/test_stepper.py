"""The stepper in a real Chromium, on the small app of stepper_demo.py. The figure itself is asked, not its pixels."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import AppPage, StepperOnPage, chromium, eventually, require_chromium, serve

TARGET = 8  # index of the demo's target trace
PATH = 2  # the trace that Python draws up to the target


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_chromium()
    folder = tmp_path_factory.mktemp("demo")
    entry = shutil.copy(Path(__file__).with_name("stepper_demo.py"), folder)
    with serve(Path(entry)) as address:
        yield address


@pytest.fixture
def open_app(browser, address):
    """Opens the demo in a fresh tab: ``open_app("/", **options of the browser context)``."""
    contexts = []

    def open_app(path: str = "/", **options) -> AppPage:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        app = AppPage(context.new_page(), address)
        app.page.set_default_timeout(30_000)
        return app.open(path)

    yield open_app
    for context in contexts:
        context.close()


@pytest.fixture
def app(open_app) -> AppPage:
    return open_app()


@pytest.fixture
def flat(app: AppPage) -> StepperOnPage:
    return app.stepper("flat")


def drag(flat: StepperOnPage, right: float, down: float, moves: int = 12, pause: int = 30) -> None:
    x, y = flat.handle_centre()
    flat.page.mouse.move(x, y)
    flat.page.mouse.down()
    for move in range(1, moves + 1):
        flat.page.mouse.move(x + right * move / moves, y + down * move / moves)
        flat.page.wait_for_timeout(pause)


# ---- steps


def test_buttons_step_in_both_directions_and_tell_python(app, flat):
    for name, step in [("Step forward", 1), ("Last step", 4), ("Step back", 3), ("First step", 0)]:
        flat.button(name).click()
        flat.wait_for_step(step)
        app.wait_for_text(f"Python saw step {step}")
    assert flat.position.inner_text() == "Step 0 of 4"


def test_frame_is_merged_into_the_base_figure(flat):
    flat.button("Last step").click()
    flat.wait_for_step(4)
    np.testing.assert_allclose(flat.trace(PATH)["x"], [0, 2.3])
    assert flat.ask("gd._fullData[2].line.color") == "#0072B2"  # from the base trace
    assert flat.ask("gd._fullLayout.annotations[0].text") == "Part 1.00"  # from the frame's layout


def test_keys_step_when_nothing_or_the_stepper_has_the_focus(app, flat):
    for key, step in [("ArrowRight", 1), ("End", 4), ("ArrowLeft", 3), ("Home", 0)]:
        app.page.keyboard.press(key)
        flat.wait_for_step(step)
    flat.scrub.focus()
    app.page.keyboard.press("ArrowRight")
    flat.wait_for_step(1)


def test_fast_keys_lose_no_step_even_if_the_server_is_slow(open_app):
    app = open_app("/?delay=0.4")
    flat = app.stepper("flat")
    for key in ["ArrowRight"] * 4 + ["ArrowLeft"] * 2:
        app.page.keyboard.press(key)
        app.page.wait_for_timeout(30)
    flat.wait_for_step(2)
    app.page.wait_for_timeout(200)  # the server is now busy with step 2
    app.page.keyboard.press("ArrowRight")
    flat.wait_for_step(3)
    shown = set()
    for _ in range(10):
        app.page.wait_for_timeout(60)
        shown.add(flat.drawn_step())
    assert shown == {3}  # the late answer to step 2 moved nothing back
    app.wait_for_text("Python saw step 3")


def test_keys_are_not_taken_from_a_text_field(app, flat):
    field = app.text_input("Words")
    field.fill("ab")
    app.page.keyboard.press("Home")
    app.page.keyboard.type("x y")
    assert field.input_value() == "x yab"
    app.page.keyboard.press("ArrowRight")
    assert flat.drawn_step() == 0
    assert flat.button("Play").count() == 1


def test_only_the_first_of_two_steppers_answers_the_keys(open_app):
    app = open_app("/space_page")
    first, second = app.stepper("space"), app.stepper("second")
    app.page.keyboard.press("ArrowRight")
    first.wait_for_step(1)
    assert second.drawn_step() == 0
    second.scrub.focus()
    app.page.keyboard.press("ArrowRight")
    second.wait_for_step(1)
    assert first.drawn_step() == 1


def test_what_streamlit_drops_is_told_again(app, flat):
    app.page.evaluate("""() => {
        const page = window.__stepperTell.flat, tell = page.tell;
        page.tell = () => { window.__dropped = true; page.tell = tell; };
    }""")
    flat.button("Last step").click()
    app.wait_for_text("Python saw step 4")
    assert app.page.evaluate("window.__dropped")


def test_scrubbing(app, flat):
    flat.scrub.fill("3")
    flat.wait_for_step(3)
    app.wait_for_text("Python saw step 3")


def test_play_runs_to_the_last_step_and_pause_stops_it(app, flat):
    flat.scrub.fill("3")
    app.page.keyboard.press(" ")
    flat.button("Pause").wait_for()
    flat.wait_for_step(4)
    flat.button("Play").click()
    eventually(lambda: flat.drawn_step() < 4, what="at the end it starts over")
    flat.button("Pause").click()
    paused = flat.position.inner_text()
    app.page.wait_for_timeout(1600)  # more than one beat
    assert flat.position.inner_text() == paused != "Step 4 of 4"


def test_server_sets_the_step(app, flat):
    flat.button("Last step").click()
    app.wait_for_text("Python saw step 4")
    app.press_button("Go to step 2")
    flat.wait_for_step(2)
    app.page.keyboard.press("Escape")
    flat.button("Step forward").click()
    app.wait_for_text("Python saw step 3")


def test_reload_and_other_pages_keep_the_step(app, flat):
    flat.button("Last step").click()
    app.wait_for_text("Python saw step 4")
    app.reload()
    app.stepper("flat").wait_for_step(4)


def test_stepper_works_again_after_visiting_another_page(open_app):
    app = open_app("/space_page")
    app.stepper("space").button("Last step").click()
    app.wait_for_text("Python saw step 4")
    app.go_to("Flat")
    app.stepper("flat").button("Step forward").click()
    app.wait_for_text("Python saw step 1")
    app.go_to("Space")
    space = app.stepper("space")
    space.wait_for_step(4)
    space.button("Step back").click()
    app.wait_for_text("Python saw step 3")


# ---- the target


def test_dragging_is_answered_live_and_the_last_position_is_final(app, flat):
    flat.button("Last step").click()
    flat.wait_for_step(4)
    before = flat.trace(TARGET)["x"][0]
    drag(flat, -200, 40)
    eventually(
        lambda: flat.trace(PATH)["x"][1] < before - 0.5,
        what="the path follows while the button is down",
    )
    flat.page.mouse.up()
    app.wait()
    # On a loaded machine the stepper tells a drop twice rather than never.
    app.page.get_by_text(re.compile(r"and [1-9]\d* drops")).wait_for()
    target = flat.trace(TARGET)
    assert target["x"][0] < before - 2
    app.wait_for_text(f"Python saw target {target['x'][0]:.3f}, {target['y'][0]:.3f}")
    eventually(
        lambda: flat.trace(PATH)["x"][1] == target["x"][0], what="the path ends at the target"
    )
    assert int(app.text("drags").split()[2]) >= 1
    assert flat.timings("answerMilliseconds")  # tests/measure_app.py holds them to their limit


def test_late_answers_do_not_pull_the_target_back_nor_move_the_axes(open_app):
    app = open_app("/?delay=0.2")
    flat = app.stepper("flat")
    drag(
        flat, 300, 0, moves=30, pause=20
    )  # beyond the right edge: x stops at 4, and Python asks for other ranges
    places = []
    for _ in range(10):
        places.append(flat.handle_centre()[0])
        app.page.wait_for_timeout(50)
    assert np.ptp(places) < 1
    assert flat.ask("gd._fullLayout.xaxis2.range") == [-4, 4]
    flat.page.mouse.up()
    # On a loaded machine the stepper tells a drop twice rather than never.
    app.page.get_by_text(re.compile(r"and [1-9]\d* drops")).wait_for()
    eventually(
        lambda: flat.ask("gd._fullLayout.xaxis2.range") == [-6, 6],
        what="the axes follow once it is let go",
    )
    np.testing.assert_allclose(flat.trace(TARGET)["x"], [4.0])


def test_a_click_on_the_target_sends_nothing(app, flat):
    drag(flat, 0, 0, moves=0)
    flat.page.mouse.up()
    app.press_button("Move the target")
    eventually(lambda: flat.trace(TARGET)["x"] == [-1.0], what="the server's target is followed")
    app.wait_for_text("Python saw 0 drags and 0 drops")


def test_server_moves_the_target_after_a_drag(app, flat):
    drag(flat, 60, 10)
    flat.page.mouse.up()
    # On a loaded machine the stepper tells a drop twice rather than never.
    app.page.get_by_text(re.compile(r"and [1-9]\d* drops")).wait_for()
    app.press_button("Move the target")
    eventually(lambda: flat.trace(TARGET)["x"] == [-1.0], what="the server's target is followed")


def test_a_finger_drags_only_the_ring(open_app):
    app = open_app(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    flat = app.stepper("flat")
    assert flat.handle.evaluate("ring => getComputedStyle(ring).touchAction") == "none"
    assert flat.ask("getComputedStyle(gd).touchAction") == "auto"
    assert flat.ask("gd._fullLayout.dragmode") is False
    heights = flat.root.get_by_role("button").evaluate_all("all => all.map(b => b.offsetHeight)")
    assert min(height for height in heights if height) >= 40


# ---- space


def test_camera_is_kept_over_steps_and_new_figures_until_reset(open_app):
    app = open_app("/space_page")
    space = app.stepper("space")
    initial = space.camera()
    space.turn_scene()
    turned = space.camera()
    space.button("Step forward").click()
    space.wait_for_step(1)
    assert space.camera() == turned
    points = space.trace(0)
    app.press_button("New figure")
    eventually(lambda: space.trace(0) != points, what="the new figure is drawn")
    assert space.camera() == turned
    app.wait()
    space.button("Reset view").click()
    eventually(lambda: space.camera() == initial, what="the camera is back")


# ---- looks and accessibility


def test_dark_theme_reaches_the_figure_at_once(app, flat):
    def colours() -> list[str]:
        layout = "gd._fullLayout"
        return flat.ask(
            f"[{layout}.font.color, {layout}.xaxis2.gridcolor, {layout}.annotations[0].font.color]"
        )

    light = colours()
    app.page.emulate_media(color_scheme="dark")
    eventually(lambda: colours() != light, what="the theme has changed")
    assert colours()[0].lower() == flat.root.evaluate(
        "root => getComputedStyle(root).getPropertyValue('--st-text-color').toLowerCase()"
    )
    assert not set(colours()) & set(light)
    assert flat.ask("gd._fullData[2].line.color") == "#0072B2"  # the figure's own colours stay


def test_narrow_layout(app, flat):
    assert flat.ask("gd._fullLayout.height") == 420
    app.page.set_viewport_size({"width": 390, "height": 800})
    eventually(lambda: flat.ask("gd._fullLayout.height") == 640, what="the narrow patch")
    assert flat.ask("gd._fullLayout.xaxis2.domain") == [0, 1]
    assert flat.ask("gd._fullLayout.width") <= 390
    assert app.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_words_follow_the_step(flat):
    flat.scrub.fill("2")
    flat.wait_for_step(2)
    sentence = flat.sentence.inner_text()
    assert sentence.startswith("After 50% of the way")
    assert flat.sentence.get_attribute("aria-live") == "polite"
    assert flat.scrub.get_attribute("aria-valuetext") == f"Step 2 of 4: {sentence}"
    assert flat.graph.get_attribute("role") == "img"
    assert sentence in flat.graph.get_attribute("aria-label")
    flat.button("Last step").click()
    assert flat.button("Step forward").get_attribute("aria-disabled") == "true"


def test_save_image_downloads_svg(flat):
    with flat.page.expect_download() as download:
        flat.button("Save image").click()
    assert download.value.suggested_filename == "flat.svg"


def test_message_if_plotly_does_not_load(open_app, browser, address):
    page = browser.new_page()
    page.route("**/plotly.min.js*", lambda route: route.abort())
    app = AppPage(page, address).open()
    message = StepperOnPage(page, "flat").message
    message.wait_for()
    assert "did not load" in message.inner_text()
    app.page.close()
