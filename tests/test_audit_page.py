"""The page *Audit*: without a browser, and as a visitor uses it."""

import csv
import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest
from browser import AppPage, chromium, eventually, require_chromium, serve
from laboratory_app import labels, open_laboratory, press, shown_text, value_in_link, wait
from small_problems import random_hessian
from streamlit.testing.v1 import AppTest

from app import cached, machine
from app.audit.choice import EXAMPLES, LAYER, OPTIONS, TOKENS, AuditChoice, from_query
from app.background_job import Job
from app.figures.audit_ratios import audit_ratios
from app.snippets import audit_snippet

torch = pytest.importorskip("torch")

from app.audit import work  # noqa: E402
from app.audit.downloads import figure_html, records_csv, records_json  # noqa: E402
from app.audit.sentences import percent, verdict  # noqa: E402
from lattice_core.layers import quantize_layer  # noqa: E402
from lattice_core.layers.audit import audit_layer  # noqa: E402
from lattice_core.layers.audit_file import AuditFile, read_audit_file  # noqa: E402
from lattice_core.layers.audit_results import Alternative, LayerAudit  # noqa: E402

open_page = partial(open_laboratory, "audit")
ENTRY = Path(__file__).parents[1] / "app" / "main.py"
NO_MODEL = "SmolLM2-135M-Instruct (98 MB) is not installed. What to do: …"


@pytest.fixture
def without_model(monkeypatch) -> Iterator[None]:
    """No model, so that nothing starts by itself; and no job of earlier tests."""
    monkeypatch.setattr(machine, "what_is_missing", lambda: NO_MODEL)
    cached.background_jobs.clear()
    yield
    cached.background_jobs().close()
    cached.background_jobs.clear()


def layer(rng, rows: int = 30, columns: int = 63, **settings) -> AuditFile:
    """A quantized layer as a file holds it."""
    weight = torch.tensor(rng.standard_normal((rows, columns))).float()
    hessian = torch.tensor(random_hessian(rng, columns, 1e3))
    made = quantize_layer(weight, hessian, **settings)
    return AuditFile(weight, made.dequantize().float(), hessian)


def audited(content: bytes, name: str = "layer.npz", damping: float = 0.01) -> work.Found:
    """What the job finds in a file."""
    found = work.audit_of_file(work.OwnFile.of(name, content), damping)(Job())
    assert found is not None
    return found


def open_with_file(content: bytes, name: str = "layer.npz") -> AppTest:
    app = open_page()
    app.selectbox(key="audit_layer").set_value("file").run()
    return upload(app, content, name)


def upload(app: AppTest, content: bytes, name: str = "layer.npz") -> AppTest:
    file = (name, content, "application/octet-stream")
    app.file_uploader(key="audit_upload").set_value(file).run()
    return wait(app)


def figure(app: AppTest) -> dict:
    (chart,) = app.get("plotly_chart")
    return json.loads(chart.proto.spec)


# The link


def test_every_choice_survives_its_link() -> None:
    for name, options in OPTIONS.items():
        for option in set(options) - {"file"}:
            choice = AuditChoice(**{name: option})
            assert from_query(choice.to_query()).choice == choice
            assert not from_query(choice.to_query()).notices


def test_link_to_a_file_asks_for_it_again() -> None:
    link = from_query({"layer": "file", "damping": "0.1"})
    assert link.choice == AuditChoice(damping=0.1)
    assert link.notices == (
        "layer=file was ignored: a link carries no file. Choose it here again.",
    )


@pytest.mark.usefixtures("without_model")
def test_what_makes_no_sense_in_a_link_is_told_as_plain_text() -> None:
    app = open_page(layer="<b>x</b>", damping="0.05")
    assert r"\<b\>x\</b\>" in app.warning[0].value
    assert app.session_state.audit_choice == AuditChoice(damping=0.05)


# A file


