"""What the recorded studies of layers have in common: where their numbers come from, and their command."""

import argparse
import json
import platform
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import torch

from lattice_core.language_model.model_file import MODEL_FILE_SHA256, MODEL_NAME
from lattice_core.language_model.text import Text


def provenance(
    name: str, began: float, text: Text, held_out: Text | None = None
) -> dict[str, object]:
    """The part of a study's file that says what was measured on, when, how long it took, and with what.

    Parameters
    ----------
    name : str
        Of the study's module.
    began : float
        What ``time.perf_counter()`` said when it began.
    text, held_out : Text
        What the layers were calibrated on, and judged on if that was another.
    """
    judged = (
        {}
        if held_out is None
        else {
            "held_out_text": held_out.source,
            "held_out_text_sha256": held_out.sha256,
        }
    )
    return {
        "model": MODEL_NAME,
        "model_sha256": MODEL_FILE_SHA256,
        "text": text.source,
        "text_sha256": text.sha256,
        **judged,
        "date": date.today().isoformat(),
        "seconds": round(time.perf_counter() - began),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": version("transformers"),
        },
        "command": f"python -m lattice_core.language_model.{name} --record",
    }


def short(value: float) -> float:
    """Five digits: what is left of a number in a file that ships."""
    return float(f"{value:.5g}")


def print_or_record(study: Callable[[], dict[str, object]], file: Path, about: str | None) -> None:
    """The command of a study: print what it finds, or write the file.

    Parameters
    ----------
    study : callable
        Runs it, and returns all that the file holds.
    file : Path
        Beside the package's other records.
    about : str
        For ``--help``.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--record", action="store_true", help=f"write {file.name}")
    asked = parser.parse_args()
    found = json.dumps(study())
    if asked.record:
        file.write_text(found + "\n", encoding="utf-8")
        print(f"wrote {file.name}")
    else:
        print(found)
