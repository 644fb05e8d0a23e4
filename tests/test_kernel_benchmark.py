"""The benchmark of the kernels: what it measures, on this processor."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kernels.benchmark import measure as measuring  # noqa: E402
from kernels.benchmark import timing  # noqa: E402
from kernels.benchmark.cases import BATCHES, Case  # noqa: E402
from kernels.benchmark.contenders import (  # noqa: E402
    CannotRun,
    Entry,
    _Converted,
    contenders,
    dense,
    gemlite,
    marlin,
    ours,
    torch_int4,
)
from kernels.benchmark.decoding import to_nearest, tokens_per_second  # noqa: E402
from kernels.benchmark.entropy_decoding import measure_decoding  # noqa: E402
from kernels.benchmark.measure import Measurement, Skipped, measure  # noqa: E402
from kernels.benchmark.timing import Timing, copies_wanted, time_calls  # noqa: E402
from kernels.decoder import Decoder, DecoderShape  # noqa: E402
from kernels.dispatch import bytes_read  # noqa: E402
from kernels.packing import unpack  # noqa: E402
from kernels.reference import dequantize  # noqa: E402

PROJECT = Path(__file__).parents[1]
CPU, GPU = torch.device("cpu"), torch.device("cuda")
CASE = Case(256, 64)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As few repeats as there may be."""
    monkeypatch.setattr(timing, "SECONDS", 0.0)


# Timing


def test_timing_is_the_median_and_the_percentiles(rng) -> None:
    shuffled = rng.permutation(np.arange(1.0, 12.0))
    assert Timing.of(shuffled) == Timing(median=6.0, low=3.0, high=9.0)


def test_calls_take_turns_over_the_copies(quick) -> None:
    asked: list[int] = []
    found = time_calls([partial(asked.append, copy) for copy in range(3)], CPU)
    assert asked[:3] == [0, 1, 2]  # to warm up
    timed = asked[3:]
    assert len(timed) == timing.LEAST_REPEATS
    assert timed == [0, 1, 2, 0, 1]
    assert 0 < found.low <= found.median <= found.high


def test_long_calls_are_repeated_less_often(monkeypatch) -> None:
    now = iter(range(10_000))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: 0.01 * next(now))
    asked: list[int] = []
    found = time_calls([partial(asked.append, 0)], CPU)
    assert timing.LEAST_REPEATS < len(asked) - 1 < timing.MOST_REPEATS
    assert found.median == pytest.approx(1e4)


def test_copies_do_not_fit_the_cache_together() -> None:
    size = 1 << 20
    assert copies_wanted(size, CPU) * size >= 4 * timing.CPU_CACHE
    assert copies_wanted(1 << 40, CPU) == 2


# Cases and contenders


@pytest.mark.parametrize(("bits", "rate"), [(4, 0.01), (3, 0.05), (2, 0.0)])
def test_case_draws_what_it_says_and_always_the_same(bits, rate) -> None:
    case = Case(256, 300, bits, rate, 64)
    packed = case.draw(CPU)
    assert (packed.shape, packed.bits, packed.group_size) == ((300, 256), bits, 64)
    assert 0.95 * rate <= packed.outlier_rate <= rate
    codes, _, outliers = unpack(packed)
    assert codes.unique().numel() == 1 << bits
    row, column = outliers.indices()
    assert (codes[row, column] == 0).all()
    assert torch.equal(dequantize(case.draw(CPU)), dequantize(packed))
    assert not torch.equal(dequantize(case.draw(CPU, seed=1)), dequantize(packed))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_dense_product_reads_weights_and_x_and_writes_y(dtype) -> None:
    case = Case(10, 7, outlier_rate=0)
    x = torch.zeros(3, 10).bfloat16()
    entry = dense(case, case.draw(CPU), x, dtype=dtype)
    assert entry.bytes(x) == dtype.itemsize * (70 + 30 + 21)


