"""The tree of a Huffman coder, growing out of how often each code occurs."""

from collections.abc import Mapping

import plotly.graph_objects as go

from app.figures.numbers import short
from app.figures.palette import ANSWER, NEUTRAL, PLANE, TARGET
from app.figures.plane import NBSP, SURROUNDINGS
from app.figures.stepped import Trace, scatter, stepped_figure
from lattice_core.huffman_tree import Merge, TreeNode, entropy, mean_length, merges

NONE: list[float | None] = [None]
MOST_LEAVES = 16  # more do not fit beside each other
Place = tuple[float, float]


def tree_figure(counts: Mapping[int, int], words: Mapping[int, str]) -> go.Figure:
    """Counts, then one merge of the two rarest a frame, and last the coder's own words.

    Parameters
    ----------
    counts, words : mapping
        By code, 2 … `MOST_LEAVES` of them; the words are those of the coder's table.
    """
    if not 2 <= len(counts) <= MOST_LEAVES:
        raise ValueError(f"{len(counts)} codes came; 2 … {MOST_LEAVES} can be drawn as a tree.")
    steps = merges(counts, words)
    deepest = max(map(len, words.values()))
    places = _places_of_merges(steps)
    last = len(steps) + 1
    layout = {
        **SURROUNDINGS,
        "xaxis": {
            "range": [-0.7, len(counts) - 0.3],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "fixedrange": True,
        },
        "yaxis": {
            "range": [-deepest - 1.0, 0.7],
            "tickvals": [-float(k) for k in range(deepest + 1)],
            "ticktext": [str(k) for k in range(deepest + 1)],
            "title": {"text": "bits of the word"},
            "zeroline": False,
            "fixedrange": True,
        },
        "margin": {"l": 44, "r": 8, "t": 8, "b": 70, "autoexpand": False},
    }
    return stepped_figure(
        [],
        lambda k: _trie(counts, words) if k == last else _grown(steps[:k], places, counts, words),
        _sentences(steps, counts, words),
        layout,
        narrow={"height": 480},
    )


def _places_of_merges(steps: tuple[Merge, ...]) -> dict[TreeNode, Place]:
    """x of the leaves from left to right in the finished tree; a parent between its children."""
    children = {merge.parent: (merge.left, merge.right) for merge in steps}
    places: dict[TreeNode, Place] = {}

    def put(node: TreeNode, free: float) -> float:
        if node not in children:
            places[node] = (free, -float(node.depth))
            return free + 1
        for child in children[node]:
            free = put(child, free)
        left, right = (places[child][0] for child in children[node])
        places[node] = ((left + right) / 2, -float(node.depth))
        return free

    put(steps[-1].parent, 0.0)
    return places


def _grown(
    steps: tuple[Merge, ...],
    places: dict[TreeNode, Place],
    counts: Mapping[int, int],
    words: Mapping[int, str],
) -> list[Trace]:
    edges = [
        (places[merge.parent], places[child], "")
        for merge in steps
        for child in (merge.left, merge.right)
    ]
    leaves = [(places[TreeNode((c,), counts[c], len(words[c]))], c) for c in counts]
    inner = [(places[merge.parent], f"{merge.parent.count:,}") for merge in steps]
    newest = [places[node] for merge in steps[-1:] for node in (merge.left, merge.right)]
    labels = [(place, f"<b>{short(code)}</b><br>{counts[code]:,}") for place, code in leaves]
    return _traces(edges, [place for place, _ in leaves], labels, inner, newest)


def _trie(counts: Mapping[int, int], words: Mapping[int, str]) -> list[Trace]:
    """The tree that the words themselves spell: 0 to the left, 1 to the right."""
    places: dict[str, Place] = {}
    for x, word in enumerate(sorted(words.values())):
        places[word] = (float(x), -float(len(word)))
    for depth in range(max(map(len, words.values())) - 1, -1, -1):
        for prefix in {word[:depth] for word in places if len(word) > depth}:
            if prefix not in places:
                x = (places[prefix + "0"][0] + places[prefix + "1"][0]) / 2
                places[prefix] = (x, -float(depth))
    edges = [(places[word[:-1]], place, word[-1]) for word, place in places.items() if word]
    labels = [
        (places[word], f"<b>{short(code)}</b><br>{word}") for code, word in sorted(words.items())
    ]
    inner = [(place, "") for word, place in places.items() if word not in words.values()]
    return _traces(edges, [places[word] for word in words.values()], labels, inner, [])


