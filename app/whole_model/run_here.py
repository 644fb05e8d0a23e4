"""The view *Run it here*: a whole model quantized on this machine, judged, and set beside the others."""

import math
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from app import lesson
from app.background_job import Job
from app.laboratory_snippets import whole_model_snippet
from app.machine import what_is_missing
from app.progress_box import duration, progress_box
from app.shared_problem import plain, shows
from app.whole_model.choice import OPTIONS, RECIPE, ModelChoice
from app.whole_model.controls import change, pick, select
from app.whole_model.layers_map import show_layers
from app.whole_model.measures import MEASURES
from app.whole_model.model_laws import laws_of
from app.whole_model.own_downloads import own_downloads
from app.whole_model.own_plot import own_figure, own_table
from app.whole_model.run_job import (
    KEPT_FOLDERS,
    QUANTIZING,
    Finished,
    cache_folder,
    recipe_of,
    run_job,
    start_run,
    title_of,
)
from app.whole_model.study_on_show import recorded_study
from app.whole_model.text_columns import Written, text_columns
from lattice_core.language_model.study_record import StudyRun

POLL_SECONDS = 1.0
OF_THE_METHOD = ("method", "bits")
REFINEMENTS = ("beams", "descent", "rate_aware", "refit")
OF_THE_TEXT = ("order", "inputs", "tokens", "evaluated")


def here(choice: ModelChoice) -> None:
    """What to do, how far it is, what came of it."""
    if missing := what_is_missing():
        st.info(
            f"This view needs what is not here; the recorded study does without.\n\n{plain(missing)}",
            icon=":material/cloud_download:",
        )
        return
    st.markdown(
        "Choose how to quantize SmolLM2-135M, then start. The work goes on in the background, block by block. "
        "Then the quantized model reads a text it has not seen, beside the original, and writes one of its own."
    )
    aside = ("outliers",) if choice.method == "ssqr" else ()
    pick(*OF_THE_METHOD, *aside)
    pick(*REFINEMENTS)
    pick(*OF_THE_TEXT)
    job = run_job(choice)
    if job is not None and job.active:
        _progress(choice)
    elif job is None or job.state != "done":
        _offer(choice, job)
    finished = finished_here(choice)
    if finished:
        _results(choice, finished)
    if not _refusal(choice):
        lesson.code(whole_model_snippet(choice))


def finished_here(choice: ModelChoice) -> list[Finished]:
    """What this visitor has started or opened by a link, in that order."""
    started: list[ModelChoice] = st.session_state.setdefault("models_started", [])
    if run_job(choice) is not None and choice.recipe not in [each.recipe for each in started]:
        started.append(choice)
    jobs = [run_job(each) for each in started]
    return [job.result for job in jobs if job is not None and job.state == "done"]


def _offer(choice: ModelChoice, job: Job | None) -> None:
    if refused := _refusal(choice):
        st.warning(
            f"These cannot be combined: {plain(refused)} Nothing is lost; choose another.",
            icon=":material/rule:",
        )
        return
    if job is not None and job.state == "failed":
        st.error(f"The work stopped: {plain(job.error)}", icon=":material/error:")
    if job is not None:
        st.markdown("What was finished is kept. Going on starts where it stopped.")
    st.button(
        "Start" if job is None else "Go on",
        icon=":material/play_arrow:" if job is None else ":material/resume:",
        on_click=start_run,
        args=(choice,),
    )
    if job is None:
        st.caption(
            f"{_expected(choice)} The quantized layers, about 50 MB, are kept in {plain(str(cache_folder()))}; of "
            f"such folders the newest {KEPT_FOLDERS} stay. Whoever asks for the same shares the work."
        )


def _refusal(choice: ModelChoice) -> str:
    """Why the options do not go together; empty if they do."""
    try:
        recipe_of(choice)
    except ValueError as error:
        return str(error)
    return ""


