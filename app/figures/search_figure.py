"""The tree of nearest planes as a search goes through it; with two inputs the lattice beside it. Pure."""

from collections.abc import Iterable

import plotly.graph_objects as go

from app.figures import plane
from app.figures.numbers import short, symbol
from app.figures.palette import ANSWER, NEUTRAL, ON_TINT, PLANE, TARGET, ink_on, tint, translucent
from app.figures.search_points import moving_points
from app.figures.search_sentences import search_sentences, shown_steps
from app.figures.stepped import Trace, scatter, stepped_figure
from app.figures.tree_layout import Codes, TreeLayout, tree_layout
from app.figures.window import window_around
from lattice_core import Problem
from lattice_core.search_tree import Search, SearchStep

MOST_LOSSES = 8  # places side by side, up to which each node has its loss below it


def search_figure(problem: Problem, search: Search, kind: str, k: int) -> go.Figure:
    """The stepped picture of a search.

    Parameters
    ----------
    problem : Problem
        Two inputs have their lattice beside the tree, and a target to drag.
    search : Search
        On this problem.
    kind, k
        As in `search_sentences`.
    """
    tree = tree_layout(search)
    sentences = search_sentences(search, kind, k, tree.places, tree.left_out)
    last = len(sentences) - 1

    def moving(step: int) -> list[Trace]:
        return moving_tree(search, tree, step, step == last)

    if problem.size != 2:
        return stepped_figure(
            [],
            moving,
            sentences,
            {**axes(search, tree, (0.07, 1), (0, 1)), **plane.SURROUNDINGS},
            narrow={"height": 90 + 68 * (problem.size + 1)},
        )
    window = window_around(problem)
    picture = plane.still_traces(problem, window)
    return stepped_figure(
        picture,
        lambda step: moving_points(problem, window, search, step, step == last) + moving(step),
        sentences,
        {
            **plane.axes(window, domain=(0, 0.42)),
            **axes(search, tree, (0.52, 1), (0.1, 0.9)),
            **plane.SURROUNDINGS,
        },
        handles={"target": len(picture) - 1},
        narrow={
            "xaxis": {"domain": [0, 1]},
            "yaxis": {"domain": [0, 0.54]},
            "xaxis2": {"domain": [0.09, 1]},
            "yaxis2": {"domain": [0.6, 1]},
            "height": 760,
            "margin": {"b": 130},
        },
    )


def axes(
    search: Search, tree: TreeLayout, across: tuple[float, float], down: tuple[float, float]
) -> dict:
    """Axes x2, y2: places across, levels downwards, each with the integer that it chooses."""
    levels = range(1, len(search.order) + 1)
    plain = {"showgrid": False, "zeroline": False, "fixedrange": True, "automargin": False}
    room = max(0.6, (8 - tree.leaves) / 2)  # a small tree is not torn apart
    return {
        "xaxis2": {
            **plain,
            "anchor": "y2",
            "domain": list(across),
            "range": [-room, tree.leaves - 1 + room],
            "showticklabels": False,
        },
        "yaxis2": {
            **plain,
            "anchor": "x2",
            "domain": list(down),
            "range": [-len(search.order) - 0.55, 0.35],
            "tickvals": [-level for level in levels],
            "ticktext": [f"{symbol('z', int(search.order[level - 1]))} " for level in levels],
            "tickfont": {"size": 17},
        },
    }


def moving_tree(search: Search, tree: TreeLayout, step: int, done: bool) -> list[Trace]:
    """Frame `step`: what was looked at so far, what goes on, what was dropped, the best so far."""
    steps = shown_steps(search)[:step]
    if done:
        steps = search.steps
    seen = {node.codes for taken in steps for node in taken.looked_at}
    going = set() if done else _beginnings(_on_now(steps))
    best = steps[-1].best if steps else None
    way = () if best is None else tuple(best.codes[:level] for level in range(len(best.codes) + 1))
    kept = {codes for taken in steps for codes in taken.kept}
    ahead = set(way[1:]) if done else set(way[-1:])  # drawn as the best so far
    aside = seen - going - ahead
    dropped = aside - kept - set(way)
    babai = [(), *(node.codes for node in search.babai)]
    return [
        _edges(tree, seen - going, "ways looked at", translucent(NEUTRAL, 0.7), 1.2, "solid"),
        _path(tree, babai),
        _edges(tree, going, "ways that go on", PLANE, 2.5, "solid"),
        _edges(tree, set(way[1:]) if done else set(), "the answer's way", ANSWER, 4, "solid"),
        _nodes(tree, dropped, "dropped", "square", NEUTRAL, pale=True),
        _nodes(tree, aside - dropped, "looked at", "circle", PLANE, pale=True),
        _nodes(tree, going - ahead, "goes on", "circle", PLANE),
        _nodes(tree, ahead, "best so far", "diamond", ANSWER),
        _root(tree),
        _losses(tree, going | set(way[-1:]) if tree.leaves <= MOST_LOSSES else set()),
    ]