@pytest.mark.parametrize(
    ("contender", "x", "case", "reason"),
    [
        (torch_int4, torch.zeros(1, 256).bfloat16(), CASE, "needs a GPU"),
        (gemlite, torch.zeros(1, 256).bfloat16(), CASE, "not installed|needs a GPU"),
        (marlin, torch.zeros(1, 256).half(), CASE, "not installed|needs a GPU"),
        (partial(ours, backend="cpu"), torch.zeros(1, 256).double(), CASE, "float64"),
        (torch_int4, SimpleNamespace(device=GPU), replace(CASE, bits=3), "has no 3-bit product"),
        (torch_int4, SimpleNamespace(device=GPU, dtype=torch.float16), CASE, "takes torch.bfloat1"),
        (
            torch_int4,
            SimpleNamespace(device=GPU, dtype=torch.bfloat16),
            Case(200, 64),
            "takes whole groups of 128 columns",
        ),
    ],
)
def test_contender_that_cannot_run_says_why(contender, x, case, reason) -> None:
    with pytest.raises(CannotRun, match=reason):
        contender(case, case.draw(CPU), x)


def test_who_takes_part_here_and_on_a_gpu() -> None:
    assert list(contenders(CPU)) == ["bfloat16", "float32", "cpu"]
    assert list(contenders(GPU)) == ["bfloat16", "triton", "torch int4", "gemlite", "marlin"]


def test_copies_of_a_contender_have_their_own_memory_and_give_the_same(monkeypatch) -> None:
    monkeypatch.setattr(timing, "CPU_CACHE", 40_000)
    packed = CASE.draw(CPU)
    x = torch.randn(2, 256).bfloat16()
    for contender in (partial(dense, dtype=torch.float32), partial(ours, backend="cpu")):
        entry = contender(CASE, packed, x)
        calls = entry.calls(x)
        assert len(calls) > 1
        first = calls[0]()
        assert all(torch.equal(call(), first) for call in calls)
        places = {
            read.data_ptr() if isinstance(read, torch.Tensor) else read.planes[0].data_ptr()
            for product in entry.products
            for name, read in getattr(product, "product", product).keywords.items()
            if name in ("packed", "weight")
        }
        assert len(places) == len(calls)


def test_x_is_converted_when_it_is_first_seen_only() -> None:
    seen = []
    product = _Converted(seen.append, torch.float16)
    first, second = torch.randn(2, 3), torch.randn(2, 3)
    for x in (first, first, second):
        product(x)
    assert [x.dtype for x in seen] == [torch.float16] * 3
    assert seen[0] is seen[1]
    assert torch.equal(seen[2], second.half())


# A case with all its contenders


def test_measurements_of_a_case_on_a_processor(quick) -> None:
    found = list(measure(CASE, (1, 3), CPU))
    assert [(m.contender, m.rows_of_x) for m in found] == [
        (name, rows) for name in ("bfloat16", "float32", "cpu") for rows in (1, 3)
    ]
    for m in found:
        assert isinstance(m, Measurement)
        assert (m.columns, m.rows, m.bits, m.outlier_rate) == (256, 64, 4, 0.01)
        assert m.microseconds.median > 0
        assert m.bandwidth == pytest.approx(m.bytes / m.microseconds.median * 1e6)
        assert m.error < {"bfloat16": 1e-2, "float32": 1e-6, "cpu": 1e-2}[m.contender]
        assert m.contender == "float32" or m.error > 1e-4  # 8 bits of mantissa
    dense_product, _, stored = found[::2]
    assert dense_product.bytes == 2 * (256 * 64 + 256 + 64)
    assert stored.bytes == bytes_read(CASE.draw(CPU), "cpu") + 2 * (256 + 64)


def test_who_is_left_out_is_not_measured(quick) -> None:
    found = measure(CASE, (1,), CPU, without=("bfloat16", "float32"))
    assert [m.contender for m in found] == ["cpu"]


def test_cancelled_measurement_stops(quick) -> None:
    answers = iter([False, False, False, True])
    found = list(measure(CASE, BATCHES, CPU, cancel=lambda: next(answers)))
    assert [m.rows_of_x for m in found] == [1, 2]
    assert not list(measure(CASE, BATCHES, CPU, cancel=lambda: True))


def only(monkeypatch: pytest.MonkeyPatch, name: str, contender) -> None:
    monkeypatch.setattr(measuring, "contenders", lambda device: {name: contender})


def wrong(case, packed, x) -> Entry:
    return Entry([lambda x: x.float() @ dequantize(packed).T * 1.02], 1, case.rows)


def failing(case, packed, x) -> Entry:
    raise RuntimeError("no kernel image is available")


