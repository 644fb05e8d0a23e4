"""A small language model: loading, calibration, quantization and evaluation.

Map
---
Loading: `model_file` where the packaged model lies (no torch) · `load` · `text` what to run through it.

Quantizing: `seen_inputs` of its layers, `calibrate` their Hessians · `quantize` all of them in memory, in one pass,
`quantization_report` in numbers · `pipeline` block by block into a folder, to be gone on with: `recipe` what to
do, `blocks` and `block_hessians` one block at work, `quantized_for_storage` one layer, `hessian_folder` Hessians
on a disk, `checkpoint` the folder and `checkpoint_folders` many of them.

Judging: `evaluate` perplexity, divergence, text · `study` many models on one text: `study_plan` which,
`study_judge` how, `model_runs` and `study_record` what was found, `study_laws` what follows ·
`order_survey` compares the orders on all layers, `survey_record` keeps what it finds · `gptq_format` and
`checkpoint_audit` for what others have quantized · `slices`, `row_shares` and
`real_reduction` the numbers that the lessons ship, `damping_study`, `search_study` and `clipping_study` what they
record of real layers, with `study_file`.

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
    from lattice_core.language_model.checkpoint import Checkpoint, open_checkpoint
    from lattice_core.language_model.evaluate import (
        Evaluation,
        gather_reference,
        perplexity,
        write_text,
    )
    from lattice_core.language_model.load import LoadedModel, load_model
    from lattice_core.language_model.order_survey import survey_orders, survey_reductions
    from lattice_core.language_model.pipeline import quantize_to_folder
    from lattice_core.language_model.quantization_report import LayerReport, ModelReport
    from lattice_core.language_model.quantize import quantize_layers, quantize_model
    from lattice_core.language_model.recipe import Recipe
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
    "Checkpoint",
    "Evaluation",
    "InputReduction",
    "LayerReport",
    "LoadedModel",
    "ModelReport",
    "OrderSurvey",
    "Recipe",
    "Text",
    "collect_hessians",
    "decode_text",
    "draw_windows",
    "embedded_text",
    "gather_reference",
    "linear_layers",
    "load_model",
    "open_checkpoint",
    "perplexity",
    "quantize_layers",
    "quantize_model",
    "quantize_to_folder",
    "read_text",
    "recorded_survey",
    "survey_orders",
    "survey_reductions",
    "tokenize",
    "write_text",
]

_HOMES = {
    "calibrate": ("Cancelled", "collect_hessians", "linear_layers"),
    "checkpoint": ("Checkpoint", "open_checkpoint"),
    "evaluate": ("Evaluation", "gather_reference", "perplexity", "write_text"),
    "load": ("LoadedModel", "load_model"),
    "order_survey": ("survey_orders", "survey_reductions"),
    "pipeline": ("quantize_to_folder",),
    "quantization_report": ("LayerReport", "ModelReport"),
    "quantize": ("quantize_layers", "quantize_model"),
    "recipe": ("Recipe",),
    "survey_record": ("InputReduction", "OrderSurvey", "recorded_survey"),
    "text": ("Text", "decode_text", "draw_windows", "embedded_text", "read_text", "tokenize"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
