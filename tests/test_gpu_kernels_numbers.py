"""What the page *GPU kernels* says of measurements, from numbers made up here."""

import csv
import io
from dataclasses import replace

import pytest

from app import cached
from app.gpu_kernels.choice import KernelChoice

torch = pytest.importorskip("torch")

from app.gpu_kernels.speed import _not_recorded  # noqa: E402
from app.gpu_kernels.speed_table import _frame, _with_case, sentences  # noqa: E402
from kernels.benchmark.compare import Results, limit, stored_bits  # noqa: E402
from kernels.benchmark.measure import Measurement  # noqa: E402
from kernels.benchmark.timing import Timing  # noqa: E402


def test_layer_that_was_not_recorded_is_not_offered_to_be_measured_on_a_processor() -> None:
    run = next(run for run in cached.recorded_kernel_runs().values() if run.machine.kind == "cpu")
    told = _not_recorded(KernelChoice(shape="8192x28672"), run)
    assert told == (
        "The recorded run does not have the layer 8192 → 28672. Choose another case."
        if not torch.cuda.is_available()
        else "The recorded run does not have the layer 8192 → 28672. Choose another case, or measure it "
        "here."
    )
    some_rates = replace(run, measurements=[m for m in run.measurements if m.outlier_rate != 0.05])
    told = _not_recorded(KernelChoice(outliers=0.05), some_rates)
    assert told.startswith("The recorded run does not have 4 bits with 5 % outliers.")


def test_limit_is_the_ratio_of_bytes_once_the_launch_costs_nothing() -> None:
    assert limit(16, 4.445, 1.0, 0.0) == pytest.approx(16 / 4.445)
    assert limit(16, 4, 1e12, 1e6) == pytest.approx(1)
    assert sum(stored_bits(4, 128, 0.01).values()) == pytest.approx(4.445)


def results(ratios: dict[int, float], bits: int = 4) -> Results:
    """Ours takes 100 µs for any rows of x, and the 16-bit product so many times as long."""
    found = []
    for rows, ratio in ratios.items():
        for name, microseconds in (("bfloat16", 100 * ratio), ("cpu", 100.0)):
            timing = Timing(microseconds, microseconds, microseconds)
            found.append(
                Measurement(
                    name,
                    64,
                    64,
                    bits,
                    0.01,
                    64,
                    rows,
                    timing,
                    4000 if name == "cpu" else 8000,
                    0.003,
                )
            )
    return Results(found, 1e9, 0.0)


def test_sentences_say_where_the_gain_ends() -> None:
    assert (
        "From 4 rows on, 16-bit weights are faster" in sentences(results({1: 2, 2: 1.2, 4: 0.9}))[1]
    )
    # One slow measurement between faster ones is not the end.
    assert sentences(results({1: 2, 2: 0.9, 4: 1.1}))[1] == "With 4 rows it still is faster."
    assert "From one row on" in sentences(results({1: 0.9, 2: 0.8}))[1]


def test_sentences_tell_a_gain_beyond_the_bytes_and_codes_read_as_wider_ones() -> None:
    more = "It gains more, for the 16-bit product is farther from its own limit"
    below, above = sentences(results({1: 1.5})), sentences(results({1: 2.5}))
    assert "2.00 times as fast" in below[0]
    assert more not in below[0]
    assert more in above[0]
    assert not any("4-bit products only" in told for told in below)
    assert "codes of 2 bits are read as 4-bit codes" in sentences(results({1: 1.5}, bits=2))[-1]


def test_products_to_take_away_say_of_which_case_and_run_they_are() -> None:
    choice = KernelChoice(shape="smollm2-up", bits=3, group=None)
    table = _with_case(choice, "measured here", _frame(results({1: 2.0, 2: 0.5})))
    rows = list(csv.DictReader(io.StringIO(table.to_csv(index=False))))
    assert len(rows) == 4
    for row in rows:
        assert (row["inputs"], row["outputs"], row["bits"]) == ("576", "1536", "3")
        assert (row["group_size"], row["outlier_rate"]) == ("576", "0.01")
        assert row["numbers"] == "measured here"
    assert {row["× 16-bit"] for row in rows if "few bits" in row["product"]} == {"2.0", "0.5"}
