"""The report: one file that needs nothing else, with everything in it, and nothing in it run that was only text."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import plotly.graph_objects as go
import pytest
from browser import chromium, eventually
from test_command_line import run, run_json
from tiny_model import saved_tiny_model, tiny_text

from app.command_line.report_checkpoint import checkpoint_page
from app.command_line.report_page import Figures, page
from app.command_line.report_study import study_page
from app.whole_model.layer_quantities import QUANTITIES
from app.whole_model.measures import MEASURES
from lattice_core.language_model import open_checkpoint
from lattice_core.language_model.study_plan import StudyPoint, stage_a, stage_b, stage_c
from lattice_core.language_model.study_record import LayerRun, Study, StudyRun

EVIL = '<script>alert("x")</script>'


def _run(point: StudyPoint, place: int) -> StudyRun:
    clipped = 0.01 if point.contender in ("rtn", "gptq") else 0.0
    return StudyRun(
        **vars(point),
        key=point.key,
        bits_per_weight=point.target_bits,
        file_bits_per_weight=point.target_bits + 0.01,
        perplexity=20 + place,
        divergence=0.01 * (1 + place),
        agreement=0.9,
        relative_loss=0.3 + place,
        relative_bound=1.0 + place,
        held_out_loss=0.5,
        distance=0.2,
        clipped_fraction=clipped,
        outlier_rate=0.0,
        quantize_seconds=1.0,
        evaluate_seconds=1.0,
    )


def _layers(run: StudyRun) -> list[LayerRun]:
    names = [f"model.layers.{b}.mlp.{n}_proj" for b in range(3) for n in ("up", "down")]
    return [
        LayerRun(
            run.key, name, int(name.split(".")[2]), name.rpartition(".")[2], 3, 0.1, 0.3, 0, 0, 0, 0
        )
        for name in names
    ]


@pytest.fixture(scope="module")
def study() -> Study:
    """A study as it might be, without any model."""
    points = [*stage_a()[:9], *stage_b()[:2], *stage_c()[:2]]
    runs = tuple(_run(point, place) for place, point in enumerate(points))
    about = {
        "source": "a model",
        "text": "a text",
        "prompt": "Once ",
        "tokens": {"evaluation": [0, 100]},
        "windows": {"calibration": 512},
        "versions": {"torch": "2"},
        "command": "nearest-plane study --to x",
        "missing": ["C-gptq"],
        "reference": {"perplexity": 19.5, "predicted": 99},
    }
    texts = {run.key: f"upon a time {place}" for place, run in enumerate(runs)}
    layers = tuple(layer for run in runs for layer in _layers(run))
    return Study(about, runs, layers, texts | {"reference": "upon a hill"})


@pytest.fixture(scope="module")
def html(study: Study) -> str:
    return study_page(study)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("report")
    saved_tiny_model(folder / "tiny")
    (folder / "text.txt").write_text(tiny_text(600))
    words = ("--text", folder / "text.txt", "--window", "64", "--bits", "3", "--group-size", "32")
    made = run("quantize", folder / "tiny", *words, "--to", folder / "made")
    assert made.exit_code == 0, made.stderr
    return folder / "made"


def figures_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="figures">(.*?)</script>', html, re.S)
    assert found
    return json.loads(found[1])


def without_scripts(html: str) -> str:
    return re.sub(r"<script.*?</script>", "", html, flags=re.S)


def test_study_page_has_the_figures_with_all_their_numbers(study: Study, html: str) -> None:
    drawn = figures_of(html)
    assert set(drawn) == {"damage-plot", "bound-plot", "layers-map"}
    assert list(drawn["damage-plot"]["choices"][0]) == [m.title for m in MEASURES.values()]
    hovers = [t for trace in drawn["bound-plot"]["shown"]["data"] for t in trace.get("text", [])]
    assert len(hovers) == len(study.runs)
    assert any(
        trace["name"] == "void: codes are clipped" for trace in drawn["bound-plot"]["shown"]["data"]
    )
    patches = drawn["layers-map"]["patches"]
    assert len(patches) == len(study.runs)
    for patch in patches.values():
        assert list(patch) == [quantity.title for quantity in QUANTITIES.values()]
        assert patch["loss ÷ bound"]["z"] == [[0.3] * 3, [0.3] * 3]


def test_study_page_has_tables_texts_and_where_it_is_from(study: Study, html: str) -> None:
    words = unescape(without_scripts(html))
    assert words.count("<tr>") == 3 + len(study.runs)  # three stages
    assert words.count("<s>") == sum(run.clipped_fraction > 0 for run in study.runs)  # void bounds
    assert words.count("<article>") == 1 + len(study.runs)
    assert "<b>Once </b>upon a hill" in words
    assert "<dd>nearest-plane study --to x</dd>" in words
    assert "1 planned runs are missing" in words
    assert re.search(r"rank correlation with the divergence is \+1\.000; over all 13", words)


def test_page_needs_nothing_but_itself(html: str) -> None:
    assert html.count("plotly.js v") == 1
    outside = without_scripts(html)
    assert not re.findall(r'(?:src|href)="(?!#)', outside)
    assert "default-src 'none'" in outside
    assert "prefers-color-scheme:dark" in outside


def test_what_was_only_text_is_escaped(study: Study) -> None:
    run = study.runs[0]
    layer = replace(study.layers[0], layer=f"model.layers.0.{EVIL}", key=run.key)
    evil = Study(
        study.about | {"source": EVIL, "text": EVIL, "prompt": EVIL, "command": EVIL},
        study.runs,
        (layer,),
        {run.key: EVIL, "reference": EVIL},
    )
    html = study_page(evil)
    assert "<script>alert" not in html
    assert without_scripts(html).count("&lt;script&gt;alert") >= 6
    assert "<script" not in json.dumps(figures_of(html)["layers-map"])


def test_no_figure_ends_the_script_that_it_stands_in() -> None:
    figures = Figures()
    figures.place("plot", go.Figure(layout={"title": {"text": f"</script>{EVIL}"}}), "a plot")
    html = page("title", "lead", [], figures)
    assert EVIL not in html
    assert figures_of(html)["plot"]["shown"]["layout"]["title"]["text"] == f"</script>{EVIL}"


def test_study_with_runs_that_nobody_knows_is_refused(study: Study) -> None:
    runs = (replace(study.runs[0], contender="magic"),)
    with pytest.raises(ValueError, match="has 'magic', which is not known here"):
        study_page(Study(study.about, runs, (), {}))
    with pytest.raises(ValueError, match="no finished run"):
        study_page(Study(study.about, (), (), {}))


def test_checkpoint_page_has_all_layers(checkpoint: Path) -> None:
    made = open_checkpoint(checkpoint)
    html = checkpoint_page(made)
    drawn = figures_of(html)
    patch = drawn["layers-map"]["patches"]["tiny"]
    assert "held-out loss" not in patch  # nothing is known of it
    rows = patch["loss, share of the output"]["z"]
    found = sorted(value for row in rows for value in row)
    assert found == pytest.approx(sorted(layer.relative_loss for layer in made.report.layers))
    words = unescape(without_scripts(html))
    for layer in made.report.layers:
        assert f"<td>{layer.name}</td>" in words
    assert f"<dd>{made.about['model_sha256']}</dd>" in words
    assert str(checkpoint.parent) not in html


def test_report_writes_the_file_that_was_named(checkpoint: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    found = run_json("report", checkpoint, "--to", file)
    assert found == {"file": str(file), "bytes": file.stat().st_size}
    before = file.read_bytes()
    result = run("report", checkpoint, "--to", file)
    assert re.fullmatch(r".*report\.html is written, \d\.\d MB\.\n", result.stdout)
    assert file.read_bytes() == before


# In a real browser


@pytest.fixture(scope="module")
def running_chromium() -> Iterator[Any]:
    with chromium() as running:
        yield running


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_in_a_browser_without_a_network(
    running_chromium: Any, html: str, tmp_path: Path, scheme: str
) -> None:
    file = tmp_path / "study.html"
    file.write_text(html, encoding="utf-8")
    context = running_chromium.new_context(
        color_scheme=scheme, offline=True, viewport={"width": 390, "height": 800}
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(file.as_uri())
    page.wait_for_selector("#layers-map .heatmaplayer image")
    assert page.locator(".js-plotly-plot").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    light = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    ink = page.evaluate("document.querySelector('#damage-plot .xtick text').style.fill")
    assert light == (scheme == "light")
    assert ink == {"light": "rgb(29, 31, 35)", "dark": "rgb(232, 234, 237)"}[scheme]
    page.select_option("#damage-plot-0", "KL divergence, nats a token")
    page.select_option("#layers-map-1", "bits a weight, stored")
    page.emulate_media(color_scheme={"light": "dark", "dark": "light"}[scheme])
    eventually(lambda: page.text_content("#damage-plot .ytitle").startswith("KL"))
    eventually(lambda: "bits a weight" in page.text_content("#layers-map .colorbar"))
    eventually(
        lambda: (
            page.evaluate("document.querySelector('#damage-plot .xtick text').style.fill") != ink
        )
    )
    assert not problems
    context.close()
