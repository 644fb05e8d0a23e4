"""The view *Recorded study*: many whole models, quantized and judged alike."""

import streamlit as st

from app import lesson
from app.laboratory_snippets import study_snippet
from app.shared_problem import plain, shows
from app.whole_model import study_quiz
from app.whole_model.choice import ModelChoice
from app.whole_model.comparison import comparison, show_comparison
from app.whole_model.controls import pick, select
from app.whole_model.findings import findings, told_apart, what_counts
from app.whole_model.layers_map import figure, show_layers
from app.whole_model.measures import run_title
from app.whole_model.model_laws import laws_of
from app.whole_model.predicting import predicting
from app.whole_model.study_downloads import study_downloads
from app.whole_model.study_on_show import recorded_study, run_beside, run_on_show
from app.whole_model.text_columns import Written, text_columns
from lattice_core.language_model.study_record import Study, StudyRun


def recorded(choice: ModelChoice) -> None:
    """The study, or that there is none."""
    study = recorded_study()
    if study is None or not study.runs:
        st.info(
            "No study is recorded in this installation. The view *Run it here* quantizes a model on this machine. "
            "`nearest-plane study` makes a study of your own; it takes hours.",
            icon=":material/search_off:",
        )
        return
    _provenance(study)
    run = run_on_show(study, choice.run)
    if shows("quiz"):
        study_quiz.ask(study)
    _compared(study, choice)
    predicting(study, choice)
    _layers(study, choice, run)
    _texts(study, choice, run)
    if shows("laws"):
        laws_of(run, study.layers_of(run.key), study.runs, run_title(run))
    lesson.code(study_snippet(run))
    lesson.sources(
        {
            "C": "HPTQ, HRTN and SSQR (section 5); bits against perplexity, as in its Figure 4(a).",
            "W": "spacing the columns.",
            "B": "the bound; targets across layers.",
            "GPTQ": "the usual method, sequential inputs.",
        }
    )
    if shows("downloads"):
        study_downloads(
            study,
            {
                "Comparison": lambda: comparison(study, choice),
                "Layers": lambda: figure(study.layers_of(run.key), choice.quantity),
            },
        )


def _provenance(study: Study) -> None:
    about = study.about
    tokens = {name: _tokens(ends) for name, ends in about.get("tokens", {}).items()}
    windows = about.get("windows", {})
    seeds = ", ".join(map(str, about.get("seeds", [])))
    st.info(
        f"**Recorded on {plain(str(about.get('date', '?')))}**, not computed here, with "
        f"`{about.get('command', '?')}` on {plain(str(about.get('machine', '?')))}. "
        f"Text: {plain(str(about.get('text', '?')))}. Tokens for evaluation: {tokens.get('evaluation', '?')}, in "
        f"windows of {windows.get('evaluation', 0):,}. For calibration: {tokens.get('calibration', '?')}, in "
        f"windows of {windows.get('calibration', 0):,}. Held out: {tokens.get('held_out', '?')}. "
        f"Seeds of other calibrations: {seeds}.",
        icon=":material/history:",
    )
    missing = about.get("missing", [])
    if missing:
        count = len(missing)
        with st.expander(
            f"Planned and not finished: {count} of {count + len(study.runs)} models",
            icon=":material/hourglass_disabled:",
        ):
            st.markdown("\n".join(f"- `{key}`" for key in missing))


def _tokens(ends: list[int]) -> str:
    return f"{ends[0]:,} … {ends[1] - 1:,}"


def _compared(study: Study, choice: ModelChoice) -> None:
    st.subheader("What it takes, what it loses", anchor="result")
    pick("compare", "measure")
    show_comparison(study, choice)
    st.markdown("\n".join(f"- {sentence}" for sentence in findings(study, choice.compare)))
    if choice.compare == "methods" and shows("numbers"):
        st.markdown("**Two ideas told apart**")
        st.markdown(told_apart(study))
        said = " ".join(what_counts(study))
        st.caption(
            f"{said} Last column: at the same stored size, read off the line between the sizes that were run."
        )


def _layers(study: Study, choice: ModelChoice, run: StudyRun) -> None:
    st.subheader("The layers of one model", anchor="layers")
    if shows("controls"):
        with st.container(horizontal=True, vertical_alignment="bottom", key="pick_layers"):
            select("run", [each.key for each in study.runs], run.key)
            select("quantity")
    show_layers(choice, run, study.layers_of(run.key))


def _texts(study: Study, choice: ModelChoice, run: StudyRun) -> None:
    if "reference" not in study.texts:
        return
    st.subheader("The same prompt", anchor="text")
    beside = run_beside(study, choice.other, run)
    if shows("controls"):
        with st.container(horizontal=True, vertical_alignment="bottom", key="pick_texts"):
            select("other", [each.key for each in study.runs], beside.key)
    text_columns(
        str(study.about.get("prompt", "")),
        study.texts["reference"],
        [Written(run_title(each), study.texts.get(each.key, "")) for each in (run, beside)],
    )
