"""The view of all layers: a table, a map and a scatter that fill while the work goes on."""

from dataclasses import replace
from typing import TYPE_CHECKING

import streamlit as st

from app import cached, lesson
from app.background_job import Job
from app.laboratory_snippets import survey_snippet
from app.laws import laws_panel
from app.order_names import ORDER_NAMES
from app.progress_box import duration, progress_box
from app.real_layers.choice import LayerChoice
from app.real_layers.order_table import amount, explanations
from app.real_layers.survey_downloads import survey_downloads
from app.real_layers.survey_figures import (
    OVERFLOW_TITLES,
    pick_controls,
    survey_map,
    survey_scatter,
)
from app.real_layers.survey_job import (
    ALL_LAYERS,
    COMPARING,
    REDUCING,
    start_survey,
    survey_job,
    survey_so_far,
)
from app.real_layers.survey_quantities import Pick, picked
from app.real_layers.survey_sentences import findings
from app.real_layers.survey_table import survey_table
from app.real_layers.work import Calibration, start_block
from app.shared_problem import plain, shows

if TYPE_CHECKING:
    from lattice_core.language_model import OrderSurvey
    from lattice_core.layers.order_results import LayerOrders

START = f"Compare all {len(ALL_LAYERS)} layers"
UNITS = {COMPARING: "layers", REDUCING: "reductions"}
PROGRESS_SECONDS = 1.0
RESULTS_SECONDS = 4.0  # they cost a tenth of a second, for each visitor who watches


def all_layers(choice: LayerChoice, calibration: Calibration) -> None:
    """The survey with these settings as far as it has come, or else the recorded one."""
    job = survey_job(choice, calibration)
    if job is not None and job.active:
        _progress(choice, calibration)
        _growing_results(choice, calibration)
    else:
        _offer(choice, calibration, job)
        survey = _results(choice, calibration, job)
        if shows("laws"):
            _laws(survey)
        if shows("downloads"):
            survey_downloads(survey)
    lesson.code(survey_snippet(choice, calibration.text.source))
    lesson.sources(
        {
            "C": "the bound (Theorem 5), a third of it on average (Appendix D.2), "
            "min-pivot (Algorithm 3).",
            "B": "the bound, independently; damping.",
            "GPTQ": "the algorithm, its default order, act-order.",
        }
    )


@st.fragment(run_every=PROGRESS_SECONDS)
def _progress(choice: LayerChoice, calibration: Calibration) -> None:
    job = survey_job(choice, calibration)
    if job is None or not job.active:
        st.rerun()
    progress_box(
        job.progress,
        UNITS.get(job.progress.message, "tokens"),
        job.cancel,
        "You may go to another page meanwhile; the work goes on. Everyone who asks for the same "
        "settings waits for the same work, and Cancel stops it for all. What was found is kept.",
    )


@st.fragment(run_every=RESULTS_SECONDS)
def _growing_results(choice: LayerChoice, calibration: Calibration) -> None:
    _results(choice, calibration, survey_job(choice, calibration))


def _offer(choice: LayerChoice, calibration: Calibration, job: Job | None) -> None:
    """What can be started, or gone on with."""
    if job is not None and job.state == "done":
        return
    label, icon = ("Go on", ":material/resume:") if job else (START, ":material/play_arrow:")
    if job is None:
        st.markdown(
            f"Your settings have not been computed here yet. {choice.tokens:,} tokens run through "
            "the whole model, then every layer is quantized in four orders, codes kept and clipped. "
            f"That takes about {duration(_expected_seconds(choice))}, in the background, and is "
            "done once for everybody with the same settings."
        )
    elif job.state == "failed":
        st.error(f"The work stopped: {plain(job.error)}", icon=":material/error:")
    done = len(_layers_of(job))
    if job is not None:
        st.markdown(
            f"{'This was cancelled' if job.state == 'cancelled' else 'It stopped'} after {done} of "
            f"{len(ALL_LAYERS)} layers{', before LLL was done' if done == len(ALL_LAYERS) else ''}. "
            f"{'They are kept. ' if done else ''}"
            "Going on starts where it stopped."
        )
    st.button(label, icon=icon, on_click=start_survey, args=(choice, calibration))


def _results(choice: LayerChoice, calibration: Calibration, job: Job | None) -> "OrderSurvey":
    survey = _survey_on_show(choice, calibration, job)
    recorded = survey is cached.recorded_survey()
    _label(survey, recorded)
    st.markdown("\n".join(f"- {sentence}" for sentence in findings(survey)))
    st.caption(
        "Measured on the model as it is: each layer's inputs come from the unquantized model. No "
        "block sees the errors of those before it."
    )
    with st.expander("What the words mean", icon=":material/sort:"):
        explanations()
        st.markdown(
            "**LLL** reduces a lattice basis: it exchanges neighbouring vectors (a **swap**) and "
            "subtracts multiples of earlier ones, where an order can only sort them. It shows what "
            "an order leaves to be gained. A reduced basis cannot be used with clipping."
        )
    pick = pick_controls()
    survey_map(survey, pick, _choose)
    _chosen(choice, calibration, survey, pick)
    survey_table(survey, pick.order, _choose)
    survey_scatter(survey, pick)
    return survey


