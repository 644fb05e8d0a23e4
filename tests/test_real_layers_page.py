"""The page *Real layers*: without a browser, and as a visitor uses it, on the real model."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from browser import AppPage, chromium, eventually, require_chromium, serve
from laboratory_app import open_laboratory, press, shown_text, value_in_link, wait
from streamlit.testing.v1 import AppTest

from app import cached, machine
from app.laboratory_snippets import compare_orders_snippet
from app.real_layers import work
from app.real_layers.choice import BLOCKS, OPTIONS, SHAPES, LayerChoice, from_query, layer_name
from app.real_layers.controls import calibration
from app.real_layers.order_downloads import comparison_csv, profiles_csv
from lattice_core import ORDERS
from lattice_core.language_model import model_file

open_page = partial(open_laboratory, "real_layers")
ENTRY = Path(__file__).parents[1] / "app" / "main.py"
QUICK = LayerChoice(tokens=1024)
QUICK_LINK = {"block": "0", "tokens": "1024"}


def key(app: AppTest) -> tuple:
    choice = app.session_state.layer_choice
    return work.block_key(choice.block, calibration(choice))


# The link


def test_every_choice_survives_its_link() -> None:
    for name, options in OPTIONS.items():
        for option in set(options) - {"file"}:
            choice = LayerChoice(**{name: option})
            assert from_query(choice.to_query()).choice == choice
            assert not from_query(choice.to_query()).notices


@pytest.mark.parametrize(
    ("name", "text"),
    [("block", "30"), ("block", "-1"), ("linear", "head"), ("bits", "x"), ("tokens", "9" * 99)],
)
def test_what_makes_no_sense_in_a_link_is_ignored_with_a_notice(name, text) -> None:
    link = from_query({name: text, "damping": "0.1"})
    assert link.choice == LayerChoice(damping=0.1)
    assert link.notices[0].startswith(f"{name}={text[:39]}")
    assert len(link.notices[0]) < 200


@pytest.mark.parametrize("name", ["text", "against"])
def test_link_to_a_file_asks_for_it_again(name) -> None:
    link = from_query({name: "file"})
    assert link.choice == LayerChoice()
    assert link.notices == (
        f"{name}=file was ignored: a link carries no file. Choose it here again.",
    )


# Without the model


def test_without_the_model_the_page_opens_and_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr(model_file, "MODEL_PACKAGE", "a_package_that_nobody_has")
    app = open_page(block="3", bits="2")
    assert "SmolLM2-135M-Instruct" in app.info[0].value
    assert "make app" in app.info[0].value
    assert not app.error
    assert value_in_link(app, "block") == "3"  # the link is still there for the next try


def test_without_torch_the_page_names_it(monkeypatch) -> None:
    monkeypatch.setattr(
        machine, "find_spec", lambda name: None if name == "torch" else find_spec(name)
    )
    assert "not installed: torch." in open_page().info[0].value


def test_with_half_a_model_the_page_says_how_to_install_it_again(monkeypatch) -> None:
    monkeypatch.setattr(model_file, "MODEL_FILE_BYTES", 7)
    monkeypatch.setattr(machine, "packaged_model_file", lambda: Path(__file__))
    told = open_page().info[0].value
    assert "where the model of the set-up has 7" in told
    assert "--force-reinstall" in told


# With the model


@pytest.mark.model
def test_names_and_shapes_are_the_models(smollm2) -> None:
    from lattice_core.language_model.calibrate import linear_layers

    shapes = {name: tuple(m.weight.shape) for name, m in linear_layers(smollm2.model).items()}
    assert shapes == {
        layer_name(block, linear): shape
        for block in range(BLOCKS)
        for linear, shape in SHAPES.items()
    }


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_opening_computes_the_linked_layer_with_progress_then_shows_it() -> None:
    app = open_page(linear="v_proj", bits="2", group="128", **QUICK_LINK)
    assert "Cancel" in [button.label for button in app.button] or "All numbers" in shown_text(app)
    wait(app)
    shown = shown_text(app)
    for said in ("v_proj: 192 × 576", "min-pivot", "has the smallest loss", "~~", "★"):
        assert said in shown
    for law, verdict in (("L6", "holds"), ("L9", "does not apply"), ("L10", "holds")):
        assert any(f"**{law}." in text.value and verdict in text.value for text in app.markdown), (
            law
        )
    assert "measured" in shown
    assert "fails" not in shown
    assert "rounded to 4 bits in groups of 32" in shown
    profile, losses, kept, clipped = (chart.proto.spec for chart in app.get("plotly_chart"))
    assert len(json.loads(profile)["data"]) == len(ORDERS) + 1
    assert "loss, codes clipped" in losses
    assert json.loads(kept)["data"][0]["name"] == "no code clipped"
    assert "bound void" not in kept
    assert "bound void" in clipped
    assert "is **void** (law L9)" in shown


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_another_grid_is_compared_without_running_the_text_again() -> None:
    app = wait(open_page(**QUICK_LINK))
    job = cached.background_jobs().get(key(app))
    app.selectbox(key="layer_bits").set_value(4)
    app.selectbox(key="layer_linear").set_value("k_proj").run()
    assert not app.exception
    assert "k_proj: 192 × 576" in shown_text(app)
    assert value_in_link(app, "bits") == "4"
    assert value_in_link(app, "linear") == "k_proj"
    assert cached.background_jobs().get(key(app)) is job


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_rows_are_shown_in_the_order_chosen_and_the_table_stays() -> None:
    app = wait(open_page(group="row", **QUICK_LINK))
    assert "**Every code kept**, min-pivot" in shown_text(app)
    drawn = [chart.proto.spec for chart in app.get("plotly_chart")]
    app.selectbox(key="layer_order").set_value("front_to_back").run()
    assert not app.exception
    assert "**Every code kept**, front to back" in shown_text(app)
    again = [chart.proto.spec for chart in app.get("plotly_chart")]
    assert [a == b for a, b in zip(drawn, again, strict=True)] == [True, True, False, False]
    assert value_in_link(app, "order") == "front_to_back"
    assert app.selectbox(key="layer_group").value == "none"  # and not an empty box


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_numbers_are_those_of_the_text_and_the_windows_chosen(smollm2) -> None:
    from lattice_core.language_model import collect_hessians, draw_windows, embedded_text

    app = wait(open_page(text="evaluation", seed="3", linear="k_proj", **QUICK_LINK))
    text = embedded_text("evaluation")
    layer = layer_name(0, "k_proj")
    tokens = draw_windows(smollm2, text, 1024, seed=3)
    wanted = collect_hessians(smollm2, tokens, layers=[layer])[layer]
    job = work.block_job(0, work.Calibration(text, 1024, 3))
    assert job.result.hessians["k_proj"].equal(wanted)
    said = shown_text(app)
    assert "1,024 tokens, in windows drawn with seed 3, of Python" in said
    assert text.sha256[:12] in said
    assert (value_in_link(app, "text"), value_in_link(app, "seed")) == ("evaluation", "3")


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_visitors_file_is_calibrated_on_and_a_bad_one_loses_nothing() -> None:
    app = wait(open_page(linear="k_proj", **QUICK_LINK))
    app.selectbox(key="layer_text").set_value("file").run()
    assert "Choose a text file" in app.info[0].value
    assert app.selectbox(key="layer_bits").value == 3
    content = " ".join(map(str, range(1000))).encode()
    app.file_uploader(key="own_text_upload").set_value(("my_*.txt", content, "text/plain")).run()
    wait(press(app, "Compute"))
    assert r"the first 1,024 tokens of my\_\*\.txt".replace(r"\.", ".") in shown_text(app)

    for bad, told in ((b"", "is empty"), (b"voil\xe0 ", "is not UTF-8 text")):
        app.file_uploader(key="own_text_upload").set_value(("b.txt", bad, "text/plain")).run()
        assert told in app.error[0].value
        assert "The file in use is still my" in shown_text(app)
        assert "All numbers" in shown_text(app)


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_too_short_a_file_is_told_with_what_was_found_and_wanted() -> None:
    app = wait(open_page(**QUICK_LINK))
    app.selectbox(key="layer_text").set_value("file").run()
    short = ("short.txt", b"one two three", "text/plain")
    app.file_uploader(key="own_text_upload").set_value(short).run()
    wait(press(app, "Compute"))
    assert "short.txt has 3 tokens; 1,024 were wanted. Ask for fewer" in app.error[0].value
    app.selectbox(key="layer_text").set_value("calibration").run()
    assert "All numbers" in shown_text(app)


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_another_block_waits_for_a_press_of_the_button() -> None:
    app = wait(open_page(**QUICK_LINK))
    app.selectbox(key="layer_block").set_value(1).run()
    assert cached.background_jobs().get(key(app)) is None
    wait(press(app, "Compute"))
    assert "model.layers.1." in shown_text(app)


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_the_choice_is_kept_while_the_visitor_reads_a_lesson() -> None:
    app = wait(open_page(linear="k_proj", **QUICK_LINK))
    app.switch_page("../pages/nearest_plane.py").run()
    assert not app.exception
    assert not app.warning
    app.switch_page("../pages/real_layers.py").run()
    assert "k_proj" in shown_text(app)


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_bad_link_opens_with_a_notice_and_leaves_the_lessons_alone() -> None:
    app = open_page(bits="<b>", damping="77", **QUICK_LINK)
    assert len(app.warning) == 2
    assert r"\<b\>" in app.warning[0].value
    assert app.session_state.problem.bits is None


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_singular_hessian_is_explained_and_the_page_goes_on() -> None:
    # 1,024 tokens cannot fill 1,536 inputs.
    app = wait(open_page(linear="down_proj", damping="0", **QUICK_LINK))
    told = app.error[0].value.replace("\\", "")  # shown as it is, never as Markdown
    assert "down_proj cannot be quantized so" in told
    assert "Use damping=" in told
    app.selectbox(key="layer_damping").set_value(0.01).run()
    assert not app.error
    assert "down_proj: 576 × 1536" in shown_text(app)


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_failed_work_is_told_and_tried_again(monkeypatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr("lattice_core.language_model.load.load_model", lambda: 1 / 0)
        app = wait(open_page(**QUICK_LINK))
        assert "ZeroDivisionError" in app.error[0].value
    wait(press(app, "Try again"))
    assert "All numbers" in shown_text(app)


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_prediction_is_checked_against_the_other_grid() -> None:
    app = wait(open_page(**QUICK_LINK))
    app.radio[0].set_value(app.radio[0].options[1]).run()
    assert not app.exception
    assert "multiplied by" in (*app.success, *app.info)[0].value


@pytest.mark.model
@pytest.mark.usefixtures("model_in_app")
def test_snippet_and_downloads_carry_the_pages_numbers() -> None:
    app = wait(open_page(**QUICK_LINK))
    data = cached.background_jobs().get(key(app)).result
    compared = work.comparison(QUICK, data)
    rows = list(csv.DictReader(io.StringIO(comparison_csv(QUICK, data, compared))))
    assert [float(row["loss"]) for row in rows] == [r.loss for r in compared.results]
    assert {row["text_sha256"] for row in rows} == {data.calibration.text.sha256}
    assert len(profiles_csv(compared).splitlines()) == 1 + 4 * 576
    run = subprocess.run(
        [sys.executable, "-c", compare_orders_snippet(QUICK)],
        capture_output=True,
        text=True,
        check=True,
    )
    for line, result in zip(run.stdout.splitlines(), compared.results, strict=True):
        overflow, order, pivot_sum, loss, bound = line.split()
        assert (overflow, order) == (result.overflow, result.order)
        found = [float(pivot_sum), float(loss), float(bound)]
        assert found == pytest.approx([result.pivot_sum, result.loss, result.bound], rel=1e-6)


# In the browser


@pytest.fixture(scope="module")
def address(smollm2) -> Iterator[str]:
    require_chromium()
    with serve(ENTRY) as served:
        yield served


def query(app: AppPage) -> dict[str, str]:
    search = app.page.evaluate("location.search.slice(1)")
    return {k: v[0] for k, v in parse_qs(search).items()}


@pytest.mark.browser
@pytest.mark.model
def test_visitor_cancels_computes_chooses_and_reloads_on_a_phone_in_the_dark(address) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
        context.set_default_timeout(280_000)  # the model is loaded in it
        app = AppPage(context.new_page(), address)
        app.open("/real_layers?block=0&tokens=1024")
        app.press_button("Cancel")
        app.press_button("Compute")
        app.page.get_by_role("heading", name="model.layers.0.self_attn.q_proj").wait_for()
        app.wait()

        app.choose("Integer grid", "2 bits")
        eventually(lambda: query(app)["bits"] == "2")
        app.wait()
        app.reload()
        app.page.get_by_role("heading", name="All numbers").wait_for()
        assert query(app) == LayerChoice(bits=2, tokens=1024).to_query()
        assert "Part of the link" not in app.page.inner_text("body")

        # Nothing sticks out sideways but the table, which scrolls in its own frame.
        assert app.page.evaluate("document.documentElement.scrollWidth") <= 390
        charts = app.page.locator(".js-plotly-plot")
        eventually(lambda: charts.count() == 4)
        assert all(box["x"] + box["width"] <= 390 for box in map(_box, charts.all()))
        context.close()


def _box(locator) -> dict[str, float]:
    return locator.bounding_box()