def test_wrong_result_of_ours_is_an_error(quick, monkeypatch) -> None:
    only(monkeypatch, "cpu", wrong)
    with pytest.raises(ValueError, match=r"cpu is off by 2.*e-02 on Case\(.*M = 3"):
        list(measure(CASE, (3,), CPU))


def test_result_that_is_not_a_number_is_an_error(quick, monkeypatch) -> None:
    only(
        monkeypatch, "cpu", lambda case, packed, x: Entry([lambda x: x[:, :64] * torch.nan], 1, 64)
    )
    with pytest.raises(ValueError, match="cpu is off by nan"):
        list(measure(CASE, (3,), CPU))


@pytest.mark.parametrize(
    ("contender", "reason"),
    [(failing, "RuntimeError: no kernel image is available"), (wrong, "gemlite is off by")],
)
def test_peer_that_fails_is_skipped_with_its_reason(contender, reason, quick, monkeypatch) -> None:
    only(monkeypatch, "gemlite", contender)
    (found,) = measure(CASE, (3,), CPU)
    assert isinstance(found, Skipped)
    assert (found.contender, found.columns, found.rows_of_x) == ("gemlite", 256, 3)
    assert found.reason.startswith(reason)


def test_failure_of_ours_is_not_passed_over(quick, monkeypatch) -> None:
    only(monkeypatch, "cpu", failing)
    with pytest.raises(RuntimeError, match="no kernel image"):
        list(measure(CASE, (3,), CPU))


def test_peers_are_held_to_the_codes_alone(quick, monkeypatch) -> None:
    def codes_alone(case, packed, x) -> Entry:
        codes, scales, _ = unpack(packed)
        weight = scales.float().repeat_interleave(128, dim=1) * codes
        return Entry([lambda x: x.float() @ weight.T], 1, case.rows)

    only(monkeypatch, "marlin", codes_alone)
    case = replace(CASE, outlier_rate=0.05)
    (found,) = measure(case, (3,), CPU)
    assert isinstance(found, Measurement)
    assert found.error < 1e-6
    only(monkeypatch, "cpu", codes_alone)
    with pytest.raises(ValueError, match="cpu is off"):
        list(measure(case, (3,), CPU))


# Whole models


def test_rounding_to_nearest_keeps_one_percent_aside_and_errs_little() -> None:
    weight = torch.randn(96, 300, generator=torch.Generator().manual_seed(0))
    weight[5, 256:] = 0  # a group of nothing
    for bits, most in ((4, 0.13), (3, 0.25)):
        packed = to_nearest(weight, bits)
        assert 0.008 < packed.outlier_rate <= 0.01
        error = dequantize(packed) - weight
        assert (error.norm() / weight.norm()).item() < most
        codes, scales, outliers = unpack(packed)
        spread = scales.float().repeat_interleave(128, dim=1)[:, :300]
        row, column = outliers.indices()
        aside = torch.zeros_like(weight, dtype=torch.bool)
        aside[row, column] = True
        assert weight[aside].abs().min() > weight[~aside].abs().max()
        assert (codes[row, column] == 0).all()
        assert (error[row, column].abs() <= 2**-10 * weight.abs().max()).all()
        assert (error.abs() <= 0.505 * spread).all()


def test_generation_is_timed_after_the_prompt() -> None:
    shape = DecoderShape(50, 12, 20, 1, 2, 1, 6, 1e4, 1e-5)
    decoder = Decoder(shape).eval()
    torch.nn.init.zeros_(decoder.lm_head.weight)
    assert tokens_per_second(decoder, torch.zeros(2, 4, dtype=torch.int64), 3) > 0


@pytest.mark.parametrize("spread", [0.8, 3.2])
def test_entropy_coded_weights_take_their_entropy(spread) -> None:
    pytest.importorskip("constriction")
    (found,) = measure_decoding(side=64, spreads=(spread,))
    assert found.weights == 64 * 64
    gaussian = np.log2(spread * np.sqrt(2 * np.pi * np.e))  # in the limit of fine codes
    assert abs(found.entropy - gaussian) < 0.15
    assert -0.001 < found.stored_bits - found.entropy < 0.1
    assert found.weights_per_second == 64 * 64 / found.decode_seconds > 0


def test_entropy_coding_says_what_is_not_installed(monkeypatch) -> None:
    monkeypatch.setattr("kernels.benchmark.entropy_decoding.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="pip install constriction"):
        list(measure_decoding(side=64))
