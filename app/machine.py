"""What this machine has, found without importing anything heavy."""

import os
import shutil
from dataclasses import dataclass
from importlib.util import find_spec

from lattice_core.language_model.model_file import check_model_size, packaged_model_file

LIBRARIES = ("torch", "transformers", "gguf", "accelerate")
REMEDY = "What to do: stop the app, then run `make app` where there is a network."


@dataclass(frozen=True)
class Ability:
    """Something that a page may need, and what to do where it is missing."""

    name: str
    present: bool
    detail: str


def what_is_missing() -> str:
    """What real layers need and this machine lacks, and what to do, in words; empty if nothing."""
    return _missing_libraries() or _missing_model()


def torch_is_missing() -> str:
    """What products of packed weights need and this machine lacks, in words; empty if nothing."""
    return _missing_libraries(("torch",))


def coders_are_missing() -> str:
    """What quantizing and coding a layer needs and this machine lacks, in words; empty if nothing."""
    return _missing_libraries(("torch", "bitarray", "safetensors"))


def _missing_libraries(libraries: tuple[str, ...] = LIBRARIES) -> str:
    missing = [name for name in libraries if find_spec(name) is None]
    if not missing:
        return ""
    return f"These Python packages are not installed: {', '.join(missing)}. {REMEDY}"


def _missing_model() -> str:
    try:
        path = packaged_model_file()
        if path is None:
            return f"SmolLM2-135M-Instruct (98 MB) is not installed. {REMEDY}"
        check_model_size(path)
    except ValueError as error:
        return str(error)
    return ""


def abilities() -> list[Ability]:
    """What the laboratory pages would find here."""
    no_model = _missing_model()
    no_libraries = _missing_libraries()
    gpu = shutil.which("nvidia-smi") is not None
    # fpylll cannot be imported without cysignals, which it does not declare.
    reduction = find_spec("fpylll") is not None and find_spec("cysignals") is not None
    return [
        Ability("Lessons", True, "they run on NumPy alone."),
        Ability(
            "Small language model",
            not no_model,
            no_model or "SmolLM2-135M-Instruct, 98 MB, on disk.",
        ),
        Ability(
            "PyTorch and transformers",
            not no_libraries,
            no_libraries or "for real layers.",
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