def _traces(
    edges: list[tuple[Place, Place, str]],
    leaves: list[Place],
    labels: list[tuple[Place, str]],
    inner: list[tuple[Place, str]],
    newest: list[Place],
) -> list[Trace]:
    ends = [point for start, end, _ in edges for point in (start, end, (None, None))]
    return [
        scatter(
            x=[x for x, _ in ends] or NONE,
            y=[y for _, y in ends] or NONE,
            mode="lines",
            name="branches",
            line={"color": NEUTRAL, "width": 2},
            hoverinfo="skip",
        ),
        scatter(
            x=[x for x, _ in newest] or NONE,
            y=[y for _, y in newest] or NONE,
            mode="markers",
            name="the two rarest",
            marker={"symbol": "circle-open", "size": 24, "color": TARGET, "line": {"width": 3}},
            hoverinfo="skip",
        ),
        scatter(
            x=[x for (x, _), _ in inner] or NONE,
            y=[y for (_, y), _ in inner] or NONE,
            mode="markers+text",
            name="merged",
            text=[f"{NBSP}{NBSP}{text}{NBSP}" for _, text in inner] or None,
            textposition="middle right",
            textfont={"size": 12},
            marker={"symbol": "square", "size": 9, "color": PLANE},
            hoverinfo="skip",
        ),
        scatter(
            x=[x for x, _ in leaves],
            y=[y for _, y in leaves],
            mode="markers",
            name="codes",
            marker={"symbol": "circle", "size": 11, "color": ANSWER},
            hoverinfo="skip",
        ),
        _texts([((x, y - 0.2), text) for (x, y), text in labels], "code and count"),
        scatter(
            x=[(start[0] + end[0]) / 2 for start, end, bit in edges if bit] or NONE,
            y=[(start[1] + end[1]) / 2 for start, end, bit in edges if bit] or NONE,
            mode="text",
            name="bits",
            text=[f"<b>{NBSP}{bit}{NBSP}</b>" for *_, bit in edges if bit] or None,
            textfont={"size": 14},
            hoverinfo="skip",
        ),
    ]


def _texts(points: list[tuple[Place, str]], name: str) -> Trace:
    return scatter(
        x=[place[0] for place, _ in points],
        y=[place[1] for place, _ in points],
        mode="text",
        name=name,
        text=[text for _, text in points],
        textposition="bottom center",
        textfont={"size": 12},
        hoverinfo="skip",
    )


def _sentences(
    steps: tuple[Merge, ...], counts: Mapping[int, int], words: Mapping[int, str]
) -> list[str]:
    total = sum(counts.values())
    said = [
        f"{len(counts)} different codes occur among {total:,}. Below each stands how often. A frequent code "
        "should get a short word."
    ]
    for k, merge in enumerate(steps, start=1):
        names = " and ".join(_name(node) for node in (merge.right, merge.left))
        said.append(
            f"Merge {k}: the two rarest are {names}. They become one node, {merge.parent.count:,} times, and "
            "every word below it is one bit longer."
        )
    said.append(
        "Done. Only the lengths count, so the coder deals out the words anew: of one length in the order of "
        "the codes, each one up from the last. This is its own table. Mean length "
        f"{mean_length(counts, words):.4f} bits, entropy {entropy(counts):.4f}."
    )
    return said


def _name(node: TreeNode) -> str:
    codes = ", ".join(short(code) for code in sorted(node.codes))
    if len(node.codes) > 3:
        codes = f"{len(node.codes)} codes merged before"
    elif len(node.codes) > 1:
        codes = f"the codes {codes} together"
    else:
        codes = f"the code {codes}"
    return f"{codes} ({node.count:,})"
