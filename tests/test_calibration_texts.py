"""Calibrated on one text, judged on another: the core, the words and the tables made of it."""

import csv
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from app.figures.calibration_texts import damping_figure, transfer_table  # noqa: E402
from app.laboratory_snippets import calibration_transfer_snippet  # noqa: E402
from app.real_layers.choice import TEXTS, LayerChoice  # noqa: E402
from app.real_layers.text_downloads import NEAREST, transfer_csv  # noqa: E402
from app.real_layers.text_ideas import ideas  # noqa: E402
from app.real_layers.text_sentences import of_damping, of_two_texts, of_windows  # noqa: E402
from app.real_layers.work import Calibration  # noqa: E402
from lattice_core.language_model import Text  # noqa: E402
from lattice_core.layers import quantize_layer, weight_scales  # noqa: E402
from lattice_core.layers.calibration_transfer import (  # noqa: E402
    CalibrationTransfer,
    calibration_transfer,
)
from lattice_core.layers.row_shares import layer_row_shares  # noqa: E402

COLUMNS = 7


@pytest.fixture
def weight(rng):
    return torch.tensor(rng.standard_normal((3, COLUMNS)))


def inputs(rng, tokens: int = 20):
    """Correlated, as a layer's are."""
    mix = rng.standard_normal((COLUMNS, COLUMNS))
    return torch.tensor(rng.standard_normal((tokens, COLUMNS)) @ mix)


@pytest.fixture
def texts(rng):
    return {"A": inputs(rng), "B": inputs(rng, 33), "C": inputs(rng, 5)}


def hessians(texts):
    return {name: x.T @ x for name, x in texts.items()}


# The core


@pytest.mark.parametrize(
    "options",
    [
        {"bits": 2, "group_size": 4, "scale_rule": "absmax", "damping": 0.1, "order": "min_pivot"},
        {"bits": 3, "group_size": None, "overflow": "keep"},
        {"order": np.arange(COLUMNS)[::-1].copy()},
    ],
)
def test_losses_are_those_of_the_layers_outputs_on_each_text(options, weight, texts) -> None:
    found = calibration_transfer(weight, hessians(texts), **options)
    assert found.texts == ("A", "B", "C")
    for i, hessian in enumerate(hessians(texts).values()):
        answer = quantize_layer(weight, hessian, **options).dequantize()
        for j, x in enumerate(texts.values()):
            lost, whole = (x @ (answer - weight).T).square().sum(), (x @ weight.T).square().sum()
            np.testing.assert_allclose(found.losses[i, j], (lost / whole).item(), rtol=1e-9)


def test_one_weight_by_hand() -> None:
    # absmax at two bits: w = 3 has s = 2, and 3/2 is clipped to 1: q = 2, e = −1.
    weight = torch.tensor([[3.0]])
    found = calibration_transfer(
        weight,
        {"long": torch.tensor([[50.0]]), "short": torch.tensor([[2.0]])},
        bits=2,
        group_size=None,
        scale_rule="absmax",
    )
    # e²H / w²H: the number of tokens cancels.
    np.testing.assert_allclose(found.losses, np.full((2, 2), 1 / 9))
    np.testing.assert_allclose(found.nearest_losses, [1 / 9, 1 / 9])
    np.testing.assert_allclose(found.factors, np.ones((2, 2)))


def test_round_to_nearest_looks_at_no_text(weight, texts) -> None:
    found = calibration_transfer(weight, hessians(texts), bits=3, group_size=None)
    scales = weight_scales(weight, bits=3, granularity="row")
    nearest = scales * (weight / scales).round().clamp(-4, 3)
    wanted = [
        ((x @ (nearest - weight).T).square().sum() / (x @ weight.T).square().sum()).item()
        for x in texts.values()
    ]
    np.testing.assert_allclose(found.nearest_losses, wanted, rtol=1e-9)


def test_a_text_with_orthogonal_inputs_of_one_size_is_round_to_nearest(weight, texts) -> None:
    # Nothing to make up for: the Hessian is diagonal.
    found = calibration_transfer(weight, {**hessians(texts), "D": torch.eye(COLUMNS)}, bits=3)
    np.testing.assert_allclose(found.losses[-1], found.nearest_losses, rtol=1e-9)


def test_factors_are_relative_to_the_text_judged_on() -> None:
    found = CalibrationTransfer(("A", "B"), np.array([[1.0, 6.0], [5.0, 2.0]]), np.array([9.0, 9]))
    np.testing.assert_array_equal(found.own, [1, 2])
    np.testing.assert_array_equal(found.factors, [[1, 3], [5, 1]])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: {"A": h["A"]}, "1 texts; two or more"),
        (lambda h: h | {"B": h["B"] * torch.nan}, "calibrated on B: hessian holds nan"),
        (lambda h: h | {"C": torch.eye(4)}, r"calibrated on C: .* \(4, 4\)"),
        (lambda h: h | {"C": torch.zeros(7, 7)}, "calibrated on C: every input is dead"),
    ],
)
def test_what_cannot_be_compared_is_an_error_naming_the_text(
    change, message, weight, texts
) -> None:
    with pytest.raises(ValueError, match=message):
        calibration_transfer(weight, change(hessians(texts)))


def test_text_on_which_the_output_is_zero_is_an_error(texts) -> None:
    with pytest.raises(ValueError, match="judged on A: the layer's output is zero"):
        calibration_transfer(torch.zeros(2, COLUMNS), hessians(texts))