def _on_now(steps: tuple[SearchStep, ...]) -> Iterable[Codes]:
    """The codes with which the search goes on; after a cut the parent of what was cut off."""
    if not steps:
        return ()
    return steps[-1].kept or (steps[-1].looked_at[0].codes[:-1],)


def _beginnings(codes: Iterable[Codes]) -> set[Codes]:
    return {whole[:level] for whole in codes for level in range(1, len(whole) + 1)}


def _edges(
    tree: TreeLayout, codes: set[Codes], name: str, color: str, width: float, dash: str
) -> Trace:
    drawn = sorted(node for node in codes if node and node in tree.places)
    ends = [(node[:-1], node) for node in drawn]
    return scatter(
        x=[v for a, b in ends for v in (tree.places[a], tree.places[b], None)] or [None],
        y=[v for a, b in ends for v in (-len(a), -len(b), None)] or [None],
        xaxis="x2",
        yaxis="y2",
        mode="lines",
        name=name,
        line={"color": color, "width": width, "dash": dash},
        hoverinfo="skip",
    )


def _path(tree: TreeLayout, path: list[Codes]) -> Trace:
    """Nearest plane's: broad and faint below the edges, so that what runs along it stays in sight."""
    return scatter(
        x=[tree.places[codes] for codes in path],
        y=[-len(codes) for codes in path],
        xaxis="x2",
        yaxis="y2",
        mode="lines",
        name="nearest plane's path",
        line={"color": translucent(TARGET, 0.6), "width": 7, "dash": "dot"},
        hoverinfo="skip",
    )


def _nodes(
    tree: TreeLayout, codes: set[Codes], name: str, shape: str, color: str, *, pale: bool = False
) -> Trace:
    """Nodes with their integer; pale ones are out of the running for now."""
    drawn = sorted(node for node in codes if node and node in tree.places)
    integers = [short(node[-1]) for node in drawn]
    return scatter(
        x=[tree.places[node] for node in drawn] or [None],
        y=[-len(node) for node in drawn] or [None],
        xaxis="x2",
        yaxis="y2",
        mode="markers+text",
        name=name,
        text=integers if pale else [f"<b>{integer}</b>" for integer in integers],
        textfont={"size": 12, "color": ON_TINT if pale else ink_on(color)},
        marker={
            "symbol": shape,
            "size": 28 if shape == "diamond" else 21,
            "color": tint(color, 0.15) if pale else color,
            "line": {"width": 1.5, "color": color},
        },
        customdata=[_about(tree, node) for node in drawn],
        hovertemplate=f"{name}: %{{customdata}}<extra></extra>",
    )


def _about(tree: TreeLayout, codes: Codes) -> str:
    node = tree.nodes[codes]
    way = " → ".join(short(code) for code in codes)
    return f"{way}<br>centre {short(node.center)}<br>loss so far {short(node.loss)}"


def _root(tree: TreeLayout) -> Trace:
    return scatter(
        x=[tree.places[()]],
        y=[0],
        xaxis="x2",
        yaxis="y2",
        mode="markers",
        name="root",
        marker={"symbol": "circle", "size": 11, "color": TARGET},
        hovertemplate="the target, nothing rounded<extra></extra>",
    )


def _losses(tree: TreeLayout, codes: set[Codes]) -> Trace:
    drawn = sorted(node for node in codes if node and node in tree.places)
    return scatter(
        x=[tree.places[node] for node in drawn] or [None],
        y=[-len(node) - 0.36 for node in drawn] or [None],
        xaxis="x2",
        yaxis="y2",
        mode="text",
        name="losses so far",
        text=[short(tree.nodes[node].loss) for node in drawn] or [""],
        textfont={"size": 11},
        hoverinfo="skip",
    )
