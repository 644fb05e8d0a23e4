"""What this machine has, found without importing anything heavy."""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec

from lattice_core.language_model.model_file import packaged_model_file


@dataclass(frozen=True)
class Ability:
    """Something that a page may need, and what to do where it is missing."""

    name: str
    present: bool
    detail: str


def abilities() -> list[Ability]:
    """What the laboratory pages would find here."""
    model = packaged_model_file()
    torch = find_spec("torch") is not None and find_spec("transformers") is not None
    gpu = shutil.which("nvidia-smi") is not None
    reduction = find_spec("fpylll") is not None
    return [
        Ability("Lessons", True, "they run on NumPy alone."),
        Ability(
            "Small language model",
            model is not None,
            "SmolLM2-135M-Instruct, 98 MB, on disk."
            if model
            else "not installed. Run `make app` again with a network; the lessons do without.",
        ),
        Ability(
            "PyTorch and transformers",
            torch,
            "for real layers."
            if torch
            else "not installed. `make app` installs them; the lessons do without.",
        ),
        Ability(
            "NVIDIA GPU",
            gpu,
            "a driver is installed."
            if gpu
            else "none found. Everything here also runs on the processor.",
        ),
        Ability(
            "fpylll",
            reduction,
            "lattice reduction (LLL, BKZ) and the oracle of the tests."
            if reduction
            else "not installed; it has no wheel for this machine or was left out.",
        ),
        Ability("Processor", True, f"{os.cpu_count()} cores."),
    ]
