"""The work behind *Audit*, in the background. Nothing here calls streamlit's elements."""

import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from app import cached
from app.audit.choice import BLOCK, GROUP_SIZE, LINEAR, TOKENS, Example
from app.background_job import Job
from app.real_layers.work import BlockData, Calibration, block_job, block_key, start_block

if TYPE_CHECKING:
    from lattice_core.laws import LawCheck
    from lattice_core.layers.audit_file import AuditFile
    from lattice_core.layers.audit_results import LayerAudit
    from lattice_core.layers.implied_grid import ImpliedGrid

MOST_COLUMNS = 8192  # five factors of so many take 3 GB
SECONDS = 86 / 4096**3  # for each row × column × column, on two cores
LONG_SECONDS = 5.0


@dataclass(frozen=True)
class OwnFile:
    """A visitor's file.

    Attributes
    ----------
    name : str
    content : bytes
        Told apart by its hash.
    sha256 : str
    """

    name: str
    content: bytes = field(compare=False, repr=False)
    sha256: str

    @classmethod
    def of(cls, name: str, content: bytes) -> "OwnFile":
        return cls(name, content, hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class GridFacts:
    """What is kept of a grid, which has 32 bytes a weight.

    Attributes
    ----------
    low, high : int
        The least and greatest code that occurs.
    is_symmetric, has_offsets : bool
        As in `ImpliedGrid`.
    scale_count : int
    """

    low: int
    high: int
    is_symmetric: bool
    has_offsets: bool
    scale_count: int

    @classmethod
    def of(cls, grid: "ImpliedGrid") -> "GridFacts":
        low, high = grid.codes.aminmax()
        return cls(int(low), int(high), grid.is_symmetric, grid.has_offsets, int(grid.scale_count))


@dataclass(frozen=True, eq=False)
class Found:
    """An audit, and what belongs to it.

    Attributes
    ----------
    name, sha256 : str
        Of the file; for an example, its title and nothing.
    audit : LayerAudit
        Without its grid.
    grid : GridFacts
    laws : tuple of LawCheck
    clipped_share : float or None
        Of the loss, what clipped codes add; ``None`` without an order.
    asked_damping : float
    seconds : float
    layer : AuditFile or None
        Of an example, to be taken away.
    """

    name: str
    sha256: str
    audit: "LayerAudit"
    grid: GridFacts
    laws: "tuple[LawCheck, ...]"
    clipped_share: float | None
    asked_damping: float
    seconds: float
    layer: "AuditFile | None" = None


@dataclass(frozen=True)
class Stage:
    """One of the jobs that a result needs, in turn."""

    key: tuple[object, ...]
    start: Callable[[], Job]

    @property
    def job(self) -> Job | None:
        """If anyone has started it."""
        return cached.background_jobs().get(self.key)


def stages_of_example(example: Example, damping: float) -> list[Stage]:
    """Inputs of each text that it needs, shared with *Real layers*; then the audit."""
    calibrations = [calibration(text) for text in example.texts]
    audit_key = ("audit", example, damping)
    return [
        *(
            Stage(block_key(BLOCK, each), partial(start_block, BLOCK, each))
            for each in calibrations
        ),
        Stage(audit_key, lambda: _start_example(audit_key, example, damping)),
    ]


def stages_of_file(own: OwnFile, damping: float) -> list[Stage]:
    """The audit alone."""
    key = ("audit", own.name, own.sha256, damping)
    jobs = cached.background_jobs()
    return [Stage(key, lambda: jobs.start(key, audit_of_file(own, damping)))]


def has_failed(own: OwnFile, damping: float) -> bool:
    """Whether this file cannot be audited."""
    job = stages_of_file(own, damping)[0].job
    return job is not None and job.state == "failed"


def calibration(text: str) -> Calibration:
    """The tokens of a part of the embedded documentation."""
    from lattice_core.language_model import embedded_text

    return Calibration(embedded_text(text), TOKENS)  # type: ignore[arg-type]


def audit_of_file(own: OwnFile, damping: float) -> Callable[[Job], Found | None]:
    """Work that reads a file and audits what it holds."""

    def work(job: Job) -> Found | None:
        from lattice_core.layers.audit_file import read_audit_file

        job.report(f"Reading {own.name}.")
        layer = read_audit_file(own.content, own.name)
        return None if job.cancelled else _audited(job, layer, damping, own.name, own.sha256)

    return work


def audit_of_example(
    example: Example, damping: float, blocks: dict[str, BlockData]
) -> Callable[[Job], Found | None]:
    """Work that quantizes the packaged model's layer and audits it; blocks by text."""

    def work(job: Job) -> Found | None:
        from lattice_core.layers import quantize_layer
        from lattice_core.layers.audit_file import AuditFile

        job.report("Quantizing the example.")
        weight = blocks["calibration"].weights[LINEAR]
        made = quantize_layer(
            weight,
            blocks["calibration"].hessians[LINEAR],
            example.method,
            example.bits,
            GROUP_SIZE,
            example.order,
            overflow=example.overflow,  # type: ignore[arg-type]
        )
        hessian = blocks[example.judged_on].hessians[LINEAR]
        layer = AuditFile(weight, made.dequantize().float(), hessian)
        found = _audited(job, layer, damping, example.title, "")
        return replace(found, layer=layer)

    return work


def npz(layer: "AuditFile") -> bytes:
    """W, Q and H as a file that this page reads."""
    import numpy as np

    content = io.BytesIO()
    np.savez(
        content,
        W=layer.weight.float().cpu().numpy(),
        Q=layer.quantized.cpu().numpy(),
        H=layer.hessian.cpu().numpy(),
    )
    return content.getvalue()


def _start_example(key: tuple[object, ...], example: Example, damping: float) -> Job:
    gathered = {text: block_job(BLOCK, calibration(text)) for text in example.texts}
    blocks = {text: job.result for text, job in gathered.items() if job is not None}
    return cached.background_jobs().start(key, audit_of_example(example, damping, blocks))


def _audited(job: Job, layer: "AuditFile", damping: float, name: str, sha256: str) -> Found:
    from lattice_core.layers.audit import audit_layer
    from lattice_core.layers.audit_laws import audit_laws, audited_rows

    job.report(_announcement(layer))
    began = time.monotonic()
    audit = audit_layer(
        layer.weight,
        layer.quantized,
        layer.hessian,
        damping=damping,
        scales=layer.scales,
        codes=layer.codes,
    )
    assert audit.grid is not None
    rows = audited_rows(layer.weight, layer.quantized, layer.hessian, audit)
    return Found(
        name=name,
        sha256=sha256,
        audit=replace(audit, grid=None),
        grid=GridFacts.of(audit.grid),
        laws=tuple(audit_laws(rows)),
        clipped_share=rows.clipped_share_of_loss,
        asked_damping=damping,
        seconds=time.monotonic() - began,
    )


def _announcement(layer: "AuditFile") -> str:
    """What is about to be done; a ``ValueError`` for what would take too much memory."""
    if layer.weight.ndim != 2:  # the audit says so
        return "Auditing."
    rows, columns = layer.weight.shape
    if columns > MOST_COLUMNS:
        raise ValueError(
            f"W has {columns:,} columns; this page takes at most {MOST_COLUMNS:,}. On a machine with "
            "enough memory, the command line takes more: nearest-plane audit layer.npz"
        )
    seconds = SECONDS * (rows + columns) / 2 * columns**2
    about = "" if seconds < LONG_SECONDS else f" That takes about {seconds:.0f} s."
    return f"Auditing {rows:,} × {columns:,} weights.{about}"