@pytest.mark.usefixtures("without_model")
def test_without_the_model_examples_say_what_is_missing_and_files_are_audited(rng) -> None:
    app = open_page()
    assert "SmolLM2-135M-Instruct" in app.info[0].value
    assert "A file of yours can be audited without it" in app.info[0].value
    app.selectbox(key="audit_layer").set_value("file").run()
    assert not app.info
    shown = shown_text(app)
    for said in ("The names count", "`H`", "4096 × 4096", "--checkpoint FOLDER --source MODEL"):
        assert said in shown
    upload(app, work.npz(layer(rng, bits=3)))
    assert "The verdict" in shown_text(app)


def test_without_torch_the_page_names_it(monkeypatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    assert "not installed: torch." in open_page().info[0].value


@pytest.mark.usefixtures("without_model")
def test_uploaded_layer_is_audited_and_everything_is_shown(rng) -> None:
    content = work.npz(layer(rng, bits=3, order="front_to_back", group_size=32))
    app = open_with_file(content, "my_*layer*.npz")
    found = audited(content)
    shown = shown_text(app).replace("\xa0", " ")
    assert "3 bits" in shown
    assert "group of 32 neighbouring columns" in shown
    assert "**Front to back** explains 100 % of the codes" in shown
    assert "**Void** (law L9)" in shown
    assert f"~~{found.audit.loss_over_bound:.4g}~~" in shown
    assert r"my\_\*layer\*.npz, 30 × 63 weights" in shown
    assert work.OwnFile.of("", content).sha256[:12] in shown
    for order in ("act-order", "min-pivot", "back to front", "rounding"):
        assert order in shown
    for law, word in (("L2", "holds"), ("L6", "holds"), ("L9", "does not apply")):
        assert any(f"**{law}." in text.value and word in text.value for text in app.markdown)
    assert "The last three are run in front to back." in shown
    drawn = next(trace for trace in figure(app)["data"] if "customdata" in trace)
    assert [words[0] for words in drawn["customdata"]] == [
        "Min-pivot order",
        "Act-order",
        "No clipping",
        "SSQR, 1 % kept aside",
        "Spacing, entropy-coded",
    ]
    code = app.code[0].value
    assert code.strip() == audit_snippet(AuditChoice("file")).strip()
    assert value_in_link(app, "layer") == "file"


@pytest.mark.usefixtures("without_model")
def test_another_damping_audits_the_same_file_again(rng) -> None:
    app = open_with_file(work.npz(layer(rng, bits=4, damping=0.1)))
    assert "with damping λ = 0.1, which explains clearly more codes than the 0.01" in shown_text(
        app
    )
    app.selectbox(key="audit_damping").set_value(0.1).run()
    wait(app)
    assert "with damping λ" not in shown_text(app)
    assert "layer.npz --damping 0.1`" in shown_text(app)
    assert value_in_link(app, "damping") == "0.1"


@pytest.mark.usefixtures("without_model")
def test_file_is_kept_while_the_visitor_reads_a_lesson(rng) -> None:
    app = open_with_file(work.npz(layer(rng)))
    app.switch_page("../pages/nearest_plane.py").run()
    app.switch_page("../pages/audit.py").run()
    assert not app.exception
    assert "The file in use is still layer.npz." in shown_text(app)
    assert "The verdict" in shown_text(app)


def npz(**arrays) -> bytes:
    content = io.BytesIO()
    np.savez(content, **arrays)
    return content.getvalue()


BAD = {
    "no Q": (npz(W=np.eye(4), H=np.eye(4)), "layer.npz", "holds W, H; Q is missing"),
    "damaged": (b"PK\x03\x04", "layer.npz", "could not be read as an .npz file"),
    "other kind": (b"x", "layer.safetensors", "could not be read as a .safetensors file"),
    "Q is W": (npz(W=np.eye(4), Q=np.eye(4), H=np.eye(4)), "a.npz", "are the same numbers"),
    "transposed": (npz(W=np.ones((4, 3)), Q=np.eye(4)[:3], H=np.eye(3)), "a.npz", "transposed?"),
    "NaN": (npz(W=np.eye(4), Q=np.full((4, 4), np.nan), H=np.eye(4)), "a.npz", "holds nan at"),
    "H": (npz(W=np.eye(4), Q=2 * np.eye(4), H=-np.eye(4)), "a.npz", "sums of squares"),
    "one axis": (npz(W=np.ones(4), Q=np.ones(4), H=np.eye(4)), "a.npz", "was wanted"),
    "no grid": (
        npz(W=np.eye(40), Q=np.random.default_rng(0).standard_normal((40, 40)), H=np.eye(40)),
        "a.npz",
        "is on no grid that can be told",
    ),
}


@pytest.mark.usefixtures("without_model")
@pytest.mark.parametrize(("content", "name", "told"), BAD.values(), ids=BAD)
def test_bad_file_is_told_in_words(content, name, told) -> None:
    app = open_with_file(content, name)
    assert told in app.error[0].value.replace("\\", "")
    assert "The names count" in shown_text(app)
    assert "The verdict" not in shown_text(app)


@pytest.mark.usefixtures("without_model")
def test_bad_file_leaves_the_one_before_on_show(rng) -> None:
    app = open_with_file(work.npz(layer(rng)), "good.npz")
    upload(app, *BAD["no Q"][:2])
    assert "Q is missing" in app.error[0].value
    assert "What follows is still good.npz." in shown_text(app)
    assert "The verdict" in shown_text(app)
    app.selectbox(key="audit_damping").set_value(0.001).run()
    assert "The verdict" in shown_text(wait(app))


@pytest.mark.usefixtures("without_model")
def test_too_wide_a_layer_is_refused_with_a_way_out(rng, monkeypatch) -> None:
    monkeypatch.setattr(work, "MOST_COLUMNS", 62)
    app = open_with_file(work.npz(layer(rng)))
    assert "W has 63 columns; this page takes at most 62" in app.error[0].value
    assert "nearest-plane audit layer.npz" in app.error[0].value.replace("\\", "")


@pytest.mark.usefixtures("without_model")
def test_cancelled_audit_is_offered_again(rng, monkeypatch) -> None:
    gate, real = threading.Event(), work._audited

    def slow(*arguments):
        gate.wait(20)
        return real(*arguments)

    monkeypatch.setattr(work, "_audited", slow)
    app = open_page()
    app.selectbox(key="audit_layer").set_value("file").run()
    file = ("layer.npz", work.npz(layer(rng)), "application/octet-stream")
    app.file_uploader(key="audit_upload").set_value(file).run()
    press(app, "Cancel")
    assert "This was cancelled" in shown_text(app)
    gate.set()
    wait(press(app, "Audit"))
    assert "The verdict" in shown_text(app)


def test_time_is_announced_for_large_layers_only() -> None:
    def announced(rows: int, columns: int) -> str:
        weight = torch.empty(rows, columns, device="meta")
        return work._announcement(AuditFile(weight, weight, weight))

    assert announced(192, 576) == "Auditing 192 × 576 weights."
    assert announced(4096, 4096) == "Auditing 4,096 × 4,096 weights. That takes about 86 s."


@pytest.mark.usefixtures("without_model")
def test_lesson_link_hides_what_it_says(rng) -> None:
    parts = "numbers,laws,code,sources,downloads"
    app = open_page(hide=parts)
    app.selectbox(key="audit_layer").set_value("file").run()
    upload(app, work.npz(layer(rng)))
    assert not app.expander
    assert [heading.value for heading in app.subheader] == [
        "The verdict",
        "What would have been better",
    ]
    assert not app.get("download_button")
    assert value_in_link(app, "hide").split(",") == parts.split(",")


# In words


def test_nothing_clipped_is_a_bound_that_holds(rng) -> None:
    found = audited(work.npz(layer(rng, overflow="keep")))
    bound = verdict(found)[3]
    assert "No code is clipped" in bound
    assert f"**{found.audit.loss_over_bound:.4g}** of that. A third is usual" in bound
    assert "~~" not in bound


def test_rounding_to_nearest_is_no_order(rng) -> None:
    _, order, _, bound, _ = verdict(audited(work.npz(layer(rng, method="rtn"))))
    assert "None: **rounding to nearest**" in order
    assert "No error was pushed on" in order
    assert "\\bar H_{ij}" in bound


def test_codes_that_nobody_explains(rng) -> None:
    made = layer(rng, bits=4)
    noise = torch.tensor(rng.integers(-8, 8, made.weight.shape)) * 0.2
    _, order, _, bound, _ = verdict(audited(work.npz(replace(made, quantized=noise))))
    assert "None explains the codes" in order
    assert "further than half a step" in bound


def test_orders_that_explain_alike_are_both_named(rng) -> None:
    made = layer(rng, bits=4)
    diagonal = torch.diag(torch.linspace(1, 2, 63)).double()
    codes = quantize_layer(made.weight, diagonal, bits=4).dequantize().float()
    order = verdict(audited(work.npz(AuditFile(made.weight, codes, diagonal))))[1]
    assert "explain 100 % of the codes each" in order


def test_grids_that_are_not_symmetric(rng) -> None:
    made = layer(rng, rows=40, columns=64)
    scale, offset = 0.3, -1.13
    codes = torch.tensor(rng.integers(0, 16, made.weight.shape))
    with_offset = replace(made, quantized=(scale * codes + offset).float())
    assert "**offset**" in verdict(audited(work.npz(with_offset)))[0]
    with_zero = replace(made, quantized=(scale * (codes - 3)).float())
    grid = verdict(audited(work.npz(with_zero)))[0]
    assert "**not symmetric**" in grid
    assert "**4 bits**" in grid


def alternative(name: str, ratio: float, bits: float, audited: float = 3.25) -> Alternative:
    counted = "entropy" if name == "spacing" else "stored"
    return Alternative(name, "act_order", ratio, ratio, bits, audited, counted)


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([("min_pivot", 0.99, 3.25), ("act_order", 1.2, 3.25)], "Nothing that was tried"),
        (
            [("min_pivot", 0.8, 3.25), ("act_order", 0.7, 3.25)],
            "With the same bits, act-order has **0.7** of this loss.",
        ),
        # What is nearly as good for fewer bits is named.
        (
            [("keep_outliers", 0.5, 5.25), ("ssqr", 0.51, 3.56)],
            "With 0.31 bits more, SSQR has **0.51** of this loss.",
        ),
        ([("keep_outliers", 0.5, 5.25), ("ssqr", 0.6, 3.56)], "With 2.00 bits more, no clipping"),
        # More bits that gain nothing are not.
        ([("act_order", 0.5, 3.25), ("ssqr", 0.495, 3.56)], "act-order has **0.5** of this loss."),
        ([("ssqr", 0.5, 3.0)], "With 0.25 bits fewer, SSQR"),
        ([("spacing", 0.3, 3.251)], "Entropy-coded, at the same entropy, spacing has **0.3**"),
        ([], "Nothing that was tried"),
    ],
)
def test_best_alternatives_are_named(others, said, rng) -> None:
    found = audited(work.npz(layer(rng)))
    tried = tuple(alternative(*other) for other in others)
    better = verdict(replace(found, audit=replace(found.audit, alternatives=tried)))[4]
    assert better.removeprefix("**Better?** ").startswith(said) or better.endswith(said)
    assert better.count(" has **") == ("has" in said or "With" in said)


