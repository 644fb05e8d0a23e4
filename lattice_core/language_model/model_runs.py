"""A quantized and evaluated model in the records of the study, whoever made it."""

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from lattice_core.language_model.study_record import LayerRun, StudyRun

if TYPE_CHECKING:
    from lattice_core.language_model.checkpoint import Checkpoint
    from lattice_core.language_model.evaluate import Evaluation
    from lattice_core.language_model.quantization_report import LayerReport

OWN = "own"  # the stage of a run outside the study


def model_run(
    key: str,
    contender: str,
    target_bits: float,
    checkpoint: "Checkpoint",
    evaluation: "Evaluation",
    *,
    stage: str = OWN,
    seed: int | None = None,
    held_out_loss: float = math.nan,
    quantize_seconds: float,
    evaluate_seconds: float,
) -> StudyRun:
    """A finished checkpoint and its evaluation as a run.

    Parameters
    ----------
    key : str
    contender : str
        The nearest key of `CONTENDERS`; outside the study the recipe's options may differ from its.
    target_bits : float
        Asked for, scales included.
    checkpoint : Checkpoint
    evaluation : Evaluation
        Against the reference.
    stage : str
    seed : int or None
        Of the calibration.
    held_out_loss : float
        NaN where it is not known.
    quantize_seconds, evaluate_seconds : float

    Raises
    ------
    ValueError
        If the evaluation has no reference.
    """
    report, recipe = checkpoint.report, checkpoint.recipe
    if evaluation.divergence is None or evaluation.agreement is None:
        raise ValueError("the evaluation has no reference; evaluate with reference=….")
    return StudyRun(
        key=key,
        stage=stage,
        contender=contender,
        target_bits=target_bits,
        order=recipe.order,
        overflow=recipe.settings.overflow,
        inputs=recipe.inputs,
        targets=recipe.targets,
        seed=seed,
        bits_per_weight=report.bits_per_weight,
        file_bits_per_weight=8 * checkpoint.stored_bytes / report.weight_count,
        perplexity=evaluation.perplexity,
        divergence=evaluation.divergence,
        agreement=evaluation.agreement,
        relative_loss=report.relative_loss,
        relative_bound=report.relative_bound,
        held_out_loss=held_out_loss,
        distance=math.nan if report.distance is None else report.distance,
        clipped_fraction=report.clipped_fraction,
        outlier_rate=report.outlier_rate,
        quantize_seconds=quantize_seconds,
        evaluate_seconds=evaluate_seconds,
    )


def layer_runs(
    key: str, layers: "Iterable[LayerReport]", held_out: Mapping[str, float] | None = None
) -> tuple[LayerRun, ...]:
    """The layers of a quantized model as records.

    Parameters
    ----------
    key : str
        Of the run.
    layers : iterable of LayerReport
    held_out : mapping, optional
        Each layer's loss on other text; NaN without it.
    """
    return tuple(
        LayerRun(
            key=key,
            layer=layer.name,
            block=next((int(part) for part in layer.name.split(".") if part.isdigit()), 0),
            linear=layer.name.rpartition(".")[2],
            bits_per_weight=layer.bits_per_weight,
            relative_loss=layer.relative_loss,
            loss_over_bound=layer.loss_over_bound,
            clipped_fraction=layer.clipped_fraction,
            outlier_rate=layer.outlier_rate,
            distance=math.nan if layer.distance is None else layer.distance,
            held_out_loss=math.nan if held_out is None else held_out[layer.name],
        )
        for layer in layers
    )
