"""The benchmark of the kernels: what it measures, on this processor, and what it records."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from kernels import tuning  # noqa: E402
from kernels.benchmark import measure as measuring  # noqa: E402
from kernels.benchmark import record, timing  # noqa: E402
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
from kernels.benchmark.decoding import Decoding, to_nearest, tokens_per_second  # noqa: E402
from kernels.benchmark.entropy_decoding import EntropyDecoding, measure_decoding  # noqa: E402
from kernels.benchmark.measure import Measurement, Skipped, measure  # noqa: E402
from kernels.benchmark.record import Machine, Run, file_name, recorded_runs  # noqa: E402
from kernels.benchmark.shapes import SHAPES  # noqa: E402
from kernels.benchmark.timing import Timing, copies_wanted, time_calls  # noqa: E402
from kernels.decoder import Decoder, DecoderShape  # noqa: E402
from kernels.dispatch import bytes_read  # noqa: E402
from kernels.launch import default_launch, gemv_launch  # noqa: E402
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


# Records

TIMING = Timing(3.5, 3.25, 4.0)
RUN = Run(
    date="2026-02-03T04:05:06+00:00",
    command="python -m kernels.benchmark",
    commit="0123456789ab",
    seconds=12.5,
    machine=Machine("NVIDIA H200 (SXM)", "cuda", 132, 1 << 37, "570.1", {"torch": "2.13.0"}),
    copy_bandwidth=4.3e12,
    launch_microseconds=1.5,
    measurements=(
        Measurement("triton", 256, 64, 4, 0.01, 128, 1, TIMING, 9000, 1e-3),
        Measurement("bfloat16", 256, 64, 4, 0.01, 128, 1, TIMING, 33000, 2e-3),
    ),
    skipped=(Skipped("marlin", 256, 64, 3, 0.0, 1, 'has no 3-bit "product"'),),
    decodings=(Decoding("SmolLM2-135M", "random", "bfloat16", 4, 24, 99.5, 1 << 20, False),),
    entropy_decodings=(EntropyDecoding(4096, 0.8, 1.8, 1.81, 0.5, 0.25),),
)


@pytest.mark.parametrize("run", [RUN, replace(RUN, measurements=(), skipped=(), decodings=())])
def test_run_comes_back_from_its_record(run) -> None:
    assert Run.from_json(run.to_json()) == run
    assert json.loads(run.to_json())["format"] == record.FORMAT


def test_record_has_a_line_for_each_measurement() -> None:
    lines = RUN.to_json().splitlines()
    entries = [*RUN.measurements, *RUN.skipped, *RUN.decodings, *RUN.entropy_decodings]
    found = [json.loads(line.rstrip(",")) for line in lines if line.startswith('  {"')]
    assert found == [asdict(entry) for entry in entries]


def test_record_of_another_format_is_refused() -> None:
    other = replace(RUN, format=record.FORMAT + 1).to_json()
    with pytest.raises(ValueError, match=f"format {record.FORMAT + 1}; {record.FORMAT} was wanted"):
        Run.from_json(other)
    with pytest.raises(ValueError, match="format None"):
        Run.from_json("{}")


def test_file_is_named_for_the_day_and_the_device() -> None:
    assert file_name(RUN) == "2026-02-03-nvidia-h200-sxm.json"


def test_runs_of_a_folder_are_read_the_newest_first(tmp_path) -> None:
    later = replace(RUN, date="2026-02-04T00:00:00+00:00")
    for run in (RUN, later):
        (tmp_path / file_name(run)).write_text(run.to_json(), encoding="utf-8")
    assert list(recorded_runs(tmp_path).values()) == [later, RUN]
    assert recorded_runs(tmp_path / "nothing") == {}


def test_every_run_recorded_in_the_project_is_read() -> None:
    runs = recorded_runs()
    assert runs.keys() == {path.name for path in record.RESULTS.glob("*.json")}
    for run in runs.values():
        assert run.copy_bandwidth > 0
        assert all(m.error < measuring.MOST_ERROR for m in run.measurements)


def test_record_tells_the_machine() -> None:
    machine = record.machine(CPU)
    assert machine.kind == "cpu"
    assert machine.device
    assert machine.cores >= 1
    assert {"python", "torch", "numpy"} <= machine.versions.keys()


def test_commit_outside_a_checkout_is_unknown(monkeypatch) -> None:
    monkeypatch.setattr(record, "_answer_of", lambda *command: "")
    assert record.commit() == "unknown"


# The command


def benchmark(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kernels.benchmark", *arguments],
        cwd=PROJECT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_command_measures_prints_and_records(tmp_path) -> None:
    options = ["--quick", "--bits", "4", "--outliers", "0.01", "--batches", "1"]
    run = benchmark("products", "--device", "cpu", *options, "--record", str(tmp_path))
    assert run.returncode == 0, run.stderr
    ((name, found),) = recorded_runs(tmp_path).items()
    assert name == file_name(found)
    assert [m.contender for m in found.measurements] == ["bfloat16", "float32", "cpu"]
    assert {(m.columns, m.rows) for m in found.measurements} == {SHAPES["smollm2-up"]}
    assert found.machine.kind == "cpu"
    assert found.command.startswith("python -m kernels.benchmark products --device cpu --quick")
    for said in ("576 → 1536", "GB/s", found.machine.device, f"recorded in {tmp_path / name}"):
        assert said in run.stdout


def test_part_that_cannot_be_measured_is_told_and_the_others_are_recorded(tmp_path) -> None:
    options = ["--quick", "--bits", "4", "--outliers", "0", "--batches", "1", "--device", "cpu"]
    missing = tmp_path / "no-model.gguf"
    run = benchmark(
        "products", "decoding", *options, "--model", str(missing), "--record", str(tmp_path)
    )
    assert run.returncode == 1
    assert "Not all could be measured. decoding: there is no file" in run.stderr
    assert "Traceback" not in run.stderr
    (found,) = recorded_runs(tmp_path).values()
    assert len(found.measurements) == 3
    assert not found.decodings


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["product"], "no part product; there are products, decoding, entropy"),
        (["--shapes", "tiny"], "invalid choice: 'tiny'"),
        (["--bits", "5"], "invalid choice: 5"),
        (["--outliers", "1.5"], "1.5 is no rate; 0 … 1 was wanted"),
        (["--batches", "0"], "0 rows of x; 1 or more were wanted"),
        (["--device", "gpu"], "gpu is no device; cpu, cuda or cuda:1 was wanted"),
        (["--device", "mps"], "mps is no device"),
    ],
)
def test_command_refuses_in_plain_words(arguments, message) -> None:
    run = benchmark(*arguments)
    assert run.returncode == 2
    assert message in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
@pytest.mark.parametrize("module", ["kernels.benchmark", "kernels.tuning"])
def test_command_without_a_gpu_says_so(module) -> None:
    asked = ["--device", "cuda"] if module == "kernels.benchmark" else []
    run = subprocess.run(
        [sys.executable, "-m", module, *asked],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 2
    assert re.search("torch finds (no CUDA device|none) here", run.stderr)
    assert "Traceback" not in run.stderr


# Launches that were tuned


@pytest.fixture
def h200(tmp_path, monkeypatch):
    """A folder for recorded launches, and a GPU of which only name and size are asked."""
    properties = SimpleNamespace(name="NVIDIA H200", multi_processor_count=132)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(tuning, "FOLDER", tmp_path / "launches")
    tuning._recorded.cache_clear()
    yield properties
    tuning._recorded.cache_clear()


def stored_on_gpu(case: Case):
    """What `tuning` asks of a packed weight."""
    packed = case.draw(CPU)
    return SimpleNamespace(
        device=GPU,
        shape=packed.shape,
        layout=packed.layout,
        bits=packed.bits,
        group_size=packed.group_size,
        outliers=packed.outliers,
    )


def test_recorded_launch_is_taken_for_its_product_only(h200) -> None:
    packed = stored_on_gpu(CASE)
    usual = default_launch(3, 64, packed.layout, 132)
    assert tuning.launch_for(3, packed) == usual
    tuned = replace(usual, stages=6, splits=2)
    path = tuning._path(h200.name)
    assert path.name == "nvidia-h200.json"
    tuning.record(path, {tuning._key(3, packed): tuned})
    tuning._recorded.cache_clear()
    assert tuning.launch_for(3, packed) == tuned
    assert tuning.launch_for(4, packed) == tuned  # compiled for as many
    for rows, other in (
        (2, CASE),
        (5, CASE),
        (3, replace(CASE, bits=3)),
        (3, replace(CASE, outlier_rate=0.0)),
        (3, replace(CASE, rows=72)),
        (3, replace(CASE, columns=128)),
        (3, replace(CASE, group_size=64)),
    ):
        weight = stored_on_gpu(other)
        assert tuning.launch_for(rows, weight) == default_launch(
            rows, other.rows, weight.layout, 132
        )


def test_record_keeps_the_launches_of_other_products(h200, tmp_path) -> None:
    layout = CASE.draw(CPU).layout
    gemv, dot = gemv_launch(layout), default_launch(2, 64, layout, 132)
    path = tmp_path / "new" / "launches.json"
    tuning.record(path, {"one": gemv, "other": gemv})
    tuning.record(path, {"other": dot})
    assert json.loads(path.read_text()) == {"one": asdict(gemv), "other": asdict(dot)}


def test_weight_that_is_not_on_a_gpu_takes_the_default() -> None:
    packed = CASE.draw(CPU)
    assert tuning.launch_for(3, packed) == default_launch(3, 64, packed.layout, 1)


@pytest.mark.parametrize("rows_of_x", BATCHES)
@pytest.mark.parametrize("shape", ["4096x4096", "smollm2-q", "8192x28672"])
def test_default_is_among_what_is_tuned(shape, rows_of_x) -> None:
    columns, rows = SHAPES[shape]
    packed = stored_on_gpu(Case(columns, 16))
    packed.shape = (rows, columns)  # only its sizes are looked at
    launches = list(tuning.candidates(rows_of_x, packed, 132))
    assert default_launch(rows_of_x, rows, packed.layout, 132) in launches
    assert rows_of_x == 1 or {launch.method for launch in launches} == {"dot"}
