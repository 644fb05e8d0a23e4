"""Which nodes of a search tree are drawn, and where. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from lattice_core.search_tree import PartialCode, Search

Codes = tuple[int, ...]

# Places side by side: as many as a screen of 390 px has room for with a number in each node.
MOST_LEAVES = 14


@dataclass(frozen=True, eq=False)
class TreeLayout:
    """A part of the tree that fits on a narrow screen.

    Attributes
    ----------
    nodes : mapping
        All that a search looked at, by its codes in the order of rounding.
    places : mapping of float
        Across, of the nodes drawn; the root ``()`` is among them. Downwards it is the level.
    leaves : int
        Places side by side.
    """

    nodes: Mapping[Codes, PartialCode]
    places: Mapping[Codes, float]
    leaves: int

    @property
    def left_out(self) -> int:
        """Nodes that were looked at and are not drawn."""
        return len(self.nodes) - (len(self.places) - 1)


def tree_layout(search: Search) -> TreeLayout:
    """Babai's path, the answer's, what the search kept, then what it dropped, as far as there is room.

    Of equal importance the whole codes come first, then those with the least loss.
    """
    nodes = {node.codes: node for node in search.babai}
    nodes |= {node.codes: node for step in search.steps for node in step.looked_at}
    kept = {codes for step in search.steps for codes in step.kept}

    def importance(node: PartialCode) -> tuple[int, int, float]:
        codes = node.codes
        if codes == search.babai[node.level - 1].codes:
            rank = 0
        elif codes == search.best.codes[: node.level]:
            rank = 1
        else:
            rank = 2 if codes in kept else 3
        return rank, -node.level, node.loss

    drawn: set[Codes] = {()}
    parents: set[Codes] = set()
    for node in sorted(nodes.values(), key=importance):
        chain = [node.codes[:level] for level in range(node.level + 1)]
        more = {codes for codes in chain if codes not in drawn}
        inner = parents | set(chain[:-1])
        if more and len((drawn | more) - inner) <= MOST_LEAVES:
            drawn |= more
            parents = inner
    places: dict[Codes, float] = {}
    leaves = _place((), drawn, places, 0)
    return TreeLayout(nodes, places, leaves)


def _place(codes: Codes, drawn: set[Codes], places: dict[Codes, float], free: int) -> int:
    """Place a node over its children, from the first free place on; the next free place."""
    children = sorted(
        other for other in drawn if len(other) == len(codes) + 1 and other[:-1] == codes
    )
    if not children:
        places[codes] = float(free)
        return free + 1
    for child in children:
        free = _place(child, drawn, places, free)
    places[codes] = (places[children[0]] + places[children[-1]]) / 2
    return free
