"""The page *GPU kernels*: without a browser, and as a visitor uses it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from browser import AppPage, chromium, eventually, require_chromium, serve
from laboratory_app import open_laboratory, press, shown_text, wait
from streamlit.testing.v1 import AppTest

from app import cached, machine
from app.gpu_kernels.choice import OPTIONS, KernelChoice, from_query
from app.laboratory_snippets import generation_snippet, kernel_benchmark_snippet, packing_snippet

torch = pytest.importorskip("torch")

from app.gpu_kernels import speed_job  # noqa: E402
from kernels.benchmark.record import Run  # noqa: E402

open_page = partial(open_laboratory, "gpu_kernels")
ENTRY = Path(__file__).parents[1] / "app" / "main.py"


def open_here(**query: str) -> AppTest:
    """The view *How fast*, with this machine's numbers."""
    app = open_page(**({"view": "speed", "shape": "smollm2-q"} | query))
    (source,) = (radio for radio in app.radio if radio.label == "Numbers of")
    source.set_value("here").run()
    assert not app.exception
    return app


@pytest.fixture
def no_work_yet(monkeypatch) -> Iterator[None]:
    """No job of earlier tests; and limits that need no large copy."""
    monkeypatch.setattr(cached, "device_limits", lambda device: (3e10, 3.0))
    cached.background_jobs.clear()
    yield
    cached.background_jobs().close()
    cached.background_jobs.clear()


# The link


def test_every_choice_survives_its_link() -> None:
    for name, options in OPTIONS.items():
        for option in options:
            choice = KernelChoice(**{name: option})
            assert from_query(choice.to_query()).choice == choice
            assert not from_query(choice.to_query()).notices


def test_what_makes_no_sense_in_a_link_is_told_as_plain_text() -> None:
    app = open_page(bits="<b>5</b>", outliers="0.05")
    assert r"\<b\>5\</b\>" in app.warning[0].value
    assert app.session_state.kernel_choice == KernelChoice(outliers=0.05)


# How they work


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("group", ["32", "128", "row"])
@pytest.mark.parametrize("outliers", ["0", "0.05"])
def test_bytes_of_every_way_of_storing_add_up(bits, group, outliers) -> None:
    app = open_page(bits=str(bits), group=group, outliers=outliers)
    size = 4096 if group == "row" else int(group)
    total = bits + 16 / size + 32 * float(outliers)
    shown = shown_text(app)
    assert f"**{total:.4g} bits a weight**" in shown
    assert f"**{16 / total:.2f} times**" in shown
    frames = json.loads(app.get("bidi_component")[0].proto.json)["figure"]["frames"]
    assert len(frames) == 9 + (bits == 3) + (outliers != "0")


def test_prediction_is_answered_from_the_choice() -> None:
    for query in ({}, {"outliers": "0"}, {"group": "32", "outliers": "0.01"}):
        app = open_page(**query)
        verdicts = []
        for option in app.radio[0].options:
            app.radio[0].set_value(option).run()
            verdicts.append(bool(app.success))
        assert sum(verdicts) == 1


def test_every_try_this_sets_the_choice() -> None:
    app = open_page()
    labels = [b.label for b in app.button if b.key and b.key.startswith("try_")]
    assert len(labels) == 3
    for label in labels:
        before = app.session_state.kernel_choice
        press(app, label)
        assert app.session_state.kernel_choice != before


def test_entropy_coded_weights_are_decoded_here_and_the_time_is_told(monkeypatch) -> None:
    from kernels.benchmark import entropy_decoding

    measure = entropy_decoding.measure_decoding
    monkeypatch.setattr(entropy_decoding, "measure_decoding", lambda side: measure(side=64))
    app = press(open_page(), "Measure here (about a second)")
    assert "Measured here just now" in shown_text(app)
    assert "million/s" in shown_text(app)


def test_without_torch_the_page_says_what_to_do(monkeypatch) -> None:
    monkeypatch.setattr(machine, "find_spec", lambda name: None)
    told = open_page().info[0].value
    assert "not installed: torch." in told
    assert "make app" in told


def test_lesson_link_hides_what_it_says() -> None:
    app = open_page(hide="controls,quiz,try,code,sources")
    assert not app.radio
    assert not [b for b in app.button if b.key and b.key.startswith("try_")]
    assert not app.expander
    assert app.query_params["hide"]


# How fast


@pytest.mark.usefixtures("no_work_yet")
def test_layer_is_timed_here_with_progress_and_the_numbers_are_the_jobs() -> None:
    app = press(open_here(), "Measure here")
    wait(app, 240)
    job = speed_job.speed_job(app.session_state.kernel_choice)
    found = speed_job.results(job)
    assert {m.contender for m in found.measurements} == {"bfloat16", "float32", "cpu"}
    first = min(found.ours, key=lambda m: m.rows_of_x)
    assert f"**{found.ratio(first):.2f} times** as fast as 16-bit weights" in shown_text(app)
    specs = [json.loads(chart.proto.spec) for chart in app.get("plotly_chart")]
    assert len(specs) == 2
    assert any(trace["name"].startswith("limit") for trace in specs[1]["data"])
    (table,) = app.dataframe
    assert len(table.value) == len(found.measurements)
    press(app, "Measure again")
    wait(app, 240)
    assert speed_job.speed_job(app.session_state.kernel_choice) is not job


@pytest.mark.usefixtures("no_work_yet")
def test_cancelled_timing_keeps_what_it_has(monkeypatch) -> None:
    import threading

    from kernels.benchmark import measure as module

    gate = threading.Event()
    real = module.measure

    def slow(*arguments, **options):
        for part in real(*arguments, **options):
            yield part
            gate.wait(10)

    monkeypatch.setattr(module, "measure", slow)
    app = press(open_here(), "Measure here")
    eventually(lambda: bool(speed_job.speed_job(app.session_state.kernel_choice).parts))
    press(app.run(), "Cancel")
    gate.set()
    wait(app, 240)
    assert "This was cancelled" in shown_text(app)


