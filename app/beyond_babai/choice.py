"""The search on show: which, how wide, and with which dice."""

import streamlit as st

from app.lesson_options import OPTIONS as LESSON_OPTIONS
from app.lesson_options import chosen, option_buttons, option_select
from lattice_core import Problem
from lattice_core.coordinate_descent import coordinate_descent
from lattice_core.enumeration import enumerate_closest
from lattice_core.k_best import k_best
from lattice_core.klein import klein
from lattice_core.search_tree import Search

OPTIONS = ("search", "beam", "temperature", "dice")
MOST_NODES = 5000  # of an enumeration on the page: a tenth of a second

ABOUT = {
    "k_best": (
        "**K-best** goes down with the K best partial codes instead of one. Each offers its K nearest "
        "integers, and of all offers the K with the least loss so far go on. Nearest plane's path has an "
        "extra slot."
    ),
    "klein": (
        "**Klein's dice** go down like nearest plane, but draw each integer at random around the centre: "
        "where planes are far apart the nearest almost surely, in a close call either. Of several runs "
        "the best is kept. It may be worse than nearest plane."
    ),
    "enumeration": (
        "**Exact enumeration** (Fincke and Pohst; Schnorr and Euchner) begins with nearest plane. Its loss "
        "is the first *radius*: a partial code that has lost as much already cannot win and is cut "
        "off. Each better answer shrinks the radius. What remains at the end is the closest point."
    ),
    "coordinate_descent": (
        "**Coordinate descent** does not look at the tree. It takes nearest plane's codes and changes "
        "one at a time, as long as that lowers the loss. In the tree that is a jump to another branch."
    ),
}


def search_controls() -> None:
    """The widgets of the search on show."""
    kind = chosen("search")
    with st.container(horizontal=True, vertical_alignment="bottom", key="search_controls"):
        option_select("search", width=220)
        if kind in ("k_best", "klein"):
            option_buttons("beam")
        if kind == "klein":
            option_select("temperature", width=190)
            option_select("dice", width=90)


def search_name() -> str:
    """The search on show, with its width."""
    name, k = LESSON_OPTIONS["search"].choices[chosen("search")], chosen("beam")
    return name + {"k_best": f", K = {k}", "klein": f", best of {k}"}.get(chosen("search"), "")


def run_search(problem: Problem) -> Search:
    """The search on show, on a problem."""
    lattice, target = problem.lattice, problem.target
    order, grid = problem.order_indices, problem.grid
    kind, k = chosen("search"), int(chosen("beam"))
    if kind == "k_best":
        return k_best(lattice, target, k, order, grid)
    if kind == "klein":
        temperature, seed = float(chosen("temperature")), int(chosen("dice"))
        return klein(lattice, target, k, temperature, seed, order, grid)
    if kind == "enumeration":
        return enumerate_closest(lattice, target, order, grid, most=MOST_NODES)
    return coordinate_descent(lattice, target, order, grid)
