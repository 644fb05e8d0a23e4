"""What the picture of the closest lattice point shows in each step, in words."""

from app.figures.numbers import percent, short, vector
from lattice_core import Problem
from lattice_core.disagreement import Rounding, disagreement_share
from lattice_core.rounding_answers import RoundingAnswer

LAST_STEP = 4
NAMES: dict[Rounding, str] = {
    "round_off": "Round-off",
    "nearest_plane": "Nearest plane",
    "closest": "Closest point",
}


def sentences(problem: Problem, answers: dict[Rounding, RoundingAnswer]) -> list[str]:
    """One sentence group for each frame: the lattice, three cells, where they disagree."""
    return [
        _start(problem),
        _closest(problem, answers["closest"]),
        _round_off(problem, answers),
        _nearest_plane(answers),
        _misses(problem),
    ]


def _start(problem: Problem) -> str:
    return (
        f"The weights w = {vector(problem.weights)}, seen through the inputs, are the target y. Each grey "
        "point is a choice of integer codes z. The squared distance from y to a point is the loss of "
        "its codes. So the best codes are those of the closest point. Which one is it?"
    )


def _closest(problem: Problem, answer: RoundingAnswer) -> str:
    cut = "" if problem.grid is None else " (if all integers were codes)"
    return (
        f"The closest point has z = {vector(answer.codes)}, loss {short(answer.squared_distance)}. The "
        f"shape around it holds all targets that have it as their closest point{cut}: its Voronoi "
        "cell. Every lattice point has the same, and together they fill the plane."
    )


def _round_off(problem: Problem, answers: dict[Rounding, RoundingAnswer]) -> str:
    coordinates = vector(problem.babai.start)
    answer = answers["round_off"]
    return (
        f"Round-off reads the target's coordinates {coordinates} and rounds each by itself: "
        f"z = {vector(answer.codes)}, loss {short(answer.squared_distance)}{_verdict(answers, answer)} "
        "Its cell has the two basis vectors as sides. It takes no notice of the angle between them."
    )


def _nearest_plane(answers: dict[Rounding, RoundingAnswer]) -> str:
    answer = answers["nearest_plane"]
    return (
        f"Nearest plane finds z = {vector(answer.codes)}, loss {short(answer.squared_distance)}"
        f"{_verdict(answers, answer)} Its cell is a box: the parallelogram with its angle made right. "
        "All three cells have the same area, for each takes one share of the plane a lattice point."
    )


def _misses(problem: Problem) -> str:
    lattice, order = problem.lattice, problem.order_indices
    rounded, nearest = (
        disagreement_share(lattice, rounding, "closest", order)
        for rounding in ("round_off", "nearest_plane")
    )
    cut = "" if problem.grid is None else " All this is for all integers; a grid adds its edge."
    if rounded == nearest == 0:
        return f"The three cells are one: no target is hatched, all agree everywhere.{cut}"
    return (
        "Hatched: targets that a rounding does not send to their closest point. They are "
        f"{percent(rounded)} of all targets for round-off and {percent(nearest)} for nearest plane: "
        f"the part of its cell outside the Voronoi cell.{cut}"
    )


def _verdict(answers: dict[Rounding, RoundingAnswer], answer: RoundingAnswer) -> str:
    least = answers["closest"].squared_distance
    if answer.squared_distance <= least * (1 + 1e-9) + 1e-300:
        return ", as good as can be."
    if least == 0:
        return ", where nothing need be lost."
    return f", {short(answer.squared_distance / least)} times the least."