def test_percentages_are_never_rounded_up_to_all() -> None:
    assert [percent(x) for x in (0, 0.00012, 0.5, 0.9986, 0.9999999, 1)] == [
        "0 %",
        "0.012 %",
        "50 %",
        "99.9 %",
        "99.999 %",
        "100 %",
    ]


# The figure and what can be taken away


def test_figure_shows_each_ratio_and_open_marks_have_other_bits() -> None:
    others = [
        alternative("min_pivot", 0.3, 3.25),
        alternative("act_order", 1.0, 3.25),
        alternative("ssqr", 4.5, 3.56),
    ]
    drawn = audit_ratios(others)
    stems, here, marks, words, *_ = drawn.data
    assert list(marks.x) == [0.3, 1.0, 4.5]
    assert list(marks.marker.symbol) == ["triangle-left", "circle", "triangle-right-open"]
    assert len(set(marks.marker.color)) == 3
    assert list(stems.x) == [1, 0.3, None, 1, 1.0, None, 1, 4.5, None]
    assert set(here.x) == {1.0}
    assert words.text[2] == "<b>SSQR, 1 % kept aside</b>: 4.5, 0.31 bits more"
    low, high = (10**end for end in drawn.layout.xaxis.range)
    assert low < 0.3
    assert high > 4.5


