"""Launches that were tuned: kept by GPU and product, and taken for that product only."""

import json
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from kernels import tuning  # noqa: E402
from kernels.benchmark.cases import BATCHES, Case  # noqa: E402
from kernels.benchmark.shapes import SHAPES  # noqa: E402
from kernels.launch import default_launch, gemv_launch  # noqa: E402

CPU, GPU = torch.device("cpu"), torch.device("cuda")
CASE = Case(256, 64)


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