@pytest.mark.usefixtures("no_work_yet")
def test_failed_timing_is_told_in_words_and_the_page_goes_on(monkeypatch) -> None:
    def full(*arguments, **options):
        raise ValueError("NVIDIA H200 has no room for 576 → 576: 0.1 GiB are free.")
        yield

    monkeypatch.setattr("kernels.benchmark.measure.measure", full)
    app = wait(press(open_here(), "Measure here"), 240)
    assert "has no room for 576 → 576" in app.error[0].value
    monkeypatch.undo()
    assert not open_page().error


@pytest.mark.usefixtures("no_work_yet")
def test_layer_for_gpus_only_is_not_started_on_a_processor() -> None:
    app = open_here(shape="8192x28672")
    assert "timed on GPUs only" in shown_text(app)
    assert "Measure here" not in [button.label for button in app.button]


def test_recorded_runs_are_shown_as_recorded() -> None:
    runs = cached.recorded_kernel_runs()
    assert runs
    app = open_page(view="speed", shape="4096x4096")
    (source,) = (r for r in app.radio if r.label == "Numbers of")
    for name, run in runs.items():
        source.set_value(name).run()
        assert not app.exception
        shown = shown_text(app)
        assert f"**Recorded on {run.date[:10]}" in shown
        assert "not measured here" in shown
        assert run.command in shown
        found = run.results.of_case(4096, 4096, 4, 0.01, 128)
        first = min(found.ours, key=lambda m: m.rows_of_x)
        assert f"**{found.ratio(first):.2f} times**" in shown
    gpu = any(run.machine.kind == "cuda" for run in runs.values())
    assert ("No run on a GPU is recorded yet" in shown_text(app)) != gpu


def test_case_that_was_not_recorded_is_told() -> None:
    app = open_page(view="speed", shape="4096x4096", group="32")
    (source,) = (r for r in app.radio if r.label == "Numbers of")
    source.set_value(next(iter(cached.recorded_kernel_runs()))).run()
    told = "The recorded run does not have groups of 32, only of 128. Choose another case, or measure it"
    assert told in shown_text(app)
    assert not app.get("plotly_chart")


def test_shipped_run_was_made_by_the_projects_command() -> None:
    for name, run in cached.recorded_kernel_runs().items():
        assert run.command.startswith("python -m kernels.benchmark")
        assert Run.from_json(run.to_json()) == run
        assert name.startswith(run.date[:10])


# The code on show


def lines_of(snippet: str) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, check=True
    )
    return run.stdout.splitlines()


@pytest.mark.parametrize(
    "choice", [KernelChoice(), KernelChoice(bits=3, group=None, outliers=0.05)]
)
def test_snippet_packs_a_layer_and_multiplies(choice) -> None:
    stored, product = lines_of(packing_snippet(choice))
    assert float(stored.split()[0]) > choice.bits
    assert float(product.split()[-1]) < 1e-2


def test_snippet_of_the_benchmark_prints_every_contender() -> None:
    small = replace(KernelChoice(), shape="smollm2-q")
    lines = lines_of(kernel_benchmark_snippet(small))
    assert {line.split()[0] for line in lines} >= {"bfloat16", "cpu"}


@pytest.mark.model
def test_snippet_of_the_text_writes(smollm2) -> None:
    snippet = generation_snippet(KernelChoice()).replace("prompt, 64", "prompt, 6")
    *_, speed = lines_of(snippet)
    assert float(speed.split()[0]) > 0


# In the browser


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    require_chromium()
    with serve(ENTRY) as served:
        yield served


def query(app: AppPage) -> dict[str, str]:
    search = app.page.evaluate("location.search.slice(1)")
    return {k: v[0] for k, v in parse_qs(search).items()}


@pytest.mark.browser
def test_visitor_steps_the_tile_forth_and_back_and_the_link_restores_the_view(address) -> None:
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        app = AppPage(page, address).open("/gpu_kernels?bits=3")
        tile = app.stepper("tile_stepper_3_128_True")
        for step in (1, 2, 3):
            page.keyboard.press("ArrowRight")
            tile.wait_for_step(step)
        assert "mask" in tile.sentence.inner_text()
        assert "".join(tile.ask("gd._fullData[1].text[0]")).count("1") <= 4
        page.keyboard.press("ArrowLeft")
        tile.wait_for_step(2)
        page.get_by_text("How fast", exact=True).click()
        eventually(lambda: query(app).get("view") == "speed")
        app.wait()
        app.reload()
        page.get_by_role("heading", name="One layer: 4096 → 4096").wait_for()
        assert query(app)["bits"] == "3"


@pytest.mark.browser
def test_layer_is_timed_on_a_phone_in_the_dark_and_nothing_sticks_out(address) -> None:
    with chromium() as browser:
        context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
        context.set_default_timeout(120_000)
        app = AppPage(context.new_page(), address).open("/gpu_kernels?view=speed&shape=smollm2-q")
        app.page.get_by_text("this machine, now").click()
        app.press_button("Measure here")
        app.page.get_by_text("Bytes against time").wait_for()
        app.wait()
        charts = app.page.locator(".js-plotly-plot")
        eventually(lambda: charts.count() == 2)
        assert app.page.evaluate("document.documentElement.scrollWidth") <= 390
        boxes = [chart.bounding_box() for chart in charts.all()]
        assert all(box["x"] + box["width"] <= 390 for box in boxes)
        context.close()