@pytest.mark.parametrize("order", ["front_to_back", "min_pivot"])
def test_row_shares_are_those_of_quantize_layer(order, weight, texts) -> None:
    hessian = hessians(texts)["A"]
    options = {"bits": 2, "group_size": None, "order": order, "damping": 0.1, "scale_rule": "mse"}
    found = layer_row_shares("name", weight, hessian, **options)
    kept = quantize_layer(weight, hessian, overflow="keep", **options)
    clipped = quantize_layer(weight, hessian, **options)
    np.testing.assert_allclose(found.kept, kept.row_losses / kept.row_bounds)
    np.testing.assert_allclose(found.clipped, clipped.row_losses / clipped.row_bounds)
    np.testing.assert_array_equal(found.clipped_fraction, clipped.row_clipped)
    assert (found.kept <= 1).all()  # L6
    assert found.clipped_fraction.any()
    assert (found.layer, found.columns) == ("name", COLUMNS)


# What is said and shown


def two(held_out: float = 0.02) -> CalibrationTransfer:
    losses = np.array([[0.01, held_out], [0.03, 0.005]])
    return CalibrationTransfer(("A", "B"), losses, np.array([0.05, 0.04]))


def plain_spaces(sentences: list[str]) -> str:
    return " ".join(sentences).replace("\u00a0", " ")


def test_two_texts_are_told_from_their_numbers() -> None:
    said = plain_spaces(of_two_texts(two()))
    for number in ("on A is 1 %", "**2 %**", "**4 times**", "it is 3 times", "loses 4 % on B: 2 "):
        assert number in said
    assert "of no use" not in said
    assert "of no use" in " ".join(of_two_texts(two(held_out=0.06)))


def test_draws_are_told_by_mean_and_range() -> None:
    losses = np.array([[0.01, 0.04, 0.05], [0.06, 0.03, 0.07], [0.2, 0.2, 0.001]])
    told = of_windows(CalibrationTransfer(("A1", "A2", "B"), losses, np.full(3, 0.6)))
    said = [plain_spaces([sentence]) for sentence in told]
    assert "on 2 draws" in said[0]
    assert "2 % in the mean (from 1 % to 3 %)" in said[0]
    assert "5 % in the mean (from 4 % to 6 %)" in said[1]
    assert "6 % in the mean (from 5 % to 7 %)" in said[2]
    assert "2 % apart" in said[3]
    assert "10 times" in said[4]


def test_best_damping_is_told_for_both_texts() -> None:
    said = plain_spaces(of_damping([0.001, 0.01, 0.1], [0.1, 0.2, 0.3], [0.5, 0.4, 0.6], "A", "B"))
    assert "λ = 0.001." in said
    assert "**λ = 0.01**: 40 %, where λ = 0.001 has 50 %" in said
    assert "the same λ" in " ".join(of_damping([0.01, 1.0], [0.1, 0.2], [0.1, 0.2], "A", "B"))


def test_table_shows_each_loss_and_its_factor() -> None:
    cells = transfer_table(two().texts, two().losses, two().nearest_losses).data[0]
    assert [list(row) for row in cells.text] == [
        ["<b>1</b><br>1 ×", "<b>2</b><br>4 ×"],
        ["<b>3</b><br>3 ×", "<b>0.5</b><br>1 ×"],
        ["<b>5</b><br>5 ×", "<b>4</b><br>8 ×"],
    ]
    np.testing.assert_allclose(cells.zmax, np.log(4))


def test_damping_on_show_is_the_large_mark() -> None:
    figure = damping_figure([0.0, 0.01, 0.1], np.ones(3), np.ones(3), 2.0, here=0.01)
    assert [list(line.marker.size) for line in figure.data] == [[8, 16, 8]] * 3
    assert list(figure.data[2].y) == [2.0] * 3


def test_csv_has_each_pair_with_its_texts() -> None:
    texts = {"A": Calibration(Text("a", "x"), 1024), "B": Calibration(Text("b", "y"), 1024, 3)}
    table = transfer_csv(LayerChoice(group=None), texts, two(), "act_order")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [(r["calibrated_on"], r["judged_on"], float(r["relative_loss"])) for r in rows] == [
        ("A", "A", 0.01),
        ("A", "B", 0.02),
        ("B", "A", 0.03),
        ("B", "B", 0.005),
        (NEAREST, "A", 0.05),
        (NEAREST, "B", 0.04),
    ]
    assert (rows[1]["calibrated_on_seed"], rows[1]["judged_on_seed"]) == ("from its start", "3")
    assert rows[2]["calibrated_on_sha256"] == texts["B"].text.sha256
    assert (rows[4]["calibrated_on_source"], rows[4]["group"]) == ("", "row")


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("against", [*TEXTS, "windows"])
def test_a_text_is_never_compared_with_itself(text, against) -> None:
    compared = LayerChoice(text=text, against=against, seed=2).compared
    assert len(set(compared.values())) == len(compared)
    assert compared["B"][0] != text
    if against not in (text, "windows"):
        assert compared == {"A": (text, 2), "B": (against, 2)}


def test_ideas_change_the_choice_and_stay_within_it() -> None:
    here = LayerChoice(damping=1.0, tokens=16384, against="windows", linear="down_proj")
    assert ideas(here) == []
    for _, _, changes in ideas(LayerChoice()):
        assert LayerChoice(**changes) != LayerChoice()


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("against", [*TEXTS, "windows"])
def test_snippet_names_each_text_and_imports_what_it_calls(text, against) -> None:
    choice = LayerChoice(text=text, against=against, group=None)
    snippet = calibration_transfer_snippet(choice, "it's.txt")
    compile(snippet, "snippet", "exec")
    imported = snippet.partition(")")[0]
    for name in ("read_text", "embedded_text", "draw_windows", "tokenize"):
        assert (f"{name}," in imported) == (f" {name}(" in snippet)
    assert snippet.count("(loaded, ") == len(choice.compared) + 1  # and the pass
    assert ('read_text("it\'s.txt")' in snippet) == ("file" in (text, choice.compared["B"][0]))
