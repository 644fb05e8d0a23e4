"""What every lesson page has: title, figure, code, sources."""

from collections.abc import Callable

import streamlit as st

from app import shared_problem
from app.chart import Figure, drawn
from app.shared_problem import shows
from app.stepper import OnDrag, stepper
from lattice_core import Problem

PAPERS = {
    "C": (
        "Chen, Shabanzadeh, Crnčević, Hoefler, Alistarh, *The Geometry of LLM Quantization: GPTQ as "
        "Babai's Nearest Plane Algorithm*, [arXiv:2507.18553](https://arxiv.org/abs/2507.18553) (v4)"
    ),
    "B": (
        "Birnick, *The Lattice Geometry of Neural Network Quantization*, "
        "[arXiv:2508.01077](https://arxiv.org/abs/2508.01077) (v2)"
    ),
    "W": "*WaterSIC*, [arXiv:2603.04956](https://arxiv.org/abs/2603.04956)",
    "Babai": (
        "Babai, *On Lovász' lattice reduction and the nearest lattice point problem*, "
        "Combinatorica 6 (1986) 1–13"
    ),
    "GPTQ": (
        "Frantar, Ashkboos, Hoefler, Alistarh, *GPTQ*, "
        "[arXiv:2210.17323](https://arxiv.org/abs/2210.17323) (v2)"
    ),
    "OBQ": (
        "Frantar, Singh, Alistarh, *Optimal Brain Compression*, "
        "[arXiv:2208.11580](https://arxiv.org/abs/2208.11580) (v2)"
    ),
    "LLL": (
        "Lenstra, Lenstra, Lovász, *Factoring polynomials with rational coefficients*, "
        "Mathematische Annalen 261 (1982) 515–534"
    ),
    "Klein": "Klein, *Finding the closest lattice vector when it's unusually close*, SODA 2000, 937–941",
    "FinckePohst": (
        "Fincke, Pohst, *Improved methods for calculating vectors of short length in a lattice*, "
        "Math. Comp. 44 (1985) 463–471"
    ),
    "SchnorrEuchner": (
        "Schnorr, Euchner, *Lattice basis reduction: improved practical algorithms and solving subset sum "
        "problems*, Math. Programming 66 (1994) 181–199"
    ),
    "O": "*OJBKQ*, [arXiv:2602.08376](https://arxiv.org/abs/2602.08376)",
}


def title(text: str, question: str) -> None:
    """The page's title and the question it answers."""
    st.title(text, anchor=False)
    st.markdown(f"##### {question}")


def stepped(
    draw: Callable[[Problem], Figure],
    *,
    key: str,
    draggable: bool,
    height: int = 520,
    last_step: int | None = None,
    on_drag: OnDrag = shared_problem.drag,
) -> None:
    """The page's figure in the stepper.

    Parameters
    ----------
    draw : callable
        From the problem on show to its figure.
    key : str
        Of the stepper; another for another number of inputs.
    draggable : bool
        Whether the figure has points to drag.
    height : int
        In pixels.
    last_step : int, optional
        Of the figure; c + 1 by default.
    on_drag : callable
        What a drag does; by default it moves the target.
    """
    stepper(
        lambda: drawn(draw, shared_problem.problem()),
        key=key,
        step=shared_problem.step(last_step),
        on_step=shared_problem.go_to,
        on_drag=on_drag if draggable else None,
        height=height,
    )


def takeaway(number: str, meaning: str, *, command: str, date: str, doubt: str) -> None:
    """What to keep of the page: one number, and where to stop believing what it says.

    Parameters
    ----------
    number : str
        As it is shown, with its unit.
    meaning : str
        Markdown; what the number says.
    command, date : str
        What measured it, and when (``2026-11-26``); ``"now"`` for what is computed on the page.
    doubt : str
        Markdown; where the page's message ends to be true.
    """
    if not shows("takeaway"):
        return
    left, right = st.columns(2)
    with left, st.container(border=True, height="stretch", key="takeaway_number"):
        st.markdown(f"**One number to remember: {number}**")
        st.markdown(meaning)
        st.caption(f"`{command}`, {date}")
    with right, st.container(border=True, height="stretch", key="takeaway_doubt"):
        st.markdown("**Where to stop believing this**")
        st.markdown(doubt)


def code(snippet: str) -> None:
    """The lines of Python that reproduce the page's numbers."""
    if shows("code"):
        with st.expander("The same in Python", icon=":material/code:"):
            st.code(snippet, language="python")


def sources(claims: dict[str, str]) -> None:
    """Which paper says what; keys are those of `PAPERS`."""
    if shows("sources"):
        with st.expander("Sources", icon=":material/menu_book:"):
            for paper, claim in claims.items():
                st.markdown(f"- [{paper}] {PAPERS[paper]}: {claim}")
