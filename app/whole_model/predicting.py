"""Does a number of the layers, known before the model is run, predict what happens to it?"""

import math

import streamlit as st

from app.figures.predictor_plot import predictor_plot
from app.figures.study_axes import Point, Series
from app.figures.study_marks import COLORS, LEGEND, SYMBOLS
from app.whole_model.choice import ModelChoice
from app.whole_model.controls import pick
from app.whole_model.measures import MEASURES, PREDICTOR_TITLES, hover
from lattice_core.language_model.study_laws import (
    PREDICTORS,
    Prediction,
    distinct_models,
    prediction,
)
from lattice_core.language_model.study_record import Study

VOID = "bound void"


def predicting(study: Study, choice: ModelChoice) -> None:
    """A scatter, and rank correlations computed now."""
    st.subheader("Can the damage be foretold?", anchor="predict-damage")
    st.markdown(
        "Each layer has a loss, and a bound on it. Both are known before the whole model is run. Summed over the "
        "layers, do they put whole models into the right order? The **rank correlation** says how well: 1 is the "
        "same order, 0 is none, −1 is the reverse (Spearman's)."
    )
    pick("predictor")
    st.plotly_chart(
        predictor_plot(
            predictor_series(study, choice.predictor),
            PREDICTOR_TITLES[choice.predictor],
            MEASURES["divergence"].title,
            void=VOID if choice.predictor == "bound" else "",
        ),
        key="predicting",
        alt="KL divergence of each model against a sum over its layers, both logarithmic.",
    )
    st.markdown(correlations(study))
    if told := best_predictor(study):
        st.markdown(told)
    st.caption(
        "One mark a model; one that is stored in two ways counts once. Hollow: codes are clipped, so the bound "
        "says nothing (law L9), and it is crossed out. Rounding to nearest has another, looser bound than the "
        "nearest plane, so the middle column leaves it out. A correlation is a measurement on these models, "
        "not a law."
    )


def predictor_series(study: Study, predictor: str) -> list[Series]:
    """One for each contender."""
    value = PREDICTORS[predictor]
    runs = distinct_models(study.runs)
    return [
        Series(
            LEGEND[key],
            COLORS[key],
            SYMBOLS[key],
            tuple(
                Point(value(run), run.divergence, hover(run), run.clipped_fraction > 0)
                for run in runs
                if run.contender == key and value(run) > 0
            ),
        )
        for key in LEGEND
    ]


def best_predictor(study: Study) -> str:
    """Which number orders the models without clipping best; empty if there are too few."""
    runs = [run for run in study.runs if run.clipped_fraction == 0]
    found = {name: prediction(runs, name).correlation for name in PREDICTOR_TITLES}
    known = {name: value for name, value in found.items() if value is not None}
    if not known:
        return ""
    best = max(known, key=lambda name: known[name])
    return (
        f"Of the models without clipping, the **{_short(best)}** tells the order best, with "
        f"{known[best]:.3f}.".replace("-0.", "−0.")
    )


def _short(predictor: str) -> str:
    return PREDICTOR_TITLES[predictor].partition(",")[0]


def correlations(study: Study) -> str:
    """A table: predictors by the models that are compared."""
    unclipped = [run for run in study.runs if run.clipped_fraction == 0]
    planes = [run for run in unclipped if run.contender not in ("rtn", "hrtn")]
    rows = []
    for predictor in PREDICTOR_TITLES:
        found = [prediction(runs, predictor) for runs in (unclipped, planes, study.runs)]
        cells = [_cell(each) for each in found]
        if predictor == "bound":
            cells[2] = "void"
        rows.append(f"| {_short(predictor)} | {' | '.join(cells)} |")
    head = "| rank correlation with KL | nothing clipped | … and by nearest plane | all models |"
    return "\n".join([head, "|---|--:|--:|--:|", *rows])


def _cell(found: Prediction) -> str:
    if found.correlation is None or not math.isfinite(found.correlation):
        return f"too few ({found.models})"
    return f"**{found.correlation:.3f}** ({found.models})".replace("-", "−")