def test_figure_of_equal_losses_has_an_axis() -> None:
    drawn = audit_ratios([alternative("min_pivot", 1.0, 3.25), alternative("ssqr", 0.0, 3.25)])
    assert np.isfinite(drawn.layout.xaxis.range).all()


def test_downloads_carry_the_audits_records(rng) -> None:
    found = audited(work.npz(layer(rng, bits=3)), "<b>layer.npz")
    wanted = found.audit.as_records()
    rows = list(csv.DictReader(io.StringIO(records_csv(found))))
    saved = json.loads(records_json(found))
    assert len(rows) == len(saved) == len(wanted)
    for row, record, one in zip(rows, saved, wanted, strict=True):
        assert float(row["loss"]) == record["loss"] == one["loss"]
        assert (row["part"], record["part"]) == (one["part"], one["part"])
        assert record["file_sha256"] == found.sha256
        assert record["rows"] == 30
        assert record["granularity"] == found.audit.granularity
    page = figure_html(found)
    assert "&lt;b&gt;layer.npz" in page
    assert "<b>layer.npz" not in page
    assert "Plotly.newPlot" in page


def test_example_file_is_read_back_as_it_was(rng) -> None:
    made = layer(rng, bits=3)
    read = read_audit_file(work.npz(made), "layer.npz")
    assert read.weight.equal(made.weight)
    assert read.quantized.equal(made.quantized)
    assert read.hessian.equal(made.hessian)


