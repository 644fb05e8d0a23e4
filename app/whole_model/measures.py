"""What can be said of a whole model in one number, and of all its numbers in a few lines."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from app.figures.numbers import short
from app.figures.study_marks import NAMES
from app.order_names import ORDER_NAMES
from lattice_core.language_model.study_record import StudyRun

NBSP = "\u00a0"
INPUTS = {
    ("one_shot", "own"): "one-shot",
    ("sequential", "own"): "sequential",
    ("sequential", "unquantized"): "sequential, targets of the original",
}


@dataclass(frozen=True)
class Measure:
    """A number of a model, the smaller the better.

    Attributes
    ----------
    title : str
        Of an axis.
    value : callable
    percent : bool
        Whether it is a share.
    note : str
        How to read it.
    """

    title: str
    value: Callable[[StudyRun], float]
    percent: bool
    note: str


MEASURES = {
    "perplexity": Measure(
        "perplexity",
        lambda run: run.perplexity,
        False,
        "As unsure as choosing among so many equally likely tokens.",
    ),
    "divergence": Measure(
        "KL divergence, nats a token",
        lambda run: run.divergence,
        False,
        "How far the predictions are from the original's; 0 is the same.",
    ),
    "disagreement": Measure(
        "1 − agreement",
        lambda run: 1 - run.agreement,
        True,
        "How often another token is thought the likeliest.",
    ),
    "held_out": Measure(
        "held-out loss, sum of shares",
        lambda run: run.held_out_loss,
        False,
        "The layers' losses on text that nothing was made from, each over its layer's output, summed. Targets of "
        "the original make weights leave it on purpose, and then this says little.",
    ),
}
PREDICTOR_TITLES = {
    "bound": "relative bound, sum of shares",
    "loss": "loss, sum of shares",
    "held_out": "held-out loss, sum of shares",
}


def inputs_of(run: StudyRun) -> str:
    """In words."""
    return INPUTS[run.inputs, run.targets]


def run_title(run: StudyRun, name: str = "") -> str:
    """``HPTQ, 3.25 bits``, and what is not as in most runs."""
    said = [name or NAMES[run.contender], f"{run.target_bits:g}{NBSP}bits"]
    if run.order != "act_order" or run.stage == "B":
        said.append(ORDER_NAMES[run.order].name)
    if run.overflow == "keep":
        said.append("codes kept")
    if run.inputs != "one_shot":
        said.append(inputs_of(run))
    if run.seed is not None:
        said.append(f"calibration drawn with seed {run.seed}")
    return ", ".join(said)


def hover(run: StudyRun, name: str = "") -> str:
    """All numbers, in plotly's HTML."""
    clipped = f"{run.clipped_fraction:.2%} of the codes clipped"
    bound = f"bound {short(run.relative_bound)}"
    lines = [
        f"<b>{run_title(run, name)}</b>",
        f"stored {run.bits_per_weight:.3f} bits a weight, with headers {run.file_bits_per_weight:.3f}",
        f"perplexity {short(run.perplexity)}",
        f"KL {short(run.divergence)}, same likeliest token {run.agreement:.1%}",
        f"loss {short(run.relative_loss)}, "
        + (f"<s>{bound}</s> void: {clipped}" if run.clipped_fraction else bound),
    ]
    if math.isfinite(run.held_out_loss):
        lines.append(f"held-out loss {short(run.held_out_loss)}")
    if math.isfinite(run.distance):
        lines.append(f"{short(run.distance)} bits above the Gaussian reference")
    if run.outlier_rate:
        lines.append(f"{run.outlier_rate:.2%} of the weights kept aside")
    if math.isfinite(run.quantize_seconds):
        lines.append(f"quantized in {run.quantize_seconds:,.0f} s")
    return "<br>".join(lines)
