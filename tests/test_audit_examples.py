"""The examples of the page *Audit*, on the real model and in a real browser."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from browser import AppPage, chromium, eventually, require_chromium, serve
from laboratory_app import labels, press, shown_text, value_in_link, wait

from app.audit.choice import EXAMPLES, LAYER, TOKENS, AuditChoice
from app.laboratory_snippets import audit_snippet

torch = pytest.importorskip("torch")

from audit_layers import assert_printed, lines_of, open_page  # noqa: E402

from app.audit import work  # noqa: E402
from lattice_core.layers.audit import audit_layer  # noqa: E402
from lattice_core.layers.audit_file import read_audit_file  # noqa: E402

ENTRY = Path(__file__).parents[1] / "app" / "main.py"


# The examples, with the model


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_examples_are_made_with_progress_and_show_what_they_say_to_look_for(smollm2) -> None:
    app = open_page()
    assert "Cancel" in labels(app) or "The verdict" in shown_text(app)
    wait(app)
    shown = shown_text(app)
    assert "4,096 tokens of Python's documentation; $H$ is from the same text" in shown
    assert len(app.get("download_button")) == 4
    # The inputs are those of Real layers.
    gathered = work.block_job(0, work.calibration("calibration"))
    said = {
        "act_order_4": "**Act-order** explains 100 % of the codes",
        "front_to_back_3": "**Front to back** explains 100 % of the codes",
        "unclipped_4": "No code is clipped, so the loss is at most",
        "nearest_4": "None: **rounding to nearest**",
        "other_text_4": "None explains the codes",
    }
    found = {}
    for name, example in EXAMPLES.items():
        app.selectbox(key="audit_layer").set_value(name).run()
        assert said[name] in shown_text(wait(app))
        assert value_in_link(app, "layer") == name
        found[name] = work.stages_of_example(example, 0.01)[-1].job.result
        assert example.look in shown_text(app)
    assert work.block_job(0, work.calibration("calibration")) is gathered
    assert "$H$ is from another part of it" in shown_text(app)

    audits = {name: each.audit for name, each in found.items()}
    _, second, third, *_ = audits["act_order_4"].explanations
    assert second.order == "min_pivot"
    assert third.step_share < second.step_share - 0.1
    assert 0.28 < audits["front_to_back_3"].alternative("act_order").ratio < 0.4
    assert audits["unclipped_4"].bits == 5
    assert 0.28 < audits["unclipped_4"].loss_over_bound < 0.38
    assert 0.07 < audits["nearest_4"].alternative("act_order").ratio < 0.13
    assert audits["other_text_4"].best.step_share < 0.9

    layer = found["front_to_back_3"].layer
    read = read_audit_file(work.npz(layer), "layer.npz")
    again = audit_layer(read.weight, read.quantized, read.hessian)
    assert again.as_records() == audits["front_to_back_3"].as_records()
    lines = lines_of(audit_snippet(AuditChoice("other_text_4")))
    assert_printed(lines, audits["other_text_4"])


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_failed_work_is_told_and_tried_again(monkeypatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("lattice_core.language_model.load.load_model", lambda: 1 / 0)
        app = wait(open_page())
        assert "ZeroDivisionError" in app.error[0].value
    wait(press(app, "Try again"))
    assert "The verdict" in shown_text(app)


@pytest.mark.model
def test_layer_of_the_examples_is_the_models(smollm2) -> None:
    from lattice_core.language_model import linear_layers

    assert LAYER in linear_layers(smollm2.model)
    assert TOKENS == 4096


# In the browser


@pytest.fixture(scope="module")
def address(smollm2) -> Iterator[str]:
    require_chromium()
    with serve(ENTRY) as served:
        yield served


@pytest.mark.browser
@pytest.mark.model
def test_visitor_downloads_an_example_and_uploads_it_on_a_phone_in_the_dark(
    address, tmp_path
) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
        context.set_default_timeout(280_000)  # the model is loaded in it
        app = AppPage(context.new_page(), address).open("/audit?layer=front_to_back_3&damping=0.05")
        app.page.get_by_role("heading", name="Take it away").wait_for()
        app.wait()
        with app.page.expect_download() as started:
            app.press_button("This example as a file (.npz)")
        file = tmp_path / started.value.suggested_filename
        started.value.save_as(file)
        assert file.name == "front-to-back-3.npz"

        # Opened again, so that the page is at its top: while it scrolls, a list closes at once.
        app.open("/audit?layer=front_to_back_3&damping=0.05")
        app.page.get_by_role("heading", name="Take it away").wait_for()
        app.wait()
        app.choose("Layer", "A file of yours")
        app.page.locator("input[type=file]").set_input_files(file)
        app.page.get_by_text("SHA-256").wait_for()
        app.wait()
        assert "Front to back explains 100" in app.page.inner_text("body").replace("\xa0", " ")
        search = app.page.evaluate("location.search.slice(1)")
        assert parse_qs(search) == {"layer": ["file"], "damping": ["0.05"]}
        # Nothing sticks out sideways but the tables, which scroll in their own frames.
        assert app.page.evaluate("document.documentElement.scrollWidth") <= 390
        chart = app.page.locator(".js-plotly-plot")
        eventually(lambda: chart.count() == 1)
        box = chart.bounding_box()
        assert box["x"] + box["width"] <= 390
        app.reload()
        assert "a link carries no file" in app.page.inner_text("body")
        context.close()
