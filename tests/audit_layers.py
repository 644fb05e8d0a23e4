"""Quantized layers as files, and the page *Audit* with one of them, for tests."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from laboratory_app import open_laboratory, wait
from small_problems import random_hessian
from streamlit.testing.v1 import AppTest

from app.background_job import Job

torch = pytest.importorskip("torch")

from app.audit import work  # noqa: E402
from lattice_core.layers import quantize_layer  # noqa: E402
from lattice_core.layers.audit_file import AuditFile  # noqa: E402
from lattice_core.layers.audit_results import LayerAudit  # noqa: E402

open_page = partial(open_laboratory, "audit")


def layer(rng, rows: int = 30, columns: int = 63, **settings) -> AuditFile:
    """A quantized layer as a file holds it."""
    weight = torch.tensor(rng.standard_normal((rows, columns))).float()
    hessian = torch.tensor(random_hessian(rng, columns, 1e3))
    made = quantize_layer(weight, hessian, **settings)
    return AuditFile(weight, made.dequantize().float(), hessian)


def audited(content: bytes, name: str = "layer.npz", damping: float = 0.01) -> work.Found:
    """What the job finds in a file."""
    found = work.audit_of_file(work.OwnFile.of(name, content), damping)(Job())
    assert found is not None
    return found


def open_with_file(content: bytes, name: str = "layer.npz") -> AppTest:
    app = open_page()
    app.selectbox(key="audit_layer").set_value("file").run()
    return upload(app, content, name)


def upload(app: AppTest, content: bytes, name: str = "layer.npz") -> AppTest:
    file = (name, content, "application/octet-stream")
    app.file_uploader(key="audit_upload").set_value(file).run()
    return wait(app)


def figure(app: AppTest) -> dict:
    (chart,) = app.get("plotly_chart")
    return json.loads(chart.proto.spec)


def lines_of(snippet: str, folder: Path | None = None) -> list[str]:
    run = subprocess.run(
        [sys.executable, "-c", snippet], capture_output=True, text=True, check=True, cwd=folder
    )
    return run.stdout.splitlines()


def assert_printed(lines: list[str], audit: LayerAudit) -> None:
    """A snippet printed this audit."""
    first, *others = (line.split() for line in lines)
    assert first[:3] == [str(audit.bits), str(audit.group_size), audit.order]
    assert float(first[3]) == pytest.approx(audit.relative_loss, rel=1e-6)
    orders, tried = others[:5], others[5:]
    for line, each in zip(orders, audit.explanations, strict=True):
        assert line[0] == each.order
        assert [float(line[1]), float(line[5])] == pytest.approx([each.step_share, each.loss])
    for line, other in zip(tried, audit.alternatives, strict=True):
        assert line[0] == other.name
        assert float(line[1]) == pytest.approx(other.ratio)
