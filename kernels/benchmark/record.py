"""A run as a record: everything measured, and on what, with which versions, when.

Recorded runs are JSON files in `kernels/results/`. They are shown as recorded, never as measured here.
"""

import json
import os
import platform
import re
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from kernels.benchmark.compare import Results
from kernels.benchmark.decoding import Decoding
from kernels.benchmark.entropy_decoding import EntropyDecoding
from kernels.benchmark.measure import Measurement, Skipped
from kernels.benchmark.timing import Timing

FORMAT = 1
RESULTS = Path(__file__).resolve().parents[1] / "results"
PACKAGES = ("torch", "triton", "gemlite", "marlin", "constriction", "numpy")


@dataclass(frozen=True)
class Machine:
    """What a run ran on.

    Attributes
    ----------
    device : str
        The GPU's or the processor's name.
    kind : {"cuda", "cpu"}
    cores : int
        Of the processor; multiprocessors of a GPU.
    memory : int
        Bytes, of the GPU or the machine.
    driver : str
        Of the GPU; empty without one.
    versions : dict
        Of Python and packages.
    """

    device: str
    kind: str
    cores: int
    memory: int
    driver: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Run:
    """Everything that one call of the benchmark measured.

    Attributes
    ----------
    date : str
        ISO 8601, UTC.
    command, commit : str
    seconds : float
        That it took.
    machine : Machine
    copy_bandwidth : float
        Bytes read and written a second.
    launch_microseconds : float
    measurements, skipped, decodings, entropy_decodings : tuples
    """

    date: str
    command: str
    commit: str
    seconds: float
    machine: Machine
    copy_bandwidth: float
    launch_microseconds: float
    measurements: tuple[Measurement, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    decodings: tuple[Decoding, ...] = ()
    entropy_decodings: tuple[EntropyDecoding, ...] = ()
    format: int = field(default=FORMAT)

    @property
    def results(self) -> Results:
        """The products, to compare."""
        return Results(self.measurements, self.copy_bandwidth, self.launch_microseconds)

    def to_json(self) -> str:
        """As text, one measurement a line."""
        parts = asdict(self)
        lists = {name: parts.pop(name) for name in list(parts) if isinstance(parts[name], tuple)}
        head = json.dumps(parts, indent=1)[:-2]
        bodies = [
            f' "{name}": [\n'
            + ",\n".join(f"  {json.dumps(entry)}" for entry in entries)
            + ("\n ]" if entries else " ]")
            for name, entries in lists.items()
        ]
        return head + ",\n" + ",\n".join(bodies) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> "Run":
        """From `to_json`; a ``ValueError`` for another format."""
        parts: dict[str, Any] = json.loads(text)
        if parts.get("format") != FORMAT:
            raise ValueError(
                f"a recorded run has format {parts.get('format')!r}; {FORMAT} was wanted. "
                "Record it again with this version."
            )
        parts["machine"] = Machine(**parts["machine"])
        parts["measurements"] = tuple(
            Measurement(**entry | {"microseconds": Timing(**entry["microseconds"])})
            for entry in parts["measurements"]
        )
        parts["skipped"] = tuple(Skipped(**entry) for entry in parts["skipped"])
        parts["decodings"] = tuple(Decoding(**entry) for entry in parts["decodings"])
        parts["entropy_decodings"] = tuple(
            EntropyDecoding(**entry) for entry in parts["entropy_decodings"]
        )
        return cls(**parts)


def recorded_runs(folder: Path = RESULTS) -> dict[str, Run]:
    """Recorded runs by file name, the newest first."""
    runs = {p.name: Run.from_json(p.read_text(encoding="utf-8")) for p in folder.glob("*.json")}
    return dict(sorted(runs.items(), key=lambda item: item[1].date, reverse=True))


def file_name(run: Run) -> str:
    """``2026-11-25-nvidia-h200.json``."""
    device = re.sub(r"[^a-z0-9]+", "-", run.machine.device.lower()).strip("-")
    return f"{run.date[:10]}-{device}.json"


def machine(device: torch.device) -> Machine:
    """What runs on this device run on."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        return Machine(
            properties.name,
            "cuda",
            properties.multi_processor_count,
            properties.total_memory,
            _answer_of("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"),
            versions,
        )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if os.name == "posix" else 0
    return Machine(_processor(), "cpu", os.cpu_count() or 1, memory, "", versions)


def commit() -> str:
    """Of the code that runs, marked where it was changed since; "unknown" outside a checkout."""
    here = str(Path(__file__).parent)
    found = _answer_of("git", "-C", here, "rev-parse", "--short=12", "HEAD")
    if not found:
        return "unknown"
    changed = _answer_of("git", "-C", here, "status", "--porcelain", "--", "..", ":!../results")
    return f"{found}, changed" if changed else found


def now() -> str:
    """The time, as runs record it."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _processor() -> str:
    """Its name, as well as the system tells it."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _answer_of(*command: str) -> str:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except OSError:
        return ""
    lines = run.stdout.strip().splitlines()
    return lines[0].strip() if run.returncode == 0 and lines else ""
