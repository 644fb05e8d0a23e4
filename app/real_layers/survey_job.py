"""The survey of all layers as background work: Hessians, then the orders, then LLL.

Nothing here calls streamlit's elements: it runs in threads of its own.
"""

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from app import cached
from app.background_job import LONG, Job
from app.real_layers.choice import BLOCKS, SHAPES, LayerChoice, layer_name
from app.real_layers.work import Calibration, gather

if TYPE_CHECKING:
    from torch import Tensor

    from lattice_core.language_model import OrderSurvey

ALL_LAYERS = [layer_name(block, linear) for block in range(BLOCKS) for linear in SHAPES]
GATHERING = "through the whole model"
COMPARING = "Comparing four orders on each layer, codes kept and clipped."
REDUCING = "Reducing each layer's inputs with LLL, to see what it adds to an order."


def survey_key(choice: LayerChoice, calibration: Calibration) -> tuple[object, ...]:
    """What the numbers depend on."""
    return ("survey", *calibration.key, *_how(choice).values())


def survey_job(choice: LayerChoice, calibration: Calibration) -> Job | None:
    """The survey with these settings, if anyone has started it."""
    return cached.background_jobs().get(survey_key(choice, calibration))


def start_survey(choice: LayerChoice, calibration: Calibration) -> Job:
    """Start it, join it, or go on with one that was cancelled or failed."""
    return cached.background_jobs().start(
        survey_key(choice, calibration), survey(choice, calibration), rank=LONG
    )


def survey(choice: LayerChoice, calibration: Calibration) -> "Callable[[Job], OrderSurvey | None]":
    """Work that fills the job's parts with layers and reductions; what is there is left out."""

    def work(job: Job) -> "OrderSurvey | None":
        hessians = cached.latest_hessians().get(calibration) or _gathered(job, calibration)
        if hessians is None:
            return None
        _fill(job, choice, hessians)
        return None if job.cancelled else survey_so_far(choice, calibration, job.parts)

    return work


def survey_so_far(
    choice: LayerChoice, calibration: Calibration, parts: Sequence[object]
) -> "OrderSurvey":
    """What a job has found, with its settings."""
    from lattice_core.language_model import InputReduction
    from lattice_core.language_model.order_survey import as_survey
    from lattice_core.layers.order_results import LayerOrders

    return as_survey(
        calibration.text,
        calibration.tokens,
        calibration.seed,
        _how(choice),
        [part for part in parts if isinstance(part, LayerOrders)],
        [part for part in parts if isinstance(part, InputReduction)],
        hessian_seconds=None,
        command=_command(choice, calibration),
    )


def _gathered(job: Job, calibration: Calibration) -> "dict[str, Tensor] | None":
    shelf = cached.latest_hessians()
    shelf.drop()
    hessians = gather(job, calibration, ALL_LAYERS, GATHERING)
    if hessians is not None:
        shelf.put(calibration, hessians)
    return hessians


def _fill(job: Job, choice: LayerChoice, hessians: "dict[str, Tensor]") -> None:
    from lattice_core.language_model import InputReduction, survey_orders, survey_reductions
    from lattice_core.language_model.order_survey import REDUCED_FROM, WIDEST
    from lattice_core.layers.order_results import LayerOrders

    compared = {part.layer for part in job.parts if isinstance(part, LayerOrders)}
    layers = survey_orders(
        cached.language_model(),
        hessians,
        **_how(choice),
        skip=compared,
        cancel=lambda: job.cancelled,
    )
    _drain(job, layers, COMPARING, len(hessians) - len(compared), [job.parts])
    known = cached.latest_hessians().reductions(choice.damping)
    job.parts.extend(reduction for reduction in known if reduction not in job.parts)
    reduced = {
        (part.layers[0], part.order) for part in job.parts if isinstance(part, InputReduction)
    }
    inputs = {id(hessian) for hessian in hessians.values() if len(hessian) <= WIDEST}
    reductions = survey_reductions(
        hessians, damping=choice.damping, skip=reduced, cancel=lambda: job.cancelled
    )
    left = len(inputs) * len(REDUCED_FROM) - len(reduced)
    _drain(job, reductions, REDUCING, left, [job.parts, known])


def _drain(
    job: Job, records: Iterable[Any], message: str, total: int, into: list[list[Any]]
) -> None:
    job.report(message, 0, total)
    for done, record in enumerate(records, start=1):
        for found in into:
            found.append(record)
        job.report(message, done, total)


def _how(choice: LayerChoice) -> dict[str, Any]:
    return {
        "bits": choice.bits,
        "group_size": choice.group,
        "scale_rule": choice.scales,
        "damping": choice.damping,
    }


def _command(choice: LayerChoice, calibration: Calibration) -> str:
    from lattice_core.language_model.order_survey import COMMAND

    asked = {
        "text": calibration.text.source if choice.text == "file" else choice.text,
        "tokens": str(calibration.tokens),
        "seed": None if calibration.seed is None else str(calibration.seed),
        "bits": str(choice.bits),
        "group": str(choice.group or "row"),
        "scales": choice.scales,
        "damping": f"{choice.damping:g}",
    }
    words = [word for name, value in asked.items() if value for word in (f"--{name}", value)]
    return shlex.join(["python", "-m", COMMAND, *words])
