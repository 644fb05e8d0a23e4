"""A small language model: loading, calibration, quantization and evaluation.

Map
---
`model_file` where the packaged model lies (no torch) · `load` · `text` what to run through it ·
`calibrate` the Hessians of its layers · `slices` the numbers that the lessons ship.

The names below are imported when first asked for, so that `model_file` works without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lattice_core.language_model.calibrate import (
        CalibrationCancelled,
        collect_hessians,
        linear_layers,
    )
    from lattice_core.language_model.load import LoadedModel, load_model
    from lattice_core.language_model.text import (
        Text,
        decode_text,
        draw_windows,
        embedded_text,
        read_text,
        tokenize,
    )

__all__ = [
    "CalibrationCancelled",
    "LoadedModel",
    "Text",
    "collect_hessians",
    "decode_text",
    "draw_windows",
    "embedded_text",
    "linear_layers",
    "load_model",
    "read_text",
    "tokenize",
]

_HOMES = {
    "calibrate": ("CalibrationCancelled", "collect_hessians", "linear_layers"),
    "load": ("LoadedModel", "load_model"),
    "text": ("Text", "decode_text", "draw_windows", "embedded_text", "read_text", "tokenize"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
