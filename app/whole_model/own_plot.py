"""Models that were quantized here beside the recorded ones, and all their numbers in a table."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.figures.bits_plot import bits_plot
from app.figures.study_axes import Point, Series
from app.figures.study_marks import COLORS, SYMBOLS
from app.order_names import ORDER_NAMES
from app.whole_model.comparison import HIGHEST, method_series
from app.whole_model.measures import MEASURES, Measure, hover, inputs_of
from app.whole_model.run_job import Finished, name_of, title_of
from lattice_core.language_model.study_record import Study, StudyRun

RATIO = "perplexity ÷ the original's"
COLUMNS = {
    "model": ("model", None, "Way to quantize and its refinements."),
    "asked": ("asked", "%.2f", "Bits a weight that were asked for."),
    "stored": ("stored", "%.3f", "Bits a weight that it takes."),
    "perplexity": ("perplexity", "%.2f", "On the text evaluated on."),
    "ratio": ("÷ original's", "%.4f", "Its perplexity over that of the original on the same text."),
    "divergence": ("KL", "%.4f", "Nats a token, from the original."),
    "agreement": ("agreement", "percent", "Places with the same likeliest token."),
    "loss": ("loss", "%.3f", "Sum over the layers of their shares."),
    "clipped": ("clipped", "percent", "Of all codes."),
    "distance": ("above Gauss", "%.3f", "Bits a weight above the Gaussian reference."),
    "order": ("order", None, "Who is rounded first."),
    "inputs": ("inputs", None, "What a layer's inputs are gathered from."),
    "tokens": ("calibrated on", "localized", "Tokens."),
    "evaluated": ("evaluated on", "localized", "Tokens."),
    "seconds": (
        "seconds",
        "%.0f",
        "To quantize it, waiting for others' work included; empty if it was begun before.",
    ),
}


def own_figure(study: Study | None, finished: Sequence[Finished], measure: str) -> go.Figure:
    """Recorded models small, one's own large and outlined."""
    shown = MEASURES[measure]
    recorded: list[Series] = []
    if study is not None:
        of_study = _relative(lambda run: study.reference_perplexity, shown)
        recorded = [replace(each, size=7) for each in method_series(study.stage("A"), of_study)]
    level = ("original: 1", 1.0) if measure == "perplexity" else None
    return bits_plot(
        [*recorded, *(_own(done, shown) for done in finished)],
        RATIO if measure == "perplexity" else shown.title,
        level=level,
        ceiling=HIGHEST if measure == "perplexity" else None,
        percent=shown.percent,
    )


def own_table(finished: Sequence[Finished], choose: Callable[[Finished], None]) -> None:
    """A row a model; a chosen row is told."""

    def tell() -> None:
        rows = st.session_state.own_table.selection.rows
        if rows and rows[0] < len(finished):
            choose(finished[rows[0]])

    st.dataframe(
        table_of(finished),
        column_config={
            name: st.column_config.Column(title, help=meaning, pinned=name == "model")
            if form is None
            else st.column_config.NumberColumn(title, help=meaning, format=form)
            for name, (title, form, meaning) in COLUMNS.items()
        },
        hide_index=True,
        key="own_table",
        on_select=tell,
        selection_mode="single-row",
        alt="One row for each model that was quantized here.",
    )


def table_of(finished: Sequence[Finished]) -> pd.DataFrame:
    """The numbers, a row a model."""
    rows = [
        {
            "model": name_of(done.choice),
            "asked": done.choice.target_bits,
            "stored": done.run.bits_per_weight,
            "perplexity": done.run.perplexity,
            "ratio": done.run.perplexity / done.original_perplexity,
            "divergence": done.run.divergence,
            "agreement": done.run.agreement,
            "loss": done.run.relative_loss,
            "clipped": done.run.clipped_fraction,
            "distance": done.run.distance,
            "order": ORDER_NAMES[done.choice.order].name,
            "inputs": inputs_of(done.run),
            "tokens": done.choice.tokens,
            "evaluated": done.choice.evaluated,
            "seconds": done.run.quantize_seconds,
        }
        for done in finished
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _own(done: Finished, measure: Measure) -> Series:
    method = done.choice.method
    relative = _relative(lambda run: done.original_perplexity, measure)
    return Series(
        f"here: {name_of(done.choice)}, {done.choice.target_bits:g} bits",
        COLORS[method],
        f"{SYMBOLS[method]}-open",
        (
            Point(
                done.run.bits_per_weight,
                relative.value(done.run),
                f"<b>Computed here</b><br>{title_of(done.choice)}<br>"
                + hover(done.run, name_of(done.choice)),
            ),
        ),
        size=17,
    )


def _relative(original: Callable[[StudyRun], float], measure: Measure) -> Measure:
    """Perplexities on two texts compare only over that of the original."""
    if measure is not MEASURES["perplexity"]:
        return measure
    return replace(measure, value=lambda run: run.perplexity / original(run))
