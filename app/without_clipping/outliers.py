"""The first way: outliers kept apart, on a toy row and on a recorded layer (law L19)."""

from functools import partial

import streamlit as st

from app.cached import toy_outlier_rates
from app.figures.numbers import percent, short
from app.figures.outlier_row import outlier_figure
from app.figures.scale_search import search_figure
from app.lesson_options import chosen, option_buttons
from app.shared_problem import shows
from app.stepper import stepper
from app.without_clipping.recorded import layer_on_show, layer_title
from app.wrong_world import break_it
from lattice_core.laws import LawCheck
from lattice_core.outlier_row import outliers_keep_the_bound, outliers_keep_the_sum, ssqr_row
from lattice_core.scale_search import ScaleTrial
from lattice_core.toy_row import SIZE, ToyRun, toy_run, toy_search
from lattice_core.wrong_worlds import RIGHT, forgetful_ssqr_row

WORLDS = {RIGHT: ssqr_row, "forget_outliers": forgetful_ssqr_row}


def toy_on_show() -> tuple[ToyRun, tuple[ScaleTrial, ...]]:
    """The toy row at the factor found, in the world on show; and the search, which is the right world's."""
    bits, most = int(chosen("toy_bits")), int(chosen("outliers"))
    found, trials = toy_search(bits, most)
    return toy_run(bits, found.row.factor, WORLDS[chosen("wrong_outliers")]), trials


def outlier_laws(run: ToyRun) -> list[LawCheck]:
    """L19 on the toy row."""
    return [outliers_keep_the_sum(run.row, run.trace), outliers_keep_the_bound(run.row, run.trace)]


def outliers_kept_apart(run: ToyRun, trials: tuple[ScaleTrial, ...]) -> None:
    """Steps, search, and the same on a real layer."""
    st.subheader("First way: keep outliers apart", anchor="outliers")
    st.markdown(
        "A few weights need codes that do not fit. **SSQR** takes them out of the grid: code 0, and the value "
        "itself beside it, in 16 bits. What is stored is not the weight $w_j$ but $a_j = w_j + \\sum_k U_{jk} "
        "e_k$, rounded to a 16-bit value $v_j$. It is the weight with all errors $e_k = w_k - v_k$ pushed to it so "
        "far; $U$ is the triangular factor of $\\bar H = U^\\top \\mathrm{diag}(D)\\,U$. So the error that an outlier "
        "pushes on is $w_j - v_j$, **not zero**. **To the lattice:** an outlier has a plane through the target itself."
    )
    picture, numbers = st.columns([3, 2], gap="large")
    with picture:
        _steps(run)
    with numbers:
        if shows("controls"):
            option_buttons("toy_bits")
            option_buttons("outliers")
        if shows("numbers"):
            _numbers(run)
        break_it(
            outlier_laws(run),
            "**No law fails here:** there is no outlier whose error could be forgotten. Allow one.",
            option="wrong_outliers",
        )
    _search(run, trials)
    _real()


def _steps(run: ToyRun) -> None:
    forgets = chosen("wrong_outliers") != RIGHT
    stepper(
        lambda: outlier_figure(run, forgets=forgets),
        key="outlier_stepper",
        step=st.session_state.get("outlier_step", 0),
        on_step=lambda step: st.session_state.update(outlier_step=step),
        height=430,
    )


def _numbers(run: ToyRun) -> None:
    fits = sum(step.cost for step in run.trace.steps if not step.outlier)
    st.markdown(
        "| toy row | |\n|:--|--:|\n"
        f"| factor $f$ of the scale | {short(run.row.factor)} |\n"
        f"| outliers | {run.trace.outliers} of {SIZE} |\n"
        f"| loss from the stored values | **{short(run.loss)}** |\n"
        f"| $\\sum_j D_j (a_j - v_j)^2$ | {short(run.trace.cost)} |\n"
        f"| of it, weights on the grid | {short(fits)} |"
    )


def _search(run: ToyRun, trials: tuple[ScaleTrial, ...]) -> None:
    st.markdown(
        "**How large should the scale be?** A large scale holds every weight and rounds coarsely. A small one "
        "rounds finely and has many outliers, of 32 bits each: value and place. One factor $f$ multiplies all "
        "scales. The rate of "
        "outliers is a **step function** of $f$: steps are taken from 1 until it lies between two factors, then "
        "the interval is bisected."
    )
    bits, most = run.row.bits, int(chosen("outliers"))
    stepper(
        lambda: search_figure(
            trials,
            most / SIZE,
            curve=toy_outlier_rates(bits),
            steps=True,
            share=True,
            start=f"Looked for: the least factor that leaves at most {most} of {SIZE} weights outside the grid. "
            "At factor 1 the largest weight would just fit, were it not for the errors pushed to it.",
            end=f"Taken: factor {short(run.row.factor)}, the least one found that is large enough. Between two "
            "steps of the curve nothing changes but the rounding.",
        ),
        key="outlier_search_stepper",
        step=st.session_state.get("outlier_search_step", 0),
        on_step=lambda step: st.session_state.update(outlier_search_step=step),
        height=380,
    )


def _real() -> None:
    layer, bits = layer_on_show(), int(chosen("kept_bits"))
    ssqr, gptq = layer.run("ssqr", bits), layer.run("gptq", bits)
    curve = layer.outlier_curve(bits)
    st.markdown(
        f"**On a real layer** ({layer_title(layer)}, {bits} bits). GPTQ clips {percent(gptq.clipped_fraction)} of "
        f"the codes and loses {percent(gptq.relative_loss)}. SSQR needs $f$ = {short(ssqr.factor)} to leave "
        f"{percent(ssqr.outlier_rate)} outside. Then it loses **{percent(ssqr.relative_loss)}**, in "
        f"{ssqr.bits_per_weight:.2f} bits instead of {gptq.bits_per_weight:.2f}, and its bound holds. "
        + (
            "**The bound is back, but the loss is not smaller:** to leave so few outside, the scale had to grow "
            "too much. Keeping apart pays when few weights are far out."
            if ssqr.relative_loss >= gptq.relative_loss
            else "Fewer large errors are worth the coarser grid."
        )
    )
    draw = partial(
        search_figure,
        ssqr.trials,
        0.01,
        curve=(curve.factors, curve.measured),
        share=True,
        start="Looked for: the least factor that leaves at most 1 % of the weights outside the grid. The curve "
        "was recorded too.",
        end=f"Taken: factor {short(ssqr.factor)}, with {percent(ssqr.outlier_rate)} outliers. Within 5 % of the rate "
        "asked for is near enough.",
    )
    if st.toggle("The bisection on this layer, as steps", key="layer_outlier_search"):
        stepper(
            draw,
            key=f"layer_outlier_stepper_{len(ssqr.trials)}",
            step=st.session_state.get("layer_outlier_step", 0),
            on_step=lambda step: st.session_state.update(layer_outlier_step=step),
            height=380,
        )
