"""Lesson: damping, from the data's lattice to rounding each weight by itself."""

from collections.abc import Sequence

import streamlit as st

from app import lesson, shared_problem
from app.cached import losses_by_damping
from app.controls import Try, problem_controls, try_this, weight_and_damping_inputs
from app.damping.held_out import made_up_layer, real_layer
from app.damping.numbers import appended_block, damping_table, losses_csv
from app.damping.words import nearest_quiz, number_to_remember, trap_sentence
from app.downloads import downloads
from app.figures.damping_curves import loss_by_damping
from app.figures.damping_path import damping_figure
from app.laws import laws_panel
from app.snippets_damping import damping_snippet
from lattice_core import PRESETS, Problem, damping_laws
from lattice_core.damping_path import DampedRounding, damping_path, nearest_loss

PICTURED = (2, 3)
SIZES = (2, 3, 4, 5, 6)


def page() -> None:
    lesson.title("Damping", "What does the number that everybody adds to the diagonal do?")
    st.markdown(
        "GPTQ does not use $H = X^\\top X$ but $\\bar H = H + \\lambda \\cdot "
        "\\mathrm{mean}(\\mathrm{diag}\\,H) \\cdot I$. **To quantization** it says: an error of a "
        "weight costs something by itself, whatever the inputs do. **To the lattice** it says: append "
        "$\\mu I$ below $X$, with $\\mu^2$ the number added. Each basis vector gets a coordinate of its own, and "
        "all of them turn "
        "towards right angles. Each step below has a larger $\\lambda$. The picture "
        "is centred at the target and shrunk by $\\sqrt{1 + \\lambda}$, to stay in view."
    )
    if shared_problem.shows("controls"):
        problem_controls(sizes=SIZES)
    problem = shared_problem.problem()
    try:
        path = damping_path(problem)
    except ValueError as error:
        st.warning(f"There is no path to show. {shared_problem.plain(str(error))}")
        shared_problem.mirror_in_url()
        return
    last = len(path) - 1
    step = shared_problem.step(last)
    picture, numbers = st.columns([1, 1], gap="medium")
    with picture:
        _picture(problem, path)
        if shared_problem.shows("controls"):
            weight_and_damping_inputs()
            st.caption(
                "This λ is the problem's own, as on the other pages. Each step has another. The problem's is "
                "marked in the curve below."
            )
    with numbers:
        if shared_problem.shows("numbers"):
            appended_block(problem, path[step].damping)
            damping_table(problem, path, step, all_rows=problem.size not in PICTURED)
    if shared_problem.shows("quiz"):
        nearest_quiz(problem, path)
    if shared_problem.shows("laws"):
        laws_panel(
            [
                damping_laws.damping_appends_inputs(problem, min(path[step].damping, 100.0)),
                damping_laws.much_damping_rounds_to_nearest(problem),
                damping_laws.losses_stand_in_line(path[step]),
                damping_laws.undamped_pivots_bound_less(path[step]),
            ]
        )
    number_to_remember()
    _curve(problem, path, step)
    made_up_layer()
    real_layer()
    if shared_problem.shows("try"):
        _try()
    lesson.code(damping_snippet(problem))
    lesson.sources(
        {
            "B": "damping as appended inputs, and its limit, round-to-nearest.",
            "C": "Theorem 5: the bound, with the pivots of the damped Hessian.",
            "GPTQ": "section 3.3: 1 % of the mean diagonal, added for numerical stability.",
        }
    )
    if shared_problem.shows("downloads") and problem.size in PICTURED:
        downloads(damping_figure, problem, "Damping", every_damping=lambda _: losses_csv(path))
    shared_problem.mirror_in_url("seen", "draw", "recorded", last_step=last)


def _picture(problem: Problem, path: Sequence[DampedRounding]) -> None:
    if problem.size not in PICTURED:
        st.info(
            f"This problem has {problem.size} inputs. A picture needs two or three; the numbers go on.",
            icon=":material/info:",
        )
        return
    lesson.stepped(
        damping_figure,
        key=f"damping_stepper_{problem.size}",
        draggable=False,
        height=560,
        last_step=len(path) - 1,
    )
    if path[0].damping > 0:
        st.caption(
            "Here $H$ is singular: without damping there is no lattice, so λ = 0 is left out."
        )


def _curve(problem: Problem, path: Sequence[DampedRounding], step: int) -> None:
    st.subheader("Two losses, two bounds", anchor="curve")
    picture, words = st.columns([3, 2], gap="large")
    with picture:
        st.plotly_chart(
            loss_by_damping(
                losses_by_damping(problem),
                path,
                here=path[step].damping,
                own=problem.damping,
                nearest=nearest_loss(problem),
            ),
            key="loss_by_damping",
            alt="Loss on the data, damped loss and both bounds against damping. The table above has "
            "the numbers.",
        )
    with words:
        st.markdown(
            "- The **loss on the data** $\\lVert X(q - w)\\rVert^2$ jumps where a code changes, and ends "
            "at that of rounding to nearest.\n"
            "- The **damped loss** also charges $\\bar\\lambda\\,\\lVert q - w\\rVert^2$, with "
            "$\\bar\\lambda = \\mu^2$. It is never the smaller one and, unless a code is clipped, never above its "
            "bound.\n"
            "- **The trap.** Take the codes of the damped problem, but the pivots of $H$ alone. The "
            f"number looks like a bound. {trap_sentence(path)}\n"
            "- The damping that the problem itself has, on the other pages, is marked."
        )


def _try() -> None:
    st.subheader("Try this", anchor="try")
    singular = Problem(((1.0, 1.0), (1.0, 1.0)), (0.21, 0.33), (0.5, 0.5), damping=0.01)
    real = PRESETS["real_three_inputs"].problem
    try_this(
        [
            Try(
                "Forget the angle",
                "At λ = 100 the skewed lattice has become square, and its codes those of rounding.",
                PRESETS["skewed"].problem,
                7,
            ),
            Try(
                "Against the wrong bound",
                "λ = 1, two inputs of a real layer: even the loss on the data is above the bound of "
                "H alone, and below its own.",
                PRESETS["real_two_inputs"].problem,
                4,
            ),
            Try(
                "There and back",
                "A row of a real layer: λ = 0.01 finds a better code than λ = 0, for nearest plane is "
                "not exact. λ = 1 gives it up again.",
                real.with_target(real.lattice.point([-0.41, 0.27, 0.44])),
                1,
            ),
            Try(
                "Two inputs that are one",
                "H is singular. Without damping there is no lattice; 1 % makes one, flat as it is.",
                singular,
                0,
            ),
            Try(
                "Three inputs",
                "The box turns into the cell in space. Turn it with the mouse.",
                real,
                5,
            ),
        ]
    )


page()
