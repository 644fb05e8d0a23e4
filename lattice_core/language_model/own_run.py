"""A model that a visitor has quantized, in the records of the study: to stand beside its runs."""

import math
import shutil
from pathlib import Path

from lattice_core.language_model.checkpoint import RECIPE, Checkpoint
from lattice_core.language_model.evaluate import Evaluation
from lattice_core.language_model.study_record import LayerRun, StudyRun

OWN = "own"  # the stage of such a run


def own_run(
    key: str,
    contender: str,
    target_bits: float,
    checkpoint: Checkpoint,
    evaluation: Evaluation,
    *,
    quantize_seconds: float,
    evaluate_seconds: float,
) -> StudyRun:
    """A finished checkpoint and its evaluation as a run; its loss on held-out text is not known (NaN).

    Parameters
    ----------
    key : str
    contender : str
        The nearest key of `CONTENDERS`; the recipe's options may differ from its.
    target_bits : float
        Asked for, scales included.
    checkpoint : Checkpoint
    evaluation : Evaluation
        Against the reference.
    quantize_seconds, evaluate_seconds : float
    """
    report, recipe = checkpoint.report, checkpoint.recipe
    if evaluation.divergence is None or evaluation.agreement is None:
        raise ValueError("the evaluation has no reference; evaluate with reference=….")
    return StudyRun(
        key=key,
        stage=OWN,
        contender=contender,
        target_bits=target_bits,
        order=recipe.order,
        overflow=recipe.settings.overflow,
        inputs=recipe.inputs,
        targets=recipe.targets,
        seed=None,
        bits_per_weight=report.bits_per_weight,
        file_bits_per_weight=8 * checkpoint.stored_bytes / report.weight_count,
        perplexity=evaluation.perplexity,
        divergence=evaluation.divergence,
        agreement=evaluation.agreement,
        relative_loss=report.relative_loss,
        relative_bound=report.relative_bound,
        held_out_loss=math.nan,
        distance=math.nan if report.distance is None else report.distance,
        clipped_fraction=report.clipped_fraction,
        outlier_rate=report.outlier_rate,
        quantize_seconds=quantize_seconds,
        evaluate_seconds=evaluate_seconds,
    )


def own_layers(key: str, checkpoint: Checkpoint) -> tuple[LayerRun, ...]:
    """The layers of a finished checkpoint; their losses on held-out text are not known (NaN)."""
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
            held_out_loss=math.nan,
        )
        for layer in checkpoint.report.layers
    )


def keep_newest(folder: Path, count: int, using: Path) -> list[Path]:
    """Of the checkpoints in a folder, those beyond the newest ones are removed; their paths.

    Parameters
    ----------
    folder : Path
        What is no checkpoint in it is left alone.
    count : int
    using : Path
        A checkpoint that stays, and is not counted.
    """
    begun = [file for file in folder.glob(f"*/{RECIPE}") if file.parent != using]
    begun.sort(key=lambda file: file.stat().st_mtime)
    old = [file.parent for file in begun[: max(0, len(begun) - count)]]
    for path in old:
        shutil.rmtree(path)
    return old
