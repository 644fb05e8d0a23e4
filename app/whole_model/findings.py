"""What the recorded study says, in sentences and a small table. Measurements, every one."""

from collections.abc import Sequence

from app.figures.numbers import short
from app.figures.study_marks import NAMES
from app.order_names import ORDER_NAMES
from app.whole_model.measures import NBSP, inputs_of
from lattice_core.language_model.study_laws import at_size
from lattice_core.language_model.study_record import Study, StudyRun

SIZE = 3.25
TOLD_APART = ("gptq_huffman", "hrtn", "hptq")
ON_PURPOSE = (
    " Such weights make up for the blocks before them. So they leave the original's on purpose, and the held-out "
    "loss, which is the distance from those, does not judge them."
)


def findings(study: Study, compare: str) -> list[str]:
    """Sentences about one part of the study."""
    return {"methods": _methods, "orders": _orders, "inputs": _inputs}[compare](study)


def divergence(run: StudyRun) -> float:
    """What the sentences compare."""
    return run.divergence


def damages_at(study: Study, bits: float, contenders: Sequence[str]) -> dict[str, float]:
    """KL divergence at one stored size, read off each contender's line; those that have it."""
    found = {
        key: at_size([r for r in study.stage("A") if r.contender == key], bits, divergence)
        for key in contenders
    }
    return {key: value for key, value in found.items() if value is not None}


def told_apart(study: Study) -> str:
    """A table: grid with Huffman, rounding without a grid, nearest plane without a grid."""
    runs = {r.contender: r for r in study.stage("A") if r.target_bits == SIZE}
    read_off = damages_at(study, SIZE, TOLD_APART)
    rows = [
        f"| {NAMES[key]} | {_makes_up(key)} | {_grid(key)} | {runs[key].bits_per_weight:.3f} | "
        f"{short(runs[key].perplexity)} | {short(runs[key].divergence)} | "
        f"{short(read_off[key]) if key in read_off else 'not known'} |"
        for key in TOLD_APART
        if key in runs
    ]
    head = f"| | makes up for errors | grid | bits stored | perplexity | KL | KL at {SIZE:g}{NBSP}bits |"
    return "\n".join([head, "|---|---|---|--:|--:|--:|--:|", *rows])


def what_counts(study: Study) -> list[str]:
    """Which of HPTQ's two ideas does what, at one stored size."""
    found = damages_at(study, SIZE, TOLD_APART)
    if "hptq" not in found:
        return []
    said = []
    if "hrtn" in found:
        said.append(
            f"From HRTN to HPTQ only the rounding changes, to nearest plane: KL times "
            f"**{found['hptq'] / found['hrtn']:.2f}**."
        )
    if "gptq_huffman" in found:
        said.append(
            f"From GPTQ + Huffman to HPTQ the grid goes, and with it the clipping and the scales of groups: "
            f"KL times **{found['hptq'] / found['gptq_huffman']:.2f}**."
        )
    return said


def _methods(study: Study) -> list[str]:
    runs = [run for run in study.stage("A") if run.target_bits == SIZE]
    if len(runs) < 2:
        return []
    best, worst = min(runs, key=divergence), max(runs, key=divergence)
    said = [
        f"The original has perplexity **{short(study.reference_perplexity)}** on this text.",
        f"Asked for {SIZE:g} bits a weight, **{NAMES[best.contender]}** comes closest to it: perplexity "
        f"**{short(best.perplexity)}**, KL {short(best.divergence)}, and in {100 * best.agreement:.1f}{NBSP}% of the "
        f"places the same likeliest token. {NAMES[worst.contender]} is farthest: {short(worst.perplexity)} and "
        f"KL {short(worst.divergence)}.",
    ]
    by_name = {run.contender: run for run in runs}
    if {"hptq", "watersic"} <= by_name.keys():
        ratio = by_name["watersic"].divergence / by_name["hptq"].divergence
        said.append(f"Spacing the columns takes KL to **{ratio:.2f}** of HPTQ's at that size.")
    return said


def of_orders(study: Study) -> list[StudyRun]:
    """The runs that compare orders; the first part of the study has one of them too."""
    runs = list(study.stage("B"))
    there = {(run.order, run.overflow) for run in runs}
    runs += [
        run
        for run in study.stage("A")
        if run.contender == "gptq_huffman"
        and run.target_bits == SIZE
        and (run.order, run.overflow) not in there
    ]
    return runs


def _orders(study: Study) -> list[str]:
    said = []
    compared = of_orders(study)
    for overflow, told in (("clip", "Codes clipped"), ("keep", "Codes kept")):
        runs = [run for run in compared if run.overflow == overflow]
        if len(runs) > 1:
            best, worst = min(runs, key=divergence), max(runs, key=divergence)
            said.append(
                f"{told}: **{ORDER_NAMES[best.order].name}** has the least KL, {short(best.divergence)}, and "
                f"{ORDER_NAMES[worst.order].name} the most, {short(worst.divergence)}: "
                f"{worst.divergence / best.divergence:.2f} times as much."
            )
    pairs = _pairs(compared)
    if pairs:
        ratios = [kept.divergence / clipped.divergence for clipped, kept in pairs]
        more = [kept.bits_per_weight - clipped.bits_per_weight for clipped, kept in pairs]
        said.append(
            f"Keeping the codes takes KL to {_span(ratios)} of what clipping has, for {_span(more, '.3f')} bits "
            "a weight more."
        )
    return said


def _pairs(runs: Sequence[StudyRun]) -> list[tuple[StudyRun, StudyRun]]:
    kept = {run.order: run for run in runs if run.overflow == "keep"}
    return [(r, kept[r.order]) for r in runs if r.overflow == "clip" and r.order in kept]


def _inputs(study: Study) -> list[str]:
    base = {(r.contender, r.target_bits): r for r in study.stage("A")}
    stage = [run for run in study.stage("C") if (run.contender, run.target_bits) in base]
    said = []
    for targets in ("own", "unquantized"):
        runs = [run for run in stage if run.inputs == "sequential" and run.targets == targets]
        if runs:
            ratios = [r.divergence / base[r.contender, r.target_bits].divergence for r in runs]
            models = f"{len(runs)} models" if len(runs) > 1 else "one model"
            said.append(
                f"Inputs {inputs_of(runs[0])}: KL is {_span(ratios)} times that of one-shot inputs, over "
                f"{models}.{ON_PURPOSE if targets == 'unquantized' else ''}"
            )
    spreads = []
    for key in base:
        drawn = [r.divergence for r in stage if r.seed and (r.contender, r.target_bits) == key]
        if len(drawn) > 1:
            spreads.append(max(drawn) / min(drawn))
    if spreads:
        said.append(
            f"Three draws of the calibration text: the largest KL is {_span(spreads)} times the smallest. "
            "Smaller differences may be chance."
        )
    return said


def _span(values: Sequence[float], form: str = ".2f") -> str:
    least, most = (format(value, form).replace("-", "−") for value in (min(values), max(values)))
    return f"**{least}**" if least == most else f"**{least} … {most}**"


def _makes_up(key: str) -> str:
    return "no" if key == "hrtn" else "yes: nearest plane"


def _grid(key: str) -> str:
    return "clipped, a scale for 64 weights" if key == "gptq_huffman" else "none, one scale a layer"