def _label(survey: "OrderSurvey", recorded: bool) -> None:
    from lattice_core.language_model import embedded_text

    count = len(survey.layers)
    whole = f"all {count}" if count == len(ALL_LAYERS) else f"{count} of {len(ALL_LAYERS)}"
    group = f"groups of {survey.group_size}" if survey.group_size else "one scale a row"
    where = "first" if survey.seed is None else f"drawn with seed {survey.seed},"
    settings = (
        f"{survey.bits} bits, {group}, {survey.scale_rule} scales, damping {survey.damping:g}. "
        f"Text: {plain(survey.text)}, {where} {survey.tokens:,} tokens."
    )
    if recorded:
        st.subheader(f"Recorded: {whole} layers", anchor="result")
        st.info(
            f"**Recorded on {survey.date}**, not computed here, with `{survey.command}` "
            f"on {survey.cores} cores. Its settings: {settings}",
            icon=":material/history:",
        )
        if survey.text_sha256 != embedded_text("calibration").sha256:
            st.caption(
                "The Python that runs here has other documentation than the recorded one, so what "
                "is computed here differs a little even with the same settings."
            )
    else:
        st.subheader(f"Computed here: {whole} layers", anchor="result")
        st.caption(f"Settings: {settings}")


def _choose(layer: str) -> None:
    st.session_state.survey_layer = layer


def _chosen(
    choice: LayerChoice, calibration: Calibration, survey: "OrderSurvey", pick: Pick
) -> None:
    recorded = survey is cached.recorded_survey()
    name = st.session_state.get("survey_layer")
    layer = next((layer for layer in survey.layers if layer.layer == name), None)
    if layer is None:
        return
    result = picked(layer, pick)
    with st.container(border=True, key="survey_chosen"):
        st.markdown(
            f"**Block {layer.block}, {layer.linear}** ({layer.rows} × {layer.columns}), "
            f"{ORDER_NAMES[pick.order].name}, {OVERFLOW_TITLES[pick.overflow]}: "
            f"tr(D) {amount(result.pivot_sum)}, loss {amount(result.loss)}, "
            f"{result.loss_over_bound:.3f} of its bound"
            f"{' (void, for codes are clipped)' if result.clipped_fraction else ''}."
        )
        if st.button("Open this layer", icon=":material/open_in_new:", key="survey_open"):
            if not recorded and cached.latest_hessians().get(calibration):
                start_block(layer.block, calibration)  # at once, for its Hessians are there
            _open(choice, survey, layer, recorded)


def _open(choice: LayerChoice, survey: "OrderSurvey", layer: "LayerOrders", recorded: bool) -> None:
    """Show the layer alone, with the settings of the survey that it was chosen in."""
    st.session_state.layer_choice = replace(
        choice,
        view="one",
        block=layer.block,
        linear=layer.linear,
        bits=survey.bits,
        group=survey.group_size,
        scales=survey.scale_rule,
        damping=survey.damping,
        text="calibration" if recorded else choice.text,
        tokens=survey.tokens,
        seed=survey.seed,
    )
    st.rerun()


def _survey_on_show(
    choice: LayerChoice, calibration: Calibration, job: Job | None
) -> "OrderSurvey":
    """What was computed for these settings, or else the recorded run."""
    if not _layers_of(job):
        return cached.recorded_survey()
    if job.state == "done":
        return job.result
    return survey_so_far(choice, calibration, job.parts)


def _layers_of(job: Job | None) -> "list[LayerOrders]":
    from lattice_core.layers.order_results import LayerOrders

    return [part for part in job.parts if isinstance(part, LayerOrders)] if job else []


def _expected_seconds(choice: LayerChoice) -> float:
    """From the recorded run; the text's part grows with its length."""
    recorded = cached.recorded_survey()
    text = (recorded.hessian_seconds or 0) * choice.tokens / recorded.tokens
    return text + recorded.comparing_seconds + recorded.reducing_seconds


def _laws(survey: "OrderSurvey") -> None:
    from lattice_core.layers import order_laws

    laws_panel(
        [
            order_laws.kept_rows_are_bounded(*survey.layers),
            order_laws.clipping_voids_the_bound(*survey.layers),
            order_laws.determinants_are_order_free(*survey.layers),
            order_laws.no_order_beats_the_floor(*survey.layers),
        ]
    )
