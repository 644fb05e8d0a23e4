"""The study's main picture: what a model takes against what it loses, for one part of the study."""

from collections.abc import Sequence

import plotly.graph_objects as go
import streamlit as st

from app.figures.bits_plot import bits_plot
from app.figures.inputs_plot import inputs_plot
from app.figures.numbers import short
from app.figures.palette import ORDER_COLORS
from app.figures.study_axes import Point, Series
from app.figures.study_marks import COLORS, DASHES, LEGEND, SYMBOLS
from app.order_names import ORDER_NAMES
from app.whole_model.choice import ModelChoice
from app.whole_model.findings import of_orders
from app.whole_model.measures import MEASURES, Measure, hover, run_title
from lattice_core.language_model.study_record import Study, StudyRun

HIGHEST = 15.0  # times the original's perplexity; what is worse is an arrow at the edge
ORDER_SYMBOLS = dict(zip(ORDER_NAMES, ("square", "diamond", "circle", "triangle-up"), strict=True))
COLUMNS = (
    "one-shot",
    "sequential",
    "sequential,<br>targets of<br>the original",
    "one-shot,<br>other<br>calibration",
)
CAPTIONS = {
    "methods": "Left is smaller, down is better. A line joins the three sizes of one way to quantize.",
    "orders": "Filled: codes clipped to 3 bits. Hollow: codes kept, however large; they take more bits. Both "
    "are Huffman-coded, so that large codes may be rare and cheap.",
    "inputs": "At 3.25 bits, where no other size is named. Last column: three times other windows of the text, drawn "
    "at random. The bar spans them; it says how far apart two runs can be by chance.",
}


def comparison(study: Study, choice: ModelChoice) -> go.Figure:
    """The figure that the choice names."""
    measure = MEASURES[choice.measure]
    if choice.compare == "orders":
        return bits_plot(
            order_series(of_orders(study), measure),
            measure.title,
            level=_original(study, choice.measure),
            percent=measure.percent,
        )
    if choice.compare == "inputs":
        return inputs_plot(
            COLUMNS, inputs_series(study, measure), measure.title, percent=measure.percent
        )
    return bits_plot(
        method_series(study.stage("A"), measure),
        measure.title,
        level=_original(study, choice.measure),
        ceiling=_ceiling(study, choice.measure),
        percent=measure.percent,
    )


def show_comparison(study: Study, choice: ModelChoice) -> None:
    """The figure with what to see in it."""
    st.plotly_chart(
        comparison(study, choice),
        key="comparison",
        alt=f"{MEASURES[choice.measure].title} of whole models, {choice.compare}; all numbers are in runs.csv, "
        "below.",
    )
    measure = MEASURES[choice.measure]
    beyond = _beyond(study, choice)
    above = f" Above the upper edge: {beyond}." if beyond else ""
    st.caption(f"{CAPTIONS[choice.compare]} **{measure.title}**: {measure.note}{above}")


def method_series(runs: Sequence[StudyRun], measure: Measure) -> list[Series]:
    """One for each contender, its sizes joined."""
    found = {
        key: sorted((run for run in runs if run.contender == key), key=lambda r: r.bits_per_weight)
        for key in LEGEND
    }
    return [
        Series(LEGEND[key], COLORS[key], SYMBOLS[key], _points(its, measure), DASHES[key])
        for key, its in found.items()
        if its
    ]


def order_series(runs: Sequence[StudyRun], measure: Measure) -> list[Series]:
    """One for each order: clipped and kept, joined."""
    return [
        Series(
            ORDER_NAMES[order].name,
            ORDER_COLORS[order],
            ORDER_SYMBOLS[order],
            _points([run for run in runs if run.order == order], measure, "keep"),
            "dot",
            13,
        )
        for order in ORDER_NAMES
        if any(run.order == order for run in runs)
    ]


def inputs_series(study: Study, measure: Measure) -> dict[Series, dict[int, list[Point]]]:
    """One for each headline point of the last stage, with its one-shot run of the first."""
    headline = list(dict.fromkeys((run.contender, run.target_bits) for run in study.stage("C")))
    found: dict[Series, dict[int, list[Point]]] = {}
    for contender, bits in headline:
        name = LEGEND[contender] + ("" if bits == 3.25 else f", {bits:g} bits")
        symbol = SYMBOLS[contender] + ("" if bits == 3.25 else "-open")
        columns: dict[int, list[Point]] = {}
        for run in (*study.stage("A"), *study.stage("C")):
            if (run.contender, run.target_bits) == (contender, bits):
                columns.setdefault(_column(run), []).append(_point(run, measure))
        found[Series(name, COLORS[contender], symbol, ())] = columns
    return found


def _column(run: StudyRun) -> int:
    if run.seed is not None:
        return 3
    if run.inputs == "one_shot":
        return 0
    return 1 if run.targets == "own" else 2


def _points(
    runs: Sequence[StudyRun], measure: Measure, hollow: str | None = None
) -> tuple[Point, ...]:
    return tuple(_point(run, measure, run.overflow == hollow) for run in runs)


def _point(run: StudyRun, measure: Measure, hollow: bool = False) -> Point:
    return Point(run.bits_per_weight, measure.value(run), hover(run), hollow)


def _original(study: Study, measure: str) -> tuple[str, float] | None:
    if measure != "perplexity":
        return None
    value = study.reference_perplexity
    return f"original: {short(value)}", value


def _ceiling(study: Study, measure: str) -> float | None:
    return HIGHEST * study.reference_perplexity if measure == "perplexity" else None


def _beyond(study: Study, choice: ModelChoice) -> str:
    """The models that the figure has no room for, in words."""
    ceiling = _ceiling(study, choice.measure)
    if ceiling is None or choice.compare != "methods":
        return ""
    value = MEASURES[choice.measure].value
    beyond = [run for run in study.stage("A") if value(run) > ceiling]
    return "; ".join(f"{run_title(run)} ({value(run):,.0f})" for run in beyond)
