"""The lessons as a student uses them, in a real Chromium: drag, step back, keys, reload, phone, dark."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from browser import AppPage, chromium, eventually, require_chromium, serve

from app.problem_link import from_query
from lattice_core import PRESETS
from lattice_core.placement import Placement

pytestmark = pytest.mark.browser
ENTRY = Path(__file__).parents[1] / "app" / "main.py"
SKEWED = PRESETS["skewed"].problem


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    require_chromium()
    with serve(ENTRY) as served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with chromium() as started:
        yield started


@pytest.fixture
def open_app(address, browser):
    """Open a path of the app; width, colour scheme and touch as asked."""
    contexts = []

    def opened(path: str, width: int = 1280, **options: object) -> AppPage:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        errors: list[str] = []
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        app = AppPage(page, address).open(path)
        app.errors = errors
        return app

    yield opened
    for context in contexts:
        context.close()


def query(app: AppPage) -> dict[str, str]:
    search = app.page.evaluate("location.search.slice(1)")
    return {k: v[0] for k, v in parse_qs(search).items()}


def drag(
    app: AppPage, stepper, right: float, down: float, moves: int = 6, name: str = "target"
) -> None:
    x, y = stepper.handle_centre(name)
    app.page.mouse.move(x, y)
    app.page.mouse.down()
    for k in range(1, moves + 1):
        app.page.mouse.move(x + right * k / moves, y + down * k / moves)
        app.page.wait_for_timeout(60)
    app.page.mouse.up()


def point_of(stepper, name: str) -> list[float]:
    """Where the figure on the screen shows a one-point trace."""
    return stepper.ask(
        f"(t => [t.x[0], t.y[0]])(gd._fullData.find(t => t.name === {name!r} && t.x.length))"
    )


def test_dragging_the_target_moves_answer_table_laws_and_link(open_app) -> None:
    app = open_app("/nearest_plane?problem=skewed&step=2")
    stepper = app.stepper("plane_stepper_2")
    stepper.wait_for_step(2)
    before = point_of(stepper, "answer B z")
    drag(app, stepper, 130, -70)
    eventually(lambda: "weights" in query(app), what="the link has the new weights")
    app.wait()
    weights = [float(value) for value in query(app)["weights"].split(",")]
    moved = SKEWED.__class__(SKEWED.hessian, weights, SKEWED.scales)
    eventually(lambda: point_of(stepper, "answer B z") != before, what="another answer")
    answer = moved.lattice.point(moved.babai.codes)
    assert point_of(stepper, "answer B z") == pytest.approx(list(answer), abs=1e-9)
    target = moved.lattice.point([w / s for w, s in zip(weights, SKEWED.scales, strict=True)])
    assert point_of(stepper, "target y") == pytest.approx(list(target), abs=1e-9)
    loss = f"{moved.babai.squared_distance:.4g}"
    assert app.page.get_by_role("cell", name=loss).count() >= 2  # table and laws
    assert not app.errors


def test_dragging_a_basis_tip_makes_another_problem_and_the_target_stays(open_app) -> None:
    app = open_app("/closest_vector?problem=skewed&step=4")
    stepper = app.stepper("closest_stepper")
    stepper.wait_for_step(4)
    stepper.ask("(gd.dataset.mark = 'the same element')")
    drag(app, stepper, 10, 60, name="b1")
    eventually(lambda: query(app).get("problem") == "custom", what="the link has the basis")
    eventually(lambda: int(query(app).get("turn", "0")) > 300, what="the picture is turned")
    drag(app, stepper, -30, -40, name="b2")  # at once: what the widgets show is still of before
    eventually(lambda: not stepper.ask("gd.querySelector('.stepper-held')"), what="let go")
    app.wait()
    app.page.wait_for_timeout(1000)
    app.wait()
    assert stepper.ask("gd.dataset.mark") == "the same element"
    shown = Placement(degrees=int(query(app)["turn"]))
    problem = from_query(query(app)).problem
    assert (problem.name, query(app)["step"]) == ("custom", "4")
    tips = [point_of(stepper, name) for name in ("tip of b₁", "tip of b₂")]
    assert np.transpose(tips) == pytest.approx(shown.basis(problem.lattice), abs=1e-6)
    assert point_of(stepper, "target y") == pytest.approx(SKEWED.target.tolist(), abs=1e-4)
    # As far as the other tip: the vectors would be parallel. The last basis that could be drawn stays.
    x, y = stepper.handle_centre("b2")
    there = stepper.handle_centre("b1")
    drag(app, stepper, there[0] - x, there[1] - y, name="b2")
    app.page.get_by_text("almost parallel").wait_for()
    assert point_of(stepper, "target y") == pytest.approx(SKEWED.target.tolist(), abs=1e-3)
    assert stepper.handle_of("b2").get_attribute("aria-label").startswith("tip of b₂: drag it")
    assert not app.errors


def test_step_forward_back_keys_and_reload(open_app) -> None:
    app = open_app("/nearest_plane?problem=three_inputs")
    stepper = app.stepper("plane_stepper_3")
    stepper.wait_for_step(0)
    for _ in range(3):
        stepper.button("Step forward").click()
    stepper.wait_for_step(3)
    app.page.keyboard.press("ArrowLeft")
    stepper.wait_for_step(2)
    assert "z₂ = 1" in stepper.sentence.inner_text()
    eventually(lambda: query(app).get("step") == "2", what="the link has the step")
    app.reload()
    app.stepper("plane_stepper_3").wait_for_step(2)
    assert query(app) == {"problem": "three_inputs", "step": "2"}


def test_stepping_on_and_on_never_takes_the_figure_down(open_app) -> None:
    app = open_app("/gptq_is_babai?problem=skewed")
    stepper = app.stepper("lockstep_stepper_2")
    stepper.ask("(gd.dataset.mark = 'the same element')")
    for k in range(36):
        step = stepper.drawn_step()
        assert step is not None
        forward = k % 6 < 3
        app.page.keyboard.press("ArrowRight" if forward else "ArrowLeft")
        stepper.wait_for_step(step + 1 if forward else step - 1)
        app.page.wait_for_timeout((60, 130, 250)[k % 3])  # before, while, after the server answers
    assert stepper.ask("gd.dataset.mark") == "the same element"


def test_camera_stays_over_a_step_and_over_new_weights(open_app) -> None:
    app = open_app("/nearest_plane?problem=three_inputs&step=1")
    stepper = app.stepper("plane_stepper_3")
    stepper.wait_for_step(1)
    stepper.turn_scene()
    turned = stepper.camera()
    stepper.button("Step forward").click()
    stepper.wait_for_step(2)
    assert stepper.camera() == turned
    weight = app.number_input("Weight w₁")
    weight.fill("0.9")
    weight.press("Enter")
    eventually(lambda: "weights" in query(app), what="the link has the new weights")
    app.wait()
    assert stepper.camera() == turned


def test_min_pivot_is_stepped_with_keys_and_the_camera_stays(open_app) -> None:
    app = open_app("/quantization_order?problem=three_orders")
    stepper = app.stepper("pivot_stepper_3")
    stepper.wait_for_step(0)
    stepper.turn_scene()
    turned = stepper.camera()
    for step in (1, 2, 3, 2):
        app.page.keyboard.press("ArrowRight" if step > (stepper.drawn_step() or 0) else "ArrowLeft")
        stepper.wait_for_step(step)
    assert stepper.camera() == turned
    assert "w₃ is rounded number 2" in stepper.sentence.inner_text()
    eventually(lambda: query(app).get("step") == "2", what="the link has the step")
    taken = app.page.get_by_role("cell", name="★")
    eventually(lambda: taken.count() == 2, what="the table has followed")
    assert stepper.camera() == turned
    app.reload()
    app.stepper("pivot_stepper_3").wait_for_step(2)
    assert not app.errors


def test_dragged_to_the_corner_the_loss_meets_its_bound(open_app) -> None:
    app = open_app("/error_and_bound?problem=skewed&step=3")
    stepper = app.stepper("bound_stepper_2")
    stepper.wait_for_step(3)
    assert "34\u00a0% of the bound" in stepper.sentence.inner_text()
    # From the target to the corner of the box below and right of it, in pixels.
    corner = SKEWED.lattice.nearest_plane_box() + SKEWED.lattice.point(SKEWED.babai.codes)
    goal = corner[(corner[:, 0] > SKEWED.target[0]) & (corner[:, 1] < SKEWED.target[1])][0]
    here, there = (
        stepper.ask(f"[gd._fullLayout.xaxis.d2p({x}), gd._fullLayout.yaxis.d2p({y})]")
        for x, y in (SKEWED.target, goal)
    )
    drag(app, stepper, there[0] - here[0] - 1, there[1] - here[1] - 1)
    eventually(lambda: "weights" in query(app), what="the link has the new weights")
    app.wait()
    eventually(
        lambda: re.search(r"which is (98|99|100)\s%", stepper.sentence.inner_text()) is not None,
        what="nearly all of the bound",
    )
    for step in (2, 1, 2):
        app.page.keyboard.press("ArrowLeft" if step < (stepper.drawn_step() or 0) else "ArrowRight")
        stepper.wait_for_step(step)
    eventually(lambda: query(app).get("step") == "2", what="the link has the step")
    before = query(app)
    app.reload()
    app.stepper("bound_stepper_2").wait_for_step(2)
    assert query(app) == before
    assert not app.errors


def test_lockstep_moves_both_sides_and_the_other_page_shows_the_same_problem(open_app) -> None:
    app = open_app("/gptq_is_babai?problem=real_two_inputs")
    stepper = app.stepper("lockstep_stepper_2")
    stepper.wait_for_step(0)
    stepper.button("Last step").click()
    stepper.wait_for_step(3)
    codes = stepper.ask("[...gd._fullData.find(t => t.name === 'code').x]")
    problem = PRESETS["real_two_inputs"].problem
    assert codes == problem.gptq.codes[problem.order_indices].tolist()
    answer = problem.lattice.point(problem.babai.codes)
    assert point_of(stepper, "answer B z") == pytest.approx(list(answer))
    eventually(lambda: query(app).get("step") == "3", what="the server knows the step")
    app.go_to_chapter("Lessons", "Nearest plane")
    app.stepper("plane_stepper_2").wait_for_step(3)
    assert query(app) == {"problem": "real_two_inputs", "step": "3"}


def test_symbols_light_up_in_the_figure_and_the_figure_lights_up_symbols(open_app) -> None:
    app = open_app("/gptq_is_babai?problem=skewed&step=1")
    stepper = app.stepper("lockstep_stepper_2")
    share = app.symbol("share 1")
    share.first.hover()
    eventually(lambda: app.lit_symbols() == {"share 1"}, what="the formula's symbol is lit")
    marks = stepper.root.locator(".stepper-marks > svg")
    assert marks.count() == 2  # in the lattice and on the number lines
    assert set(marks.all_text_contents()) == {"push to w₁"}
    assert "pushed to w₁" in app.page.locator(".linked-hint").inner_text()
    # The other way round: the pointer on the error, half way from the centre to the code.
    taken = SKEWED.gptq.steps[0]
    right, down = stepper.ask(
        f"(({{xaxis2: x, yaxis2: y}}) => [x._offset + x.d2p({(taken.center + taken.code) / 2}),"
        " y._offset + y.d2p(0)])(gd._fullLayout)"
    )
    stepper.graph.hover(position={"x": right, "y": down}, force=True)
    eventually(lambda: app.lit_symbols() in ({"error"}, {"distance"}), what="the error is lit")
    # With the keys: from one symbol to the next, and off.
    app.symbol("star").first.focus()
    assert app.lit_symbols() == {"star"}
    app.page.keyboard.press("Tab")
    assert app.lit_symbols() == {"basis 2"}
    assert set(marks.all_text_contents()) == {"b₂", "s₂"}
    app.page.keyboard.press("Escape")
    assert app.lit_symbols() == set()
    assert marks.count() == 0
    # The formulas follow the stepper.
    stepper.button("Step forward").click()
    app.page.get_by_text("GPTQ, step 2").wait_for()
    assert app.symbol("share 1").count() == 0
    assert not app.errors


def test_marks_in_space_are_where_the_scene_is_and_turn_with_it(open_app) -> None:
    app = open_app("/nearest_plane?problem=three_inputs&step=2")
    stepper = app.stepper("plane_stepper_3")
    app.symbol("target").first.focus()
    ring = stepper.root.locator(".stepper-marks circle").last
    box = ring.bounding_box()
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    app.symbol("target").first.blur()
    app.page.mouse.move(*place)
    eventually(lambda: app.lit_symbols() == {"target"}, what="the point is found in the scene")
    app.page.mouse.down()
    app.page.mouse.move(place[0] + 60, place[1] + 30, steps=3)
    app.page.mouse.up()
    eventually(lambda: ring.bounding_box()["x"] != box["x"], what="the ring has turned")
    assert not app.errors


def test_target_is_dragged_with_a_finger_on_a_phone(open_app) -> None:
    app = open_app("/gptq_is_babai?problem=skewed&step=2", 390, has_touch=True, is_mobile=True)
    stepper = app.stepper("lockstep_stepper_2")
    stepper.wait_for_step(2)
    assert app.page.evaluate("document.documentElement.scrollWidth") <= 390
    stepper.handle.scroll_into_view_if_needed()
    x, y = stepper.handle_centre()
    finger = app.page.context.new_cdp_session(app.page)
    touch = [{"x": x, "y": y}]
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": touch})
    for k in range(1, 5):
        touch = [{"x": x - 12 * k, "y": y + 10 * k}]
        finger.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": touch})
        app.page.wait_for_timeout(50)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    eventually(lambda: "weights" in query(app), what="the link has the new weights")


@pytest.mark.parametrize(
    ("path", "figure"),
    [
        ("/error_and_bound?problem=random&inputs=6&bits=2&step=7", "bound_stepper_6"),
        ("/quantization_order?problem=random&inputs=6&bits=2", "pivot_stepper_6"),
    ],
)
def test_six_inputs_fit_a_phone(open_app, path, figure) -> None:
    app = open_app(path, 390)
    app.stepper(figure)
    assert app.beyond_the_edge() == []
    assert not app.errors


def test_dark_mode_reaches_the_figure(open_app) -> None:
    app = open_app("/nearest_plane", color_scheme="dark")
    stepper = app.stepper("plane_stepper_2")
    assert stepper.ask("gd._fullLayout.font.color").lower() == "#e4e8eb"
    light = open_app("/nearest_plane", color_scheme="light")
    assert light.stepper("plane_stepper_2").ask("gd._fullLayout.font.color").lower() == "#0b0e11"


def test_dictionary_follows_the_pointer_and_progress_survives_a_reload(open_app) -> None:
    app = open_app("/nearest_plane")
    app.page.get_by_role("radiogroup").first.locator("label").first.click()
    app.page.get_by_text(re.compile("^(Yes|Not this one)")).wait_for()
    app.wait()
    app.open("/")  # a new session on the server, in the same tab
    app.page.get_by_text("Predictions made: 1.").wait_for()
    row = app.page.locator(".dictionary tbody tr").nth(9)
    row.hover()
    app.stepper("dictionary_stepper").wait_for_step(9)
    assert "Babai's nearest plane" in app.page.locator(".stepper-sentence").inner_text()
    assert row.get_attribute("data-shown") is not None
    app.page.locator(".dictionary button").nth(4).focus()
    app.stepper("dictionary_stepper").wait_for_step(2)
    assert not app.errors
