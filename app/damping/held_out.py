"""Too little damping and overfitting: a layer made up here, and recorded real ones."""

import streamlit as st

from app.cached import overfitting_measured
from app.chart import chart
from app.figures.damping_curves import HeldOut, held_out_by_damping
from app.figures.numbers import percent
from app.figures.palette import ANSWER, LEG, TARGET
from app.lesson_options import chosen, option_select, option_slider
from app.order_names import ORDER_NAMES
from app.shared_problem import shows
from lattice_core.overfitting import BITS, INPUTS, ROWS, Overfitting
from lattice_core.recorded_damping_study import (
    DampingStudy,
    LayerDamping,
    recorded_damping_study,
)

LOOKS = ((TARGET, "circle"), (LEG, "diamond"), (ANSWER, "square"))


def made_up_layer() -> None:
    """Few or many calibration inputs of a known kind, live."""
    st.subheader("Why damp at all? Inputs that were not seen", anchor="held-out")
    st.markdown(
        "$H$ is made of the inputs that were used for calibration. A network will see others. With few "
        "calibration inputs, $H$ says that some directions cost nothing: no input happened to point "
        "there. Nearest plane believes it and puts its errors exactly there. New inputs do point "
        "there. **That is overfitting, and damping is the cure:** a direction that no input has shown "
        "still costs a little."
    )
    picture, words = st.columns([3, 2], gap="large")
    with words:
        if shows("controls"):
            option_slider("seen")
            option_select("draw")
        samples = int(chosen("seen"))
        found = overfitting_measured(samples, int(chosen("draw")))
        st.markdown("\n".join(f"- {sentence}" for sentence in overfitting_sentences(found)))
        st.caption(
            f"A layer of {ROWS} rows and {INPUTS} inputs, drawn from a Gaussian whose covariance has "
            f"eigenvalues like $k^{{-1.5}}$. {BITS} bits, scales that just reach the largest weight (absmax), "
            "codes kept, act-order. "
            "The loss on new inputs is exact, from the covariance itself."
        )
    with picture:
        series = HeldOut(f"{samples} inputs", TARGET, "circle", found.held_out, found.calibration)
        chart(
            held_out_by_damping,
            found.dampings.tolist(),
            [series],
            found.nearest,
            key="overfitting",
            alt=" ".join(overfitting_sentences(found)).replace("**", ""),
        )


def overfitting_sentences(found: Overfitting) -> list[str]:
    """What the curves say."""
    best, least = found.best, found.held_out[0]
    sentences = []
    if found.samples < INPUTS:
        sentences.append(
            f"{found.samples} inputs cannot tell {INPUTS} weights apart: $H$ is singular, and without damping "
            "GPTQ cannot even start."
        )
    sentences += [
        f"With λ = {found.dampings[0]:g} the loss on the inputs seen is {percent(found.calibration[0])}, and on "
        f"new ones {percent(least)}: **{least / found.calibration[0]:.3g} times** as much.",
        f"New inputs lose least with **λ = {found.dampings[best]:.2g}**: {percent(found.held_out[best])}.",
        f"Rounding to nearest looks at no input: {percent(found.nearest)}."
        + (" Too little damping is worse than not calibrating." if least > found.nearest else ""),
    ]
    return sentences


def real_layer() -> None:
    """The same on recorded layers of the packaged model."""
    study = recorded_damping_study()
    st.subheader("The same on a real layer", anchor="real")
    st.markdown(
        "Text in place of Gaussians. The layer is calibrated with few and with many tokens, and "
        "judged on another part of the text that no calibration saw. "
        f":blue-badge[:material/history: real, recorded {study.date}]"
    )
    picture, words = st.columns([3, 2], gap="large")
    with words:
        if shows("controls"):
            option_select("recorded")
        layer = layer_on_show(study)
        sentences = layer_sentences(study, layer)
        st.markdown("\n".join(f"- {sentence}" for sentence in sentences))
    with picture:
        series = [
            HeldOut(f"{tokens:,} tokens", color, symbol, layer.held_out[i], layer.own[i])
            for i, (tokens, (color, symbol)) in enumerate(zip(study.tokens, LOOKS, strict=True))
        ]
        chart(
            held_out_by_damping,
            study.dampings,
            series,
            layer.nearest,
            key="recorded_damping",
            alt=" ".join(sentences).replace("**", ""),
        )
    st.caption(
        f"Model: {study.model}. Calibrated with windows of {study.window} tokens drawn from {study.text}; judged "
        f"on {study.held_out_tokens:,} tokens of {study.held_out_text}. GPTQ, {study.bits} bits, groups of "
        f"{study.group_size}, {study.scale_rule}, codes kept, {ORDER_NAMES[study.order].name}. Recorded {study.date} "
        f"with `{study.command} --record`. To do it here and now, with texts of your own: *Real layers*, "
        "“Calibration text”."
    )


def layer_on_show(study: DampingStudy) -> LayerDamping:
    """The layer that the option names."""
    block, part = chosen("recorded").split(".")
    return next(
        layer
        for layer in study.layers
        if layer.layer.startswith(f"model.layers.{block}.") and layer.layer.endswith(f".{part}")
    )


def layer_sentences(study: DampingStudy, layer: LayerDamping) -> list[str]:
    """What the curves of one layer say."""
    sentences = [f"`{layer.layer}`: {layer.rows:,} rows of {layer.columns:,} weights."]
    for tokens in study.tokens:
        best, factor = study.best(layer, tokens), study.usual_over_best(layer, tokens)
        losses = study.losses(layer, tokens)
        at = f"λ = {best:g}" + (", the least tried" if best == study.dampings[0] else "")
        usual = (
            "the usual λ = 0.01 is as good"
            if factor < 1.005
            else f"the usual λ = 0.01 loses {percent(factor - 1)} more"
        )
        worse = ", and more than rounding to nearest" if losses[0.01] > layer.nearest else ""
        sentences.append(
            f"**{tokens:,} tokens**, {tokens / layer.columns:.2g} for each input: least at **{at}**, "
            f"{percent(losses[best])}; {usual}{worse}."
        )
    sentences.append(
        f"Rounding to nearest: {percent(layer.nearest)}. Calibrated on the held-out text itself, which "
        f"is out of reach: {percent(float(layer.informed.min()))}."
    )
    return sentences
