"""The one number to remember of the laboratory's pages, from the records that ship with the app."""

from statistics import median
from typing import TYPE_CHECKING

from app import cached, lesson
from app.figures.bound_bars import percent
from app.figures.numbers import short
from app.figures.study_marks import NAMES
from app.shared_problem import plain
from app.whole_model.study_on_show import SIZE, recorded_study

if TYPE_CHECKING:
    from kernels.benchmark.decoding import Decoding


def real_layers() -> None:
    """How much smaller min-pivot's sum of pivots is."""
    survey = cached.recorded_survey()
    ratio = median(
        layer.result("min_pivot", "keep").pivot_sum
        / layer.result("back_to_front", "keep").pivot_sum
        for layer in survey.layers
    )
    lesson.takeaway(
        percent(ratio),
        "Min-pivot's $\\mathrm{tr}(D) = \\sum_j D_j$ as a share of back to front's: the median of "
        f"{len(survey.layers)} layers. "
        "The order costs nothing once the codes are stored in their places.",
        command=survey.command,
        date=survey.date,
        doubt="One small model, one text. Act-order, which only sorts the diagonal, comes within a percent on most "
        "layers. And where codes are clipped, the smaller bound says nothing: then look at the losses.",
    )


def audit() -> None:
    """What GPTQ's default order gives away."""
    survey = cached.recorded_survey()
    ratio = median(
        layer.result("front_to_back", "clip").loss / layer.best("clip").loss
        for layer in survey.layers
    )
    lesson.takeaway(
        f"{ratio:.2f} times",
        f"GPTQ's default order, front to back, has this many times the loss of the best of four orders: the median "
        f"of {len(survey.layers)} layers, at {survey.bits} bits. An audit finds such an order in the codes.",
        command=survey.command,
        date=survey.date,
        doubt="An audit is as good as its $H$: on other text than the layer was made with, no order may explain "
        "the codes. It judges one layer by its own outputs, not what the whole model then says.",
    )


def whole_model() -> None:
    """What the best method loses at one size; nothing if no study is recorded."""
    study = recorded_study()
    runs = [run for run in study.stage("A") if run.target_bits == SIZE] if study else []
    if study is None or not runs:
        return
    best = min(runs, key=lambda run: run.perplexity)
    gptq = next((run for run in runs if run.contender == "gptq"), None)
    beside = f" GPTQ on a grid of that size has {short(gptq.perplexity)}." if gptq else ""
    lesson.takeaway(
        f"{best.perplexity / study.reference_perplexity:.2f} times",
        f"The least perplexity that any method here reaches at {SIZE:g} bits a weight is this many times the "
        f"original's: {short(best.perplexity)} ({NAMES[best.contender]}) instead of "
        f"{short(study.reference_perplexity)}.{beside}",
        command=plain(str(study.about.get("command", "?"))),
        date=plain(str(study.about.get("date", "?"))),
        doubt="A model of 135 million weights, itself once rounded to 4 bits, on one text in English. Other models "
        "lose other amounts, and there the methods may rank otherwise. Bits as stored are not speed.",
    )


def gpu_kernels() -> None:
    """How much faster a whole model generates; nothing if no run on a GPU is recorded."""
    runs = [run for run in cached.recorded_kernel_runs().values() if run.machine.kind == "cuda"]
    if not runs:
        return
    alone = [found for found in runs[0].decodings if found.batch == 1]
    largest = max(alone, key=lambda found: found.layer_bytes).model
    dense, packed = _dense_and_packed([found for found in alone if found.model == largest])
    lesson.takeaway(
        f"{packed.tokens_per_second / dense.tokens_per_second:.2f} times",
        f"as many tokens a second as in 16 bits: a model of {largest}, {packed.layers}, one text, "
        f"{plain(runs[0].machine.device)}. Its layers are {dense.layer_bytes / packed.layer_bytes:.1f} times smaller.",
        command=runs[0].command,
        date=runs[0].date[:10],
        doubt="Few bits help while reading the weights is what takes the time: one text, large layers. With many "
        "texts at once, small layers or a long context, 16 bits may be faster. Another GPU, another number.",
    )


def _dense_and_packed(found: "list[Decoding]") -> "tuple[Decoding, Decoding]":
    """Of one model: with most and with fewest bytes in its layers."""
    by_size = sorted(found, key=lambda each: each.layer_bytes)
    return by_size[-1], by_size[0]
