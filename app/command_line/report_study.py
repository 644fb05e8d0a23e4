"""A study as a page: sizes against damage, the bound as a predictor, layers, texts, and where it is from."""

from collections.abc import Callable, Sequence
from itertools import groupby

import plotly.graph_objects as go

from app.command_line.report_layers import layer_maps
from app.command_line.report_page import (
    Figures,
    Part,
    cards,
    facts,
    folded,
    page,
    paragraph,
    table,
)
from app.figures.bits_plot import bits_plot
from app.figures.predictor_plot import predictor_plot
from app.figures.study_axes import Point, Series
from app.figures.study_marks import COLORS, DASHES, NAMES, SYMBOLS
from app.order_names import ORDER_NAMES
from app.whole_model.measures import INPUTS, MEASURES, PREDICTOR_TITLES, hover, run_title
from lattice_core.language_model.study_laws import Prediction, prediction
from lattice_core.language_model.study_record import Study, StudyRun

STAGES = {
    "A": "Ways to quantize",
    "B": "Orders, clipped and kept",
    "C": "Other inputs, other calibration",
}
STRUCK = "void "
WIDEST = 20.0  # times the original's perplexity: the ceiling of the picture


def study_page(study: Study) -> str:
    """The page.

    Raises
    ------
    ValueError
        If the study has no run, or runs of a kind that is not known here.
    """
    _check(study)
    figures = Figures()
    about = study.about
    parts = [
        Part("damage", "Size against damage", _damage(study, figures)),
        Part("bound", "Does the bound foretell the damage?", _bound(study, figures)),
        Part("runs", "All models", _tables(study)),
    ]
    if study.layers:
        parts.append(Part("layers", "Layer by layer", _layers(study, figures)))
    if study.texts:
        parts.append(Part("texts", "In their own words", _texts(study)))
    parts.append(Part("from", "Where this is from", _provenance(study)))
    missing = about.get("missing") or []
    lead = (
        f"{len(study.runs)} quantized models of {about['source']}, evaluated on {about['text']}. "
        f"The original has perplexity {study.reference_perplexity:.4g}."
    )
    if missing:
        lead += f" {len(missing)} planned runs are missing."
    return page(f"Quantizing {about['source']}", lead, parts, figures)


def _check(study: Study) -> None:
    if not study.runs:
        raise ValueError("the study has no finished run yet; run it first.")
    for run in study.runs:
        for value, names in (
            (run.contender, NAMES),
            (run.order, ORDER_NAMES),
            ((run.inputs, run.targets), INPUTS),
        ):
            if value not in names:
                raise ValueError(f"run {run.key} has {value!r}, which is not known here.")


def _series(
    runs: Sequence[StudyRun],
    x: Callable[[StudyRun], float],
    y: Callable[[StudyRun], float],
    *,
    joined: bool,
) -> list[Series]:
    found = []
    for key, name in NAMES.items():
        own = sorted((run for run in runs if run.contender == key), key=x)
        points = [
            Point(x(run), y(run), hover(run), hollow=run.clipped_fraction > 0)
            for run in own
            if x(run) > 0 and y(run) > 0
        ]
        if points:
            dash = DASHES[key] if joined else ""
            found.append(Series(name, COLORS[key], SYMBOLS[key], points, dash))
    return found


def _damage(study: Study, figures: Figures) -> str:
    runs = study.stage("A") or study.runs
    drawn: dict[str, go.Figure] = {}
    for key, measure in MEASURES.items():
        series = _series(runs, lambda run: run.bits_per_weight, measure.value, joined=True)
        original = study.reference_perplexity
        drawn[measure.title] = bits_plot(
            series,
            measure.title,
            level=("the original", original) if key == "perplexity" else None,
            ceiling=WIDEST * original if key == "perplexity" else None,
            percent=measure.percent,
        )
    notes = "".join(paragraph(f"{m.title}: {m.note}") for m in MEASURES.values())
    return (
        paragraph(
            "Bits are counted in stored bytes: codes, scales, tables, weights kept aside. Down and left is better. "
            "Hollow marks: some codes were clipped."
        )
        + figures.choose("damage-plot", drawn, "Damage", "Bits a weight against damage.")
        + folded("What the numbers mean", notes)
    )


