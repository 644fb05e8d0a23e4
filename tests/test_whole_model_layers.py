"""The page *Whole model*: the layers and the texts of the study's models, and what can be taken away."""

import io
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from laboratory_app import press, shown_text, value_in_link

pytest.importorskip("torch")


from whole_model_app import GPTQ, HPTQ, KEYS, STUDY, figure, open_page

from app import machine
from app.figures.study_marks import COLORS, DASHES, LEGEND, NAMES, SYMBOLS
from app.laboratory_snippets import study_snippet
from app.whole_model.choice import METHODS, OPTIONS, ModelChoice
from app.whole_model.layer_quantities import QUANTITIES, in_words, layer_map
from app.whole_model.study_downloads import as_html, study_files
from app.whole_model.text_columns import marked, parted
from lattice_core.language_model import study_record
from lattice_core.language_model.study_plan import CONTENDERS
from lattice_core.language_model.study_record import read_study

pytestmark = pytest.mark.usefixtures("study_installed")


def test_layer_is_told_in_words_and_opened_on_real_layers(monkeypatch) -> None:
    monkeypatch.setattr(machine, "what_is_missing", lambda: "the model")  # there, not here
    app = open_page(run=GPTQ, layer="3-up_proj")
    layer = next(r for r in STUDY.layers_of(GPTQ) if r.layer == "model.layers.3.mlp.up_proj")
    told = in_words(layer)
    assert told in shown_text(app)
    assert f"~~{layer.loss_over_bound:.3f} of its bound~~" in told
    assert f"{layer.relative_loss:.2%}" in told
    _cells, points = figure(app, 2)["data"]
    (place,) = points["selectedpoints"]
    assert points["customdata"][place] == layer.layer
    press(app, "Compare the orders on this layer")
    opened = app.session_state.layer_choice
    assert "This page needs what is not here" in app.info[0].value
    assert (opened.view, opened.block, opened.linear, opened.bits) == ("one", 3, "up_proj", 3)


def test_pressed_cell_is_kept_in_the_link() -> None:
    app = open_page()
    assert "Compare the orders on this layer" not in [b.label for b in app.button]
    app.session_state["model_choice"] = replace(ModelChoice(), layer="7-k_proj")  # as the map does
    app.run()
    assert "**Block 7, k_proj.**" in shown_text(app)
    assert value_in_link(app, "layer") == "7-k_proj"


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_map_has_every_layers_number(quantity) -> None:
    layers = STUDY.layers_of(GPTQ)
    shown = layer_map(layers, quantity)
    by_name = {layer.layer: layer for layer in layers}
    for names, row in zip(shown.names, shown.values, strict=True):
        assert row.tolist() == [QUANTITIES[quantity].value(by_name[name]) for name in names]
    partly = layer_map(layers[:10], quantity)
    assert np.isfinite(partly.values).sum() == 10
    assert "not known" in partly.hovers[-1][-1]
    assert ("void" in shown.hovers[0][0]) == (quantity == "share")


# The texts


@pytest.mark.parametrize(
    ("original", "other", "parts"),
    [
        (" a b c", " a b d c", (" a b", " d c")),
        (" a b c", " a b c", (" a b c", "")),
        (" a b", " a b c", (" a b", " c")),
        (" a b c", " a b", (" a b", "")),
        ("a b", "b", ("", "b")),
        (" a\n\nb", " a b", (" a", " b")),
        ("", " x", ("", " x")),
    ],
)
def test_texts_part_at_the_first_word_that_differs(original, other, parts) -> None:
    assert parted(original, other) == parts


def test_text_is_never_read_as_markdown() -> None:
    dressed = marked(" one *two*", "\n[three](http://x)\n# `four`").split("\n\n")
    assert dressed == [
        r" one \*two\*",
        r":orange-background[\[three\]\(http\://x\)]",
        r":orange-background[\# \`four\`]",
    ]
    shown = shown_text(open_page(run=HPTQ, other=GPTQ))
    assert ":orange-background[\\*hptq\\* was built.]" in shown
    assert "The first 3 words are the same." in shown


# What is taken away


def test_files_are_the_study(tmp_path: Path) -> None:
    for (_, name), make in study_files(STUDY).items():
        (tmp_path / name).write_text(make(), encoding="utf-8")
    found = read_study(tmp_path)
    assert found.about == STUDY.about
    assert found.texts == STUDY.texts
    assert [run.key for run in found.runs] == list(KEYS)
    for mine, theirs in zip(found.runs, STUDY.runs, strict=True):
        assert mine.divergence == pytest.approx(theirs.divergence, rel=1e-5)
    assert len(found.layers) == len(STUDY.layers)
    labels = [button.proto.label for button in open_page().get("download_button")]
    assert labels == [label for label, _ in study_files(STUDY)] + [
        "Comparison (HTML)",
        "Layers (HTML)",
    ]


def test_figure_to_take_away_needs_nothing_else() -> None:
    from app.whole_model.comparison import comparison

    html = as_html(comparison(STUDY, ModelChoice()), "Comparison")
    assert "<title>Comparison</title>" in html
    assert "GPTQ + Huffman" in html
    assert 'src="http' not in html


def test_snippet_prints_the_runs_numbers_and_names_every_point() -> None:
    for run in (STUDY.runs[0], *STUDY.stage("B")[-1:], *STUDY.stage("C")[-1:]):
        with redirect_stdout(io.StringIO()) as printed:
            exec(study_snippet(run), {})
        numbers = [float(word) for word in printed.getvalue().split()]
        assert numbers == [run.bits_per_weight, run.perplexity, run.divergence, run.agreement]


# Names


def test_contenders_have_their_own_name_and_look() -> None:
    assert {key: contender.name for key, contender in CONTENDERS.items()} == NAMES
    for look in (COLORS, DASHES, SYMBOLS, LEGEND):
        assert set(look) == set(CONTENDERS)
    assert len(set(SYMBOLS.values())) == len(CONTENDERS)
    assert set(METHODS) < set(CONTENDERS)


def test_the_study_that_ships_is_shown(monkeypatch) -> None:
    monkeypatch.undo()
    try:
        found = study_record.recorded_study()
    except ValueError:
        pytest.skip("no study is recorded yet")
    for compare in OPTIONS["compare"]:
        app = open_page(compare=str(compare))
        assert found.about["date"] in app.info[0].value
        assert "fails" not in shown_text(app)
