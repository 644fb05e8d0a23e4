"""What the page *Audit* says, draws and gives away."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest

from app.audit.choice import AuditChoice
from app.figures.audit_ratios import audit_ratios
from app.laboratory_snippets import audit_snippet

torch = pytest.importorskip("torch")

from audit_layers import assert_printed, audited, layer, lines_of  # noqa: E402

from app.audit import work  # noqa: E402
from app.audit.downloads import figure_html, records_csv, records_json  # noqa: E402
from app.audit.sentences import percent, verdict  # noqa: E402
from lattice_core.layers import quantize_layer  # noqa: E402
from lattice_core.layers.audit_file import AuditFile, read_audit_file  # noqa: E402
from lattice_core.layers.audit_results import Alternative  # noqa: E402

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


@pytest.mark.parametrize("damping", [0.01, 0.0])
def test_snippet_of_a_file_prints_the_pages_numbers(damping, rng, tmp_path) -> None:
    content = work.npz(layer(rng, bits=3))
    (tmp_path / "layer.npz").write_bytes(content)
    lines = lines_of(audit_snippet(AuditChoice("file", damping)), tmp_path)
    assert_printed(lines, audited(content, damping=damping).audit)
