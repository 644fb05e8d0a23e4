"""Why the mean is a third of the bound: the integral over the box, with this problem's numbers."""

import streamlit as st

from app.chart import chart
from app.figures.mean_square import mean_square_figure
from app.figures.numbers import short
from lattice_core import Problem, expected_loss
from lattice_core.bound_laws import edge_means


def why_a_third(problem: Problem) -> None:
    """The formula on the left, the parabola on the right."""
    st.subheader("Why a third?", anchor="third")
    words, picture = st.columns([3, 2], gap="large", vertical_alignment="center")
    with words:
        st.markdown(
            "In each step the target is $u$ distances from its plane, $u$ between $-\\frac12$ and "
            "$\\frac12$, and pays $u^2$ times the squared edge $d_j^2 = D_j s_j^2$. At the ends that is "
            "$\\frac14$, the most. On average it is the area under the parabola, $\\frac1{12}$: **a third of "
            "$\\frac14$**.\n\n"
            "At a corner all $u$ are $\\pm\\frac12$ at once, so every step pays its most. That is rare: all "
            "steps must be unlucky together. The edges of the box are at right angles. So the mean over "
            "the box is one such integral for each edge, with the numbers of this problem:"
        )
    with picture:
        chart(
            mean_square_figure,
            key="mean_square",
            alt="The parabola u² from −½ to ½. It ends at a quarter. The area under it is that of a "
            "rectangle of height one twelfth.",
        )
    st.latex(_integral(problem))


def _integral(problem: Problem) -> str:
    """LaTeX: the mean of ‖e‖² over the box, edge by edge."""
    means = edge_means(problem)
    order = [int(j) + 1 for j in problem.order_indices]
    terms = _sum([rf"\frac{{d_{{{j}}}^2}}{{12}}" for j in order])
    numbers = _sum([_number(value) for value in means])
    mean = expected_loss(problem.damped_hessian, problem.scales, problem.order_indices)
    return (
        r"\begin{aligned} \frac{1}{\mathrm{volume}} \int_{\mathrm{box}} \lVert e \rVert^2 \, de "
        rf"&= {terms} \\ &= {numbers} \\ &= {_number(mean)} "
        rf"= \tfrac13 \cdot {_number(3 * mean)} \end{{aligned}}"
    )


def _sum(terms: list[str], per_line: int = 3) -> str:
    """LaTeX inside ``aligned``: broken into lines that a phone can show."""
    lines = [" + ".join(terms[k : k + per_line]) for k in range(0, len(terms), per_line)]
    return r" \\ &\quad + ".join(lines)


def _number(value: float) -> str:
    mantissa, e, exponent = short(value).replace("−", "-").partition("e")
    return rf"{mantissa}\cdot 10^{{{int(exponent)}}}" if e else mantissa
