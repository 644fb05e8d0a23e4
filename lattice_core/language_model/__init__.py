"""A small language model: loading, calibration, quantization and evaluation.

Map
---
`model_file` where the packaged model lies (no torch) · `load` · `text` what to run through it ·
`calibrate` the Hessians of its layers · `quantize` all of them in one pass, `quantization_report` in
numbers · `order_survey` compares the orders on all of them, `survey_record` keeps what it finds ·
`slices` and `row_shares` the numbers that the lessons ship.

The names below are imported when first asked for, so that `model_file` works without torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lattice_core.language_model.calibrate import (
        Cancelled,
        collect_hessians,
        linear_layers,
    )
    from lattice_core.language_model.load import LoadedModel, load_model
    from lattice_core.language_model.order_survey import survey_orders, survey_reductions
    from lattice_core.language_model.quantization_report import LayerReport, ModelReport
    from lattice_core.language_model.quantize import quantize_layers, quantize_model
    from lattice_core.language_model.survey_record import (
        InputReduction,
        OrderSurvey,
        recorded_survey,
    )
    from lattice_core.language_model.text import (
        Text,
        decode_text,
        draw_windows,
        embedded_text,
        read_text,
        tokenize,
    )

__all__ = [
    "Cancelled",
    "InputReduction",
    "LayerReport",
    "LoadedModel",
    "ModelReport",
    "OrderSurvey",
    "Text",
    "collect_hessians",
    "decode_text",
    "draw_windows",
    "embedded_text",
    "linear_layers",
    "load_model",
    "quantize_layers",
    "quantize_model",
    "read_text",
    "recorded_survey",
    "survey_orders",
    "survey_reductions",
    "tokenize",
]

_HOMES = {
    "calibrate": ("Cancelled", "collect_hessians", "linear_layers"),
    "load": ("LoadedModel", "load_model"),
    "order_survey": ("survey_orders", "survey_reductions"),
    "quantization_report": ("LayerReport", "ModelReport"),
    "quantize": ("quantize_layers", "quantize_model"),
    "survey_record": ("InputReduction", "OrderSurvey", "recorded_survey"),
    "text": ("Text", "decode_text", "draw_windows", "embedded_text", "read_text", "tokenize"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