def lines_of(snippet: str, folder: Path | None = None) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, check=True, cwd=folder
    )
    return run.stdout.splitlines()


def assert_printed(lines: list[str], audit: LayerAudit) -> None:
    """A snippet printed this audit."""
    first, *others = (line.split() for line in lines)
    assert first[:3] == [str(audit.bits), str(audit.group_size), audit.order]
    assert float(first[3]) == pytest.approx(audit.relative_loss, rel=1e-6)
    orders, tried = others[:5], others[5:]
    for line, each in zip(orders, audit.explanations, strict=True):
        assert line[0] == each.order
        assert [float(line[1]), float(line[5])] == pytest.approx([each.step_share, each.loss])
    for line, other in zip(tried, audit.alternatives, strict=True):
        assert line[0] == other.name
        assert float(line[1]) == pytest.approx(other.ratio)


@pytest.mark.parametrize("damping", [0.01, 0.0])
def test_snippet_of_a_file_prints_the_pages_numbers(damping, rng, tmp_path) -> None:
    content = work.npz(layer(rng, bits=3))
    (tmp_path / "layer.npz").write_bytes(content)
    lines = lines_of(audit_snippet(AuditChoice("file", damping)), tmp_path)
    assert_printed(lines, audited(content, damping=damping).audit)


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
        app.page.get_by_role("combobox", name="Layer").click()
        app.page.get_by_role("option", name="A file of yours").click()
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
