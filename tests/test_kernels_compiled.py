"""What the compiler makes of the kernels, for GPUs that need not be here; nothing is timed.

A product of few rows waits for memory only as long as a weight takes few instructions. The ceilings are
a little above what was counted, so that a change that costs instructions is seen.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("triton")

PROJECT = Path(__file__).parents[1]
# In these tests kernels are interpreted; a fresh interpreter compiles them.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
COUNT = """
import dataclasses, json, sys
import torch
from kernels.compiled import machine_code
from kernels.launch import dot_launch, gemv_launch
from kernels.layout import Layout

for bits, rows_of_x, outliers, dtype, capability in json.loads(sys.argv[1]):
    layout = Layout(bits, 4096, 128)
    launch = gemv_launch(layout) if rows_of_x == 1 else dot_launch(4096, layout, 132)
    code = machine_code(
        layout, rows_of_x, launch,
        outliers=outliers, dtype=getattr(torch, dtype), capability=capability,
    )
    print(json.dumps(dataclasses.asdict(code)))
"""
# Bits, rows of x, outliers, dtype of x, GPU; and instructions of a lane for each weight, at most.
# With outliers they may be counted in the loop over those, so there is no ceiling.
CEILINGS = {
    (4, 1, False, "bfloat16", 90): 6.5,
    (4, 1, True, "float16", 90): None,
    (3, 1, False, "bfloat16", 90): 9.0,
    (2, 1, False, "bfloat16", 90): 6.2,
    (4, 16, False, "bfloat16", 90): 4.5,
    (4, 16, False, "float16", 90): 4.5,
    (4, 16, True, "bfloat16", 90): None,
    (3, 16, False, "bfloat16", 90): 5.0,
    (2, 16, False, "bfloat16", 90): 4.5,
    (4, 64, True, "float16", 90): None,
    (4, 1, False, "bfloat16", 80): 7.5,
    (4, 16, True, "bfloat16", 80): None,
    (3, 16, False, "float16", 80): 7.5,
    (3, 64, True, "bfloat16", 89): None,
    (4, 64, True, "bfloat16", 89): None,
}
EVERY_CASE = pytest.mark.parametrize(
    "case", CEILINGS, ids=lambda case: "{}bits-M{}-{}-{}-sm{}".format(*case)
)


@pytest.fixture(scope="module")
def machine_codes() -> dict[tuple, dict]:
    run = subprocess.run(
        [sys.executable, "-c", COUNT, json.dumps(list(CEILINGS))],
        cwd=PROJECT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr
    return dict(zip(CEILINGS, map(json.loads, run.stdout.splitlines()), strict=True))


@EVERY_CASE
def test_kernel_compiles_and_fits_its_registers(case, machine_codes) -> None:
    code = machine_codes[case]
    assert (code["bits"], code["rows_of_x"], code["outliers"]) == case[:3]
    assert code["method"] == ("gemv" if case[1] == 1 else "dot")
    assert 0 < code["registers"] <= 255
    assert code["stack"] <= 64


@EVERY_CASE
def test_kernel_fits_the_shared_memory_of_small_gpus(case, machine_codes) -> None:
    assert machine_codes[case]["shared"] <= 99 << 10


@EVERY_CASE
def test_weights_are_loaded_sixteen_bytes_at_a_time(case, machine_codes) -> None:
    assert machine_codes[case]["wide_loads"] > 0


@EVERY_CASE
def test_products_are_made_by_the_units_that_are_meant(case, machine_codes) -> None:
    counts = machine_codes[case]["counts"]
    meant = "FFMA" if case[1] == 1 else "HGMMA" if case[4] == 90 else "HMMA"
    # The loop over the outliers is too small for the larger tensor cores.
    assert any(name in counts for name in (meant, "HMMA" if case[2] else meant))


@pytest.mark.parametrize(
    ("case", "ceiling"),
    [(case, ceiling) for case, ceiling in CEILINGS.items() if ceiling],
    ids=lambda value: "{}bits-M{}-{}-{}-sm{}".format(*value) if isinstance(value, tuple) else "",
)
def test_weight_takes_few_instructions(case, ceiling, machine_codes) -> None:
    assert 1 < machine_codes[case]["per_weight"] < ceiling


def test_command_says_what_it_takes() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "kernels.compiled", "--help"],
        cwd=PROJECT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert run.returncode == 0, run.stderr
    assert "--capability" in run.stdout
