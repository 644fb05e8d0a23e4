"""The switch that rotates the inputs, and what it changes."""

import streamlit as st

from app.figures.bound_bars import percent
from app.figures.numbers import short
from app.lesson_options import chosen, option_buttons
from app.order_names import ORDER_NAMES
from app.shared_problem import plain, shows
from lattice_core import ORDERS, Problem
from lattice_core.laws import LawCheck
from lattice_core.rotation import (
    RotationSide,
    is_hadamard,
    mixing_matrix,
    rotated,
    rotation_keeps_the_floor,
    rotation_side,
)

# One input is long, one weight is large: what a rotation is made for.
OUTLYING = Problem(
    hessian=[
        [9.0, 0.9, 0.6, 0.3],
        [0.9, 1.0, 0.2, 0.1],
        [0.6, 0.2, 1.0, 0.3],
        [0.3, 0.1, 0.3, 1.0],
    ],
    weights=(0.31, -0.42, 1.9, 0.57),
    scales=(0.5, 0.5, 0.5, 0.5),
    bits=3,
)


def is_rotated() -> bool:
    """Whether the switch is on."""
    return chosen("rotate") == "hadamard"


def as_on_show(problem: Problem) -> Problem:
    """The problem as the page shows it; itself where it cannot be rotated."""
    if not is_rotated():
        return problem
    try:
        return rotated(problem)
    except ValueError:
        return problem


def rotation_law(problem: Problem) -> list[LawCheck]:
    """Law L10 across the rotation, if one is on show."""
    turned = as_on_show(problem)
    return [] if turned is problem else [rotation_keeps_the_floor(problem, turned)]


def rotation_switch(problem: Problem) -> None:
    """The switch, and a warning that all numbers below are those of mixtures."""
    if shows("controls"):
        option_buttons("rotate")
    if not is_rotated():
        return
    if as_on_show(problem) is problem:
        st.warning(
            "This problem cannot be rotated: its numbers are too far apart. It is shown as it is.",
            icon=":material/block:",
        )
        return
    st.caption(
        f"All below is for rotated inputs: each $x_j$ and each $w_j$ is a mixture of all {problem.size}. "
        "The boxes for the weights still show the row as it was."
    )


def rotation_section(problem: Problem) -> None:
    """Before and after, in one table."""
    st.subheader("What a rotation of the inputs changes", anchor="rotation")
    st.markdown(
        "With an orthonormal matrix $Q$ a layer can be written as $Xw = (XQ)(Q^\\top w)$. Before rounding "
        "nothing changes. But now it is the entries of $Q^\\top w$ that are rounded, in the lattice of the columns of "
        "$XQ$. "
        f"{_matrix(problem.size)}"
    )
    try:
        turned = rotated(problem)
    except ValueError as error:
        st.info(f"This problem cannot be rotated. {plain(str(error))}", icon=":material/info:")
        return
    before, after = rotation_side(problem), rotation_side(turned)
    table, words = st.columns(2, gap="large")
    with table:
        st.markdown(_table(problem, before, after))
    with words:
        st.markdown(_meaning(problem, before, after))
        st.caption(_scales(problem))


def _matrix(size: int) -> str:
    if is_hadamard(mixing_matrix(size)):
        return f"Here $Q$ is a **Hadamard** matrix: all its entries are $\\pm 1/\\sqrt{{{size}}}$."
    return (
        f"For {size} inputs there is no Hadamard matrix. Here $Q$ is the **discrete Hartley** matrix: it "
        "mixes every input into every other, but not in equal parts."
    )


def _table(problem: Problem, before: RotationSide, after: RotationSide) -> str:
    rows = [
        ("$\\det \\bar H$", before.determinant, after.determinant),
        ("floor of the bound", before.floor, after.floor),
        *(
            (f"bound, {ORDER_NAMES[name].name}", before.bounds[name], after.bounds[name])
            for name in ORDERS
        ),
        ("largest $\\lvert w_j \\rvert$", before.largest_weight, after.largest_weight),
    ]
    if before.clipped is not None:
        rows += [
            (f"absmax spacing, {problem.bits} bits", before.absmax_scale, after.absmax_scale),
            ("codes clipped at that spacing", before.clipped, after.clipped),
            ("loss at that spacing", before.loss, after.loss),
        ]
    lines = ["| | as they are | rotated |", "|---|--:|--:|"]
    lines += [f"| {name} | {short(left)} | {short(right)} |" for name, left, right in rows]
    return "\n".join(lines)


def _scales(problem: Problem) -> str:
    said = "The bounds are for the grid spacing of the problem, the same on both sides."
    if len(set(problem.scales)) > 1:
        said = (
            "This row has a grid spacing for each weight. A mixture of weights cannot keep them, so the "
            "rotated ones share one, the geometric mean: it leaves the volume as it was."
        )
    if problem.bits is None:
        return f"{said} Choose an integer grid above to see what clipping does."
    return (
        f"{said} The last rows have the spacing that $\\max\\lvert w \\rvert$ asks for, "
        f"$\\max\\lvert w \\rvert / (2^{{b-1}} - \\frac12)$, on each side its own."
    )


def _meaning(problem: Problem, before: RotationSide, after: RotationSide) -> str:
    left, right = before.bounds["min_pivot"], after.bounds["min_pivot"]
    change = percent(abs(right / left - 1))
    if abs(right / left - 1) < 1e-3:
        here = "Here min-pivot's bound hardly changes."
    elif right < left:
        here = f"Here the pivots become **more even**: min-pivot's bound falls by {change}."
    else:
        here = f"Here the pivots become **less even**: min-pivot's bound grows by {change}."
    return (
        f"{here} A rotation keeps the product of the pivots, and neither the floor nor $\\mathrm{{tr}}\\,\\bar H$, "
        "the limit above, moves. What counts is how even the pivots are.\n\n"
        "Inputs of unequal size that have little to do with each other are evened out. Two inputs of "
        "one size that go together become their sum, long, and their difference, short: at right "
        "angles, but less even.\n\n"
        "Real models have a few outlying inputs and weights. A rotation spreads them over all coordinates, and the "
        "largest weight, which sets the spacing, usually shrinks. It is often said that more orthogonal inputs "
        "quantize better: for the bound that is so if their pivots are more even."
    )