def _bound(study: Study, figures: Figures) -> str:
    series = _series(
        study.runs, lambda run: run.relative_bound, lambda run: run.divergence, joined=False
    )
    plot = predictor_plot(
        series,
        PREDICTOR_TITLES["bound"],
        MEASURES["divergence"].title,
        void="void: codes are clipped",
    )
    kept = prediction((run for run in study.runs if run.clipped_fraction == 0), "bound")
    everyone = prediction(study.runs, "bound")
    said = [
        "The bound of a layer is known before it is rounded, and holds where no code is clipped. Here it is taken "
        "as a share of the squared size of the layer's output, and summed over the layers.",
        f"Over the {kept.models} models without clipped codes, its rank correlation with the divergence is "
        f"{_in_words(kept)}; over all {everyone.models} it would be {_in_words(everyone)}. The same weights stored in "
        "two ways count once.",
    ]
    label = "Summed relative bound against divergence."
    return "".join(map(paragraph, said)) + figures.place("bound-plot", plot, label)


def _in_words(found: Prediction) -> str:
    if found.correlation is None:
        return "not to be had (too few, or all alike)"
    return f"{found.correlation:+.3f}"


def _tables(study: Study) -> str:
    html = []
    for stage, runs in groupby(study.runs, lambda run: run.stage):
        html.append(f"<h3>{STAGES.get(stage, 'Others')}</h3>")
        html.append(
            table(
                [
                    *("model", "bits", "perplexity", "KL", "agreement", "loss", "bound"),
                    *("held-out loss", "clipped", "kept aside", "above Gaussian"),
                ],
                [
                    (
                        run_title(run),
                        f"{run.bits_per_weight:.3f}",
                        f"{run.perplexity:,.4g}",
                        f"{run.divergence:.4g}",
                        f"{run.agreement:.1%}",
                        f"{run.relative_loss:.4g}",
                        f"{STRUCK if run.clipped_fraction else ''}{run.relative_bound:.4g}",
                        f"{run.held_out_loss:.4g}",
                        f"{run.clipped_fraction:.2%}",
                        f"{run.outlier_rate:.2%}",
                        f"{run.distance:.3f}",
                    )
                    for run in runs
                ],
                struck=STRUCK,
            )
        )
    note = (
        "Loss and bound: as a share of the squared size of the layer's output, summed over the layers. A bound that is "
        "struck out is void, for codes are clipped. "
        "Above Gaussian: bits a weight above what independent Gaussian weights would need for the same loss."
    )
    return "".join(html) + paragraph(note)


def _layers(study: Study, figures: Figures) -> str:
    runs = {
        f"{run_title(run)} ({run.stage})": layers
        for run in study.runs
        if (layers := study.layers_of(run.key))
    }
    return layer_maps(figures, "layers-map", runs)


def _texts(study: Study) -> str:
    prompt = str(study.about.get("prompt", ""))
    first = [("the original", prompt, study.texts["reference"])] * ("reference" in study.texts)
    written = [(run, study.texts[run.key]) for run in study.runs if run.key in study.texts]
    shown = [
        (f"{run_title(run)}, KL {run.divergence:.3g}", prompt, text)
        for run, text in written
        if run.stage == "A"
    ]
    others = [
        (f"{run_title(run)}, KL {run.divergence:.3g}", prompt, text)
        for run, text in written
        if run.stage != "A"
    ]
    said = paragraph("Each goes on from the same words, drawing the same random numbers.")
    html = said + cards([*first, *(shown or others)])
    return html + (folded("The other models", cards(others)) if shown and others else "")


def _provenance(study: Study) -> str:
    about = dict(study.about)
    tokens = about.get("tokens") or {}
    pairs = [
        ("model", about.get("source", "")),
        ("SHA-256 of its weights", about.get("model_sha256", "")),
        ("text", about.get("text", "")),
        ("SHA-256 of the text", about.get("text_sha256", "")),
        *(
            (f"tokens for {name.replace('_', ' ')}", f"{part[0]:,} to {part[1] - 1:,}")
            for name, part in tokens.items()
        ),
        *((f"window, {name}", size) for name, size in (about.get("windows") or {}).items()),
        ("seeds", ", ".join(map(str, about.get("seeds") or []))),
        ("machine", about.get("machine", "")),
        ("date", about.get("date", "")),
        (
            "versions",
            ", ".join(f"{name} {version}" for name, version in about.get("versions", {}).items()),
        ),
        ("command", about.get("command", "")),
    ]
    missing = about.get("missing") or []
    if missing:
        pairs.append(("missing runs", ", ".join(missing)))
    return facts(pairs)
