"""Lesson: the order of rounding shapes the box, and min-pivot looks for an even one."""

from dataclasses import replace

import plotly.graph_objects as go
import streamlit as st

from app import lesson, lesson_takeaways, shared_problem
from app.chart import chart
from app.controls import Try, problem_controls, try_this, weight_and_damping_inputs
from app.downloads import downloads
from app.figures.order_cloud import cloud_figure
from app.figures.residual_arrows import arrows_figure
from app.figures.residual_bars import bars_figure
from app.laws import laws_panel
from app.quantization_order.all_orders import (
    AllOrders,
    all_orders,
    all_orders_csv,
    best_bound_has_best_loss,
    cloud_sentences,
    residual_table,
)
from app.quantization_order.details import SIZES, order_details
from app.quantization_order.rotated_inputs import (
    OUTLYING,
    as_on_show,
    rotation_law,
    rotation_section,
    rotation_switch,
)
from app.quiz import predict
from app.snippets import every_order_snippet
from lattice_core import PRESETS, Problem, laws, min_pivot_steps, order_laws, random_problem


def page() -> None:
    lesson.title("Quantization order", "Which weight should be rounded first?")
    st.markdown(
        "The error of nearest plane stays in a box. Its edges are **Gram-Schmidt lengths**, "
        "$s_j\\sqrt{D_j}$, and its worst corner is the bound, $\\frac14\\sum_j D_j s_j^2$. "
        "Another order of rounding gives another box, but always of the same volume. So the best "
        "order has the most even edges. **Min-pivot** looks for it greedily, from the weight rounded last: it "
        "takes the input $x_j$ (column $j$ of $X$; the basis vector is $b_j = s_j x_j$) that is shortest, "
        "removes its direction from the others, and goes on with what is left of them."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=SIZES)
    unrotated = shared_problem.problem()
    rotation_switch(unrotated)
    problem = as_on_show(unrotated)
    orders = all_orders(problem)
    _stepper(problem)
    if shared_problem.shows("quiz"):
        _quiz(problem, orders)
    if shared_problem.shows("laws"):
        laws_panel(
            [
                *rotation_law(unrotated),
                order_laws.min_pivot_takes_the_shortest(problem),
                order_laws.greedy_pivots_satisfy_lovasz(problem),
                laws.determinant_is_order_free(problem),
                laws.no_order_beats_the_floor(problem),
                laws.loss_is_bounded(problem),
            ]
        )
    lesson_takeaways.quantization_order()
    if shared_problem.shows("numbers"):
        rotation_section(unrotated)
    if shared_problem.shows("try"):
        _try()
    _cloud(orders)
    if shared_problem.shows("numbers"):
        order_details(problem, orders)
    lesson.code(every_order_snippet(problem))
    lesson.sources(
        {
            "C": "Algorithm 3 (min-pivot), Theorem 5 (the bound).",
            "B": "the bound.",
            "GPTQ": "front to back; act-order is an option of its code.",
        }
    )
    if shared_problem.shows("downloads"):
        downloads(_draw, problem, "Quantization order", all_orders=all_orders_csv)
    shared_problem.mirror_in_url("rotate")


def _draw(problem: Problem) -> go.Figure:
    return arrows_figure(problem) if problem.size <= 3 else bars_figure(problem)


def _stepper(problem: Problem) -> None:
    # The table has a column for each input.
    picture, numbers = st.columns([3, 2] if problem.size <= 3 else [1, 1], gap="medium")
    with picture:
        lesson.stepped(
            lambda shown: _draw(as_on_show(shown)),
            key=f"pivot_stepper_{problem.size}",
            draggable=False,
            height=480,
        )
    with numbers:
        if shared_problem.shows("numbers"):
            st.markdown("**What is left of each input, before each step**")
            st.markdown(
                residual_table(min_pivot_steps(problem.damped_hessian), shared_problem.step())
            )
            st.caption(
                "★ the shortest: taken. Its length is $R_{jj} = \\sqrt{D_j}$. What is taken first is "
                "rounded last, so the order of rounding is this one read backwards. The picture always "
                "shows min-pivot; the order chosen above is bold in the tables below."
            )
            if problem.size > 3:
                st.caption(
                    f"{problem.size} inputs are arrows in {problem.size} dimensions. "
                    "A picture has three, so only their lengths are drawn."
                )
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()


def _quiz(problem: Problem, orders: AllOrders) -> None:
    yes, numbers = best_bound_has_best_loss(orders)
    options = ["Yes, no order has a smaller loss", "No, another order has a smaller loss"]
    predict(
        f"There are {len(orders.kept.orders)} orders. Take the one with the smallest bound. "
        "For the target on show, every code kept: has it the smallest loss, too?",
        options,
        options[0] if yes else options[1],
        f"{numbers} The bound is for the worst target in the box. A single target may be luckier in "
        "another order; the mean over the box is a third of the bound (law L7), in every order.",
        key=f"order {problem!r}",
    )


def _cloud(orders: AllOrders) -> None:
    st.subheader("All orders at once", anchor="cloud")
    st.markdown(
        f"{cloud_sentences(orders)} Orders that end on the same lattice point stand at one height."
    )
    chart(
        cloud_figure,
        orders.kept,
        orders.named,
        orders.floor,
        key="cloud",
        alt="Every order of rounding as a point, its bound across and its loss upwards. "
        "No point is left of the floor or above the line where the loss is the bound.",
    )


def _try() -> None:
    st.subheader("Try this", anchor="try")
    as_they_are, turned = {"rotate": "none"}, {"rotate": "hadamard"}
    try_this(
        [
            Try(
                "Three arrows, step by step",
                "Step through. Turn the picture: what is left stands at right angles to what was taken.",
                PRESETS["three_orders"].problem,
                1,
                as_they_are,
            ),
            Try(
                "Right angles",
                "Nearly orthogonal inputs: the bounds nearly meet the floor, and the order hardly matters.",
                PRESETS["nearly_orthogonal"].problem,
                options=as_they_are,
            ),
            Try(
                "Greedy misses",
                "Min-pivot's bound is third of six: the shortest arrow was the wrong one to begin with. All "
                "six end on one point here, so only the bound is worse.",
                random_problem(3, 30),
                4,
                as_they_are,
            ),
            Try(
                "Clip",
                "Two bits. Min-pivot has the smallest bound, and seven times act-order's loss: "
                "look under *Clipping*.",
                replace(random_problem(3, 65), bits=2),
                options=as_they_are,
            ),
            Try(
                "720 orders",
                "Six inputs. Find the floor, and the row of points that share the best loss.",
                random_problem(6, 3),
                options=as_they_are,
            ),
            Try(
                "Spread an outlier",
                "One input is three times as long as the others, and one weight is large. Rotated, "
                "pivots and weights are more even: look at the table of the rotation.",
                OUTLYING,
                options=turned,
            ),
            Try(
                "Rotate what was even",
                "Two inputs of like size that go together become a long sum and a short difference: "
                "the bound grows.",
                PRESETS["skewed"].problem,
                options=turned,
            ),
        ]
    )


page()
