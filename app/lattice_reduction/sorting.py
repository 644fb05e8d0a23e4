"""LLL on the inputs of a real layer, watched as a permutation (law L12, the measurement)."""

import streamlit as st

from app.cached import recorded_real_reduction, sorting_of
from app.figures.sorting import sorting_figure
from app.lesson_options import chosen, option_buttons
from app.shared_problem import shows
from app.stepper import stepper

SIZE = 32
SLICE = 0


def sorting() -> None:
    """The stepped figure, and what in it is a law."""
    record = recorded_real_reduction()
    real = record.slices[SLICE]
    st.subheader("On a real layer, LLL sorts", anchor="sorting")
    st.markdown(
        f"{SIZE} inputs of `{real.layer}`, evenly spread over its 576, one grid spacing for all. LLL "
        "starts from a natural order. Each dot is an input: across, its place now; up, its place in "
        "**min-pivot's** order. LLL knows nothing of that order. Step, or press play."
    )
    if shows("controls"):
        option_buttons("sorted")
    path = sorting_of(SLICE, SIZE, chosen("sorted"))
    stepper(
        lambda: sorting_figure(path),
        key="sorting_stepper",
        step=st.session_state.get("sorting_step", 0),
        on_step=_go_to,
        height=420,
    )
    last = path.frames[-1]
    st.markdown(
        "**What is a law, and what was measured.** *Law L12*: in min-pivot's order Lovász's test with "
        "$\\delta = 1$ holds for every pair of neighbours, before any size reduction; and size reduction "
        "alone changes no answer. So as long as size reductions do not upset the tests, LLL has nothing "
        "left to exchange in that order. *Measurement*: from another order LLL need not end there. On "
        f"these inputs it does{'' if last.inversions == 0 else ' nearly'}: {last.inversions} pairs out of "
        f"order, $\\sum_j D_j$ at {last.pivot_sum / path.goal_sum:.6f} of min-pivot's. The "
        f"{last.size_reductions} size reductions mix inputs, so the basis is not the inputs themselves, "
        "but its box is the box of min-pivot's order."
    )
    st.caption(
        f"Hessian of {record.tokens:,} tokens of text, {100 * record.damping:g} % damping. Recorded "
        f"{record.date} with `{record.command}`; LLL ran here, now, move by move."
    )


def _go_to(step: int) -> None:
    st.session_state.sorting_step = step
