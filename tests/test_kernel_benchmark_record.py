"""What the benchmark of the kernels records, and its command."""

import json
import os
import re
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from kernels.benchmark import measure as measuring  # noqa: E402
from kernels.benchmark import record  # noqa: E402
from kernels.benchmark.decoding import Decoding  # noqa: E402
from kernels.benchmark.entropy_decoding import EntropyDecoding  # noqa: E402
from kernels.benchmark.measure import Measurement, Skipped  # noqa: E402
from kernels.benchmark.record import Machine, Run, file_name, recorded_runs  # noqa: E402
from kernels.benchmark.shapes import SHAPES  # noqa: E402
from kernels.benchmark.timing import Timing  # noqa: E402

PROJECT = Path(__file__).parents[1]
CPU = torch.device("cpu")


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
