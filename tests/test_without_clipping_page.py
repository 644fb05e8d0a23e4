"""The lesson Without clipping through the real entry, without a browser."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import pytest
from test_pages import figure_on, open_page, texts

from app.snippets_clipping import without_clipping_snippet
from lattice_core import PRESETS, random_problem
from lattice_core.recorded_clipping_study import recorded_clipping_study
from lattice_core.toy_row import toy_search

PAGE = "without_clipping.py"
BITING = PRESETS["clipping_bites"].problem
LAWS = {"L6", "L9", "L18", "L19", "L20"}


def verdicts(app) -> list[tuple[str, str]]:
    return re.findall(r"\*\*(L\d+)\..*?badge\[:material/(\w+):", texts(app))


@pytest.mark.parametrize(
    ("problem", "step"),
    [
        (PRESETS["skewed"].problem, 0),
        (BITING, 2),
        (replace(PRESETS["three_inputs"].problem, bits=1), 4),
        (replace(random_problem(6, 2), bits=2), 7),
    ],
    ids=["no grid", "clipped", "three inputs", "six inputs"],
)
def test_page_shows_the_problem_on_the_grid_and_kept(problem, step) -> None:
    app = open_page(PAGE, problem, step)
    data = figure_on(app)
    assert data["step"] == step
    assert len(data["figure"]["frames"]) == problem.size + 2
    shown = verdicts(app)
    assert {law for law, _ in shown} >= LAWS
    clipped = problem.babai.clipped
    expected = [
        (law, "block" if k == 0 and clipped else "check") for k, (law, _) in enumerate(shown)
    ]
    assert sorted(shown) == sorted(expected)
    kept = replace(problem, bits=None).babai.squared_distance
    for loss in (problem.babai.squared_distance, kept):
        assert f"**{loss:.4g}**" in texts(app)
    assert ("~~" in texts(app)) == clipped


def test_every_try_this_opens_and_wrong_world_is_mended() -> None:
    app = open_page(PAGE)
    labels = [b.label for b in app.button if b.key and b.key.startswith("try_")]
    assert len(labels) >= 4
    for label in labels:
        app.button(key=f"try_{label}").click().run()
        assert not app.exception
        red = [law for law, icon in verdicts(app) if icon == "close"]
        assert red == (["L19"] if app.error else [])
        if label.startswith("Forget"):
            assert "forget the outliers' error" in app.error[0].value
            app.button(key="mend").click().run()
            assert not app.error
    assert "0.self_attn.q_proj" in app.query_params["kept_layer"]


def test_a_target_as_far_as_a_link_may_say_opens() -> None:
    open_page("without_clipping.py", problem="skewed", weights="4.9e5,-4e5", hide="try,code")


def test_prediction_is_answered() -> None:
    app = open_page(PAGE, kept_layer="15.mlp.down_proj", kept_bits="3")
    coded = recorded_clipping_study().layer("model.layers.15.mlp.down_proj").coded(3)
    right = str(len(coded.word_of[0]))
    (question,) = app.radio
    assert len(set(question.options)) == len(question.options)
    for option in question.options:
        app.radio[0].set_value(option).run()
        assert bool(app.success) == (option == right)


def test_without_torch_the_page_says_what_is_missing_and_shows_the_rest(monkeypatch) -> None:
    monkeypatch.setattr("app.machine.find_spec", lambda name: None)
    app = open_page(PAGE, BITING, 3)
    (said,) = [info.value for info in app.info if "bitarray" in info.value]
    assert "make app" in said
    assert {law for law, _ in verdicts(app)} >= LAWS
    assert "The Huffman tree of a toy layer" not in texts(app)
    assert "Huffman's stream" in texts(app)


def test_a_link_hides_what_it_says_and_bad_options_are_named() -> None:
    hidden = "controls,laws,quiz,try,code,sources,downloads,numbers,takeaway"
    app = open_page(PAGE, toy_bits="9", hide=hidden)
    assert "=9 was ignored" in app.warning[0].value
    assert not app.selectbox
    assert not app.radio
    assert not verdicts(app)
    searches = [json.loads(c.proto.json) for c in app.get("bidi_component")]
    assert sum("frames" in (each.get("figure") or {}) for each in searches) >= 3


def test_snippet_prints_the_pages_numbers() -> None:
    pytest.importorskip("torch")
    from lattice_core.layers.toy_coding import toy_coding

    code = without_clipping_snippet(BITING, 3, 2, 2.25)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    clipped, kept, row, coded = run.stdout.splitlines()
    assert clipped.startswith(str(BITING.babai.codes))
    assert float(kept.split("]")[1]) == pytest.approx(0.2298, abs=1e-4)
    found, toy = toy_search(3, 2)[0], toy_coding(2.25)
    assert [float(x) for x in row.split()] == pytest.approx(
        [found.row.factor, found.trace.outliers, found.loss, found.trace.cost]
    )
    assert [float(x) for x in coded.split()] == pytest.approx(
        [toy.factor, toy.bits_per_weight, toy.stream_bytes, toy.side_bytes]
    )