def _expected(choice: ModelChoice) -> str:
    """From the recorded study, where it has something alike."""
    study = recorded_study()
    alike = [
        run.quantize_seconds
        for run in (study.stage("A") if study else ())
        if run.contender == choice.method
        and run.target_bits == choice.target_bits
        and math.isfinite(run.quantize_seconds)
    ]
    told = "A few minutes on two cores; K-best and long texts take many."
    plainly = choice.beams is None and not any((choice.descent, choice.rate_aware, choice.refit))
    if study is None or not alike or not plainly or choice.inputs != "one_shot":
        return told
    first, end = study.about["tokens"]["calibration"]
    return (
        f"{told} Recorded for this way to quantize: {duration(alike[0])}, with {end - first:,} tokens, part of which "
        "was kept from other runs."
    )


@st.fragment(run_every=POLL_SECONDS)
def _progress(choice: ModelChoice) -> None:
    job = run_job(choice)
    if job is None or not job.active:
        st.rerun()
    progress_box(
        job.progress,
        "steps" if job.progress.message == QUANTIZING else "tokens",
        job.cancel,
        "You may go to another page meanwhile, or close this one; the work goes on. Cancel stops it for all who "
        "wait for it. Layers that are finished are kept, also when the app is stopped.",
    )


def _results(choice: ModelChoice, finished: Sequence[Finished]) -> None:
    study = recorded_study()
    st.subheader("Computed here, beside the recorded ones", anchor="result")
    measure = "perplexity" if choice.measure == "held_out" else choice.measure
    if shows("controls"):
        select("measure", OPTIONS["measure"][:3], measure)
    st.plotly_chart(
        own_figure(study, finished, measure),
        key="own_comparison",
        alt=f"{MEASURES[measure].title} of the models quantized here, with the recorded ones.",
    )
    recorded = (
        f" The recorded models were calibrated and judged on other text ({plain(str(study.about.get('text', '?')))}),"
        " so compare with care: a perplexity is shown over that of the original on the same text."
        if study
        else ""
    )
    st.caption(
        f"Large outlines: computed here, {plain(_judged_on(finished))}. Small marks: recorded.{recorded}"
    )
    if shows("numbers"):
        own_table(finished, _show)
        st.caption("Press a row to see its layers and its text.")
    shown = next((f for f in finished if f.choice.recipe == choice.recipe), finished[-1])
    st.subheader("The layers of one model", anchor="layers")
    st.markdown(f"Computed here: **{plain(title_of(shown.choice))}**.")
    pick("quantity")
    show_layers(choice, shown.run, shown.layers)
    _texts(shown, finished)
    if shows("laws"):
        laws_of(
            shown.run, shown.layers, _but_for_the_method(shown, finished), title_of(shown.choice)
        )
    if shows("downloads"):
        own_downloads(finished, lambda: own_figure(study, finished, measure))


def _judged_on(finished: Sequence[Finished]) -> str:
    texts = list(dict.fromkeys(f.evaluation for f in finished))
    return " or ".join(texts) + (
        " (KL and agreement of different lengths do not compare)" if len(texts) > 1 else ""
    )


def _but_for_the_method(shown: Finished, finished: Sequence[Finished]) -> list[StudyRun]:
    """The model on show, and those made and judged in the same way with another method."""
    wanted = replace(shown.choice, method="hptq").recipe
    return [f.run for f in finished if replace(f.choice, method="hptq").recipe == wanted]


def _show(done: Finished) -> None:
    change(**{name: getattr(done.choice, name) for name in RECIPE})


def _texts(shown: Finished, finished: Sequence[Finished]) -> None:
    st.subheader("The same prompt", anchor="text")
    beside = {title_of(f.choice): f for f in finished if f is not shown}
    others = [Written(title_of(shown.choice), shown.text)]
    if beside:
        chosen = st.selectbox("Beside it", list(beside), key="own_beside", width=620)
        if chosen in beside:
            others.append(Written(chosen, beside[chosen].text))
    text_columns(shown.prompt, shown.original_text, others)
