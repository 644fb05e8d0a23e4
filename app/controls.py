"""Widgets that show and change the shared problem.

A widget's value is set from the problem before it is drawn, and its callback writes back to the
problem. So a drag, a link, a button and a widget can never disagree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import streamlit as st

from app import shared_problem
from app.classroom.share import for_a_class
from app.figures.numbers import symbol
from app.lesson_options import choose
from app.order_names import ORDER_NAMES
from app.session_link import SessionLink
from app.stepper import speaks
from lattice_core import PRESETS, IntegerGrid, Problem, random_problem


@dataclass(frozen=True)
class Try:
    """Something to try: a button that sets the problem and options, and what to look for."""

    label: str
    look: str
    problem: Problem
    step: int = 0
    options: Mapping[str, str] = field(default_factory=dict)


def problem_controls(sizes: Sequence[int]) -> None:
    """Choose the problem, its order, its grid; share it.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of inputs that the page can show.
    """
    # One container around all of it: what comes and goes here must not move the figure below to another place in
    # the page, where it would be put up anew, under the hand that drags it.
    with st.container():
        _problem_controls(sizes)


def _problem_controls(sizes: Sequence[int]) -> None:
    if refused := st.session_state.pop("refused", ""):
        st.warning(f"Nothing was changed. {shared_problem.plain(refused)}")
    shown = shared_problem.problem()
    choices = [name for name, preset in PRESETS.items() if preset.problem.size in sizes]
    choices += [f"random {size}" for size in sizes]
    here = f"random {shown.size}" if shown.name == "random" else shown.name
    if here not in choices:
        choices.append(here)
    with st.container(horizontal=True, vertical_alignment="bottom", key="problem_controls"):
        bound_widget(
            st.selectbox, "Problem", "preset", here, _choose, options=choices, format_func=_title
        )
        bound_widget(
            st.selectbox,
            "Order of rounding",
            "order",
            shown.order,
            lambda order: shared_problem.change(order=order),
            options=list(ORDER_NAMES),
            format_func=lambda order: ORDER_NAMES[order].title,
        )
        bound_widget(
            st.selectbox,
            "Integer grid",
            "bits",
            0 if shown.bits is None else shown.bits,
            lambda bits: shared_problem.change(bits=bits or None),
            options=range(9),
            format_func=_grid_title,
            help="A b-bit grid has the codes −2^(b−1) … 2^(b−1)−1. "
            "Other codes are clipped to its ends.",
        )
        if shown.name == "random":
            bound_widget(
                st.number_input,
                "Seed",
                "seed",
                shown.seed or 0,
                lambda seed: shared_problem.show(random_problem(shown.size, seed), at_step=0),
                min_value=0,
                max_value=2**32 - 1,
                step=1,
            )
        _share()
    if shown.name in PRESETS:
        preset = PRESETS[shown.name]
        st.caption(f"{preset.about} {preset.provenance}")


def weight_and_damping_inputs() -> None:
    """The target by numbers: the weights themselves. The way in for keyboard and screen reader."""
    shown = shared_problem.problem()
    with st.container(horizontal=True, key="weight_inputs"):
        for j, weight in enumerate(shown.weights):
            bound_widget(
                st.number_input,
                f"Weight {symbol('w', j)}",
                f"weight_{j}",
                weight,
                lambda value, j=j: _set_weight(j, value),
                step=shown.scales[j] / 10,
                format="%.4f",
                help=f"Scale (grid spacing) {symbol('s', j)} = {shown.scales[j]:g}",
            )
        bound_widget(
            st.select_slider,
            "Damping λ",
            "damping",
            shown.damping,
            lambda damping: shared_problem.change(damping=damping),
            options=sorted({0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, shown.damping}),
            help="Adds λ · mean(diag H) to the diagonal of H = XᵀX. With a large λ all is rounded to nearest.",
        )


def try_this(ideas: Sequence[Try]) -> None:
    """Buttons that set up something worth looking at."""
    for idea in ideas:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                idea.label,
                key=f"try_{idea.label}",
                on_click=_set_up,
                args=(idea,),
            )
            st.markdown(idea.look)


def _set_up(idea: Try) -> None:
    shared_problem.show(idea.problem, at_step=idea.step)
    for name, code in idea.options.items():
        choose(name, code)


def bound_widget(
    widget: Callable, label: str, name: str, value: object, write: Callable, **options: object
) -> None:
    """A widget that shows this value and writes another back; what cannot be done is said.

    Parameters
    ----------
    widget : callable
        Of streamlit, such as ``st.number_input``.
    label, name : str
        What the visitor reads, and the end of its key.
    value : object
        To show.
    write : callable
        Called with the new value; a ``ValueError`` leaves all as it was.
    **options
        Of the widget.
    """
    key = f"control_{name}"
    st.session_state[key] = value

    def changed() -> None:
        if speaks():  # the visitor's hand is in a figure: this is what the browser showed before
            return
        try:
            write(st.session_state[key])
        except ValueError as error:
            st.session_state.refused = f"{label}: {error}"

    widget(label, key=key, on_change=changed, **options)


def _choose(choice: str) -> None:
    kind, _, size = choice.partition(" ")
    if kind == "random":
        shared_problem.show(random_problem(int(size), 0), at_step=0)
    elif kind in PRESETS:
        shared_problem.show(PRESETS[kind].problem, at_step=0)


def _set_weight(j: int, value: float) -> None:
    shown = shared_problem.problem()
    weights = (*shown.weights[:j], float(value), *shown.weights[j + 1 :])
    shared_problem.show(replace(shown, weights=weights))


def _title(choice: str) -> str:
    kind, _, size = choice.partition(" ")
    if kind == "random":
        return f"Random, {size} inputs"
    return PRESETS[kind].title if kind in PRESETS else "Custom"


def _grid_title(bits: int) -> str:
    if bits == 0:
        return "All integers (no clipping)"
    grid = IntegerGrid(bits)
    return f"{bits} bit{'s' if bits > 1 else ''}: −{-grid.low} … {grid.high}"


def _share() -> None:
    with st.popover("Share", icon=":material/link:"):
        st.write("The address bar always holds a link to what you see.")
        address = (st.context.url or "").partition("?")[0]
        alone = shared_problem.link_to_here(SessionLink())
        st.code(f"{address}?{alone}", language=None, wrap_lines=True)
        for_a_class(address)
