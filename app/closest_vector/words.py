"""The numbers, the question and the search for a target of the lesson on the closest vector."""

import csv
import io

import streamlit as st

from app import shared_problem
from app.figures.numbers import percent, short, vector
from app.figures.rounding_sentences import LAST_STEP, NAMES
from app.quiz import predict
from lattice_core import Problem
from lattice_core.disagreement import Rounding, disagreement_share, with_disagreement
from lattice_core.rounding_answers import RoundingAnswer, rounding_answers


def answer_tables(problem: Problem) -> None:
    """The three answers, in the lattice and in weights."""
    answers = rounding_answers(problem)
    least = answers["closest"].squared_distance
    lattice = ["| in the lattice | codes z | distance | squared |", "|:--|--:|--:|--:|"]
    weights = ["| in weights | q = s z | loss |", "|:--|--:|--:|"]
    for rounding, answer in answers.items():
        best = answer.squared_distance <= least * (1 + 1e-9)
        mark = "**" if best else ""
        name = NAMES[rounding] if rounding != "closest" else "Closest"
        lattice.append(
            f"| {name} | {vector(answer.codes)} | {short(answer.squared_distance**0.5)} "
            f"| {mark}{short(answer.squared_distance)}{mark} |"
        )
        weights.append(f"| {name} | {vector(answer.weights)} | {mark}{short(answer.loss)}{mark} |")
    st.markdown("**One answer, two sides**")
    st.markdown("\n".join(lattice))
    st.markdown("\n".join(weights))
    st.caption(
        f"Weights $w$ = {vector(problem.weights)} are the target $y$, codes are a lattice point, loss "
        "is squared distance. The least is bold."
    )


def shares(problem: Problem) -> None:
    """How much of the plane each rounding gets wrong."""
    share = _shares(problem)
    cut = "" if problem.grid is None else " This is for all integers; a grid adds what is clipped."
    st.markdown(
        f"Of all targets **round-off** misses the closest point for **{percent(share['round_off'])}**, "
        f"**nearest plane** for **{percent(share['nearest_plane'])}**. The two differ from one another "
        f"for {percent(disagreement_share(problem.lattice, 'round_off', 'nearest_plane', problem.order_indices))}."
        f"{cut}"
    )


def share_quiz(problem: Problem) -> None:
    """Predict how often plain rounding is right."""
    share = _shares(problem)
    right, plane = (percent(1 - share[name]) for name in ("round_off", "nearest_plane"))
    options = sorted({right, plane, "100 %", "50 %"}, key=lambda text: float(text.split()[0]))
    predict(
        "Targets are spread evenly over the plane. For how many of them does **rounding each coordinate "
        "by itself** find the closest lattice point?",
        options,
        right,
        f"Nearest plane finds it for {plane}. These are areas: the part of the cell that lies in the "
        "Voronoi cell.",
        key=f"share {problem.hessian} {problem.scales} {problem.damping} {problem.order}",
    )


def find_buttons() -> None:
    """Targets on which the roundings disagree, one region after the other."""
    st.markdown("**Find a target where they disagree**")
    pairs: dict[str, tuple[Rounding, Rounding]] = {
        "Nearest plane misses": ("nearest_plane", "closest"),
        "Round-off misses": ("round_off", "closest"),
        "The two differ": ("round_off", "nearest_plane"),
    }
    with st.container(horizontal=True, key="find_buttons"):
        for label, pair in pairs.items():
            st.button(label, key=f"find_{'_'.join(pair)}", on_click=_find, args=(label, *pair))
    if missing := st.session_state.pop("nowhere", ""):
        st.info(missing, icon=":material/check:")
    st.caption(
        "The target goes to the middle of a region where they disagree, the largest first. Press again "
        "for the next."
    )


def answers_csv(problem: Problem) -> str:
    """The three answers, one a row."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["rounding", "code_0", "code_1", "weight_0", "weight_1", "loss", "share_missed"])
    share = _shares(problem) | {"closest": 0.0}
    for rounding, answer in rounding_answers(problem).items():
        table.writerow(_row(rounding, answer, share[rounding]))
    return text.getvalue()


def _row(rounding: Rounding, answer: RoundingAnswer, missed: float) -> list:
    numbers = [*answer.codes.tolist(), *answer.weights.tolist(), answer.loss, missed]
    return [rounding, *numbers]


def _shares(problem: Problem) -> dict[str, float]:
    """The share of targets that a rounding does not send to the closest point."""
    return {
        rounding: disagreement_share(problem.lattice, rounding, "closest", problem.order_indices)
        for rounding in ("round_off", "nearest_plane")
    }


def _find(label: str, rounding: Rounding, other: Rounding) -> None:
    problem = shared_problem.problem()
    presses = st.session_state.setdefault("find_presses", {})
    turn = presses.get(label, 0)
    found = with_disagreement(problem, rounding, other, turn)
    if found is None:
        st.session_state.nowhere = (
            "There is no such target: their cells are the same."
            if problem.grid is None
            else "There is no such target that both would send to codes of this grid."
        )
        return
    presses[label] = turn + 1
    shared_problem.show(found, at_step=LAST_STEP)
