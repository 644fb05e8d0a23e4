"""What a search does in each step, in words: under the figure, and for screen readers. Pure."""

from collections.abc import Container

from app.figures.numbers import short, symbol, vector
from lattice_core.search_tree import Search, SearchStep, in_input_order

MOST_STEPS = 40  # frames of a figure; what an enumeration does beyond them is told in one sentence


def search_sentences(
    search: Search, kind: str, k: int, drawn: Container[tuple[int, ...]], left_out: int
) -> list[str]:
    """One sentence group for each frame: the start, the steps, the result.

    Parameters
    ----------
    search : Search
    kind : {"k_best", "klein", "enumeration", "coordinate_descent"}
    k : int
        Partial codes kept, or runs.
    drawn : container of codes
        Nodes that the figure draws.
    left_out : int
        How many it does not.
    """
    tell = {
        "k_best": _level,
        "klein": _run,
        "enumeration": _node,
        "coordinate_descent": _move,
    }[kind]
    shown = len(shown_steps(search))
    told = [tell(search, number, k) for number in range(shown)]
    if kind == "enumeration":
        for number, step in enumerate(shown_steps(search)):
            if step.looked_at[0].codes not in drawn:
                told[number] += " (Not drawn: there is no room.)"
    if shown < len(search.steps):
        told[-1] += (
            f" The {len(search.steps) - shown:,} nodes after it are looked at in the same way."
        )
    return [_start(search, kind, k), *told, _result(search, left_out)]


def shown_steps(search: Search) -> tuple[SearchStep, ...]:
    """The steps that have a frame of their own."""
    return search.steps[:MOST_STEPS]


def _start(search: Search, kind: str, k: int) -> str:
    order = ", then ".join(symbol("z", int(j)) for j in search.order)
    path = " → ".join(short(node.codes[-1]) for node in search.babai)
    plans = {
        "k_best": f"The search goes down level by level with at most {k} partial codes.",
        "klein": f"The search goes down {k} times and throws dice for each integer.",
        "enumeration": "The search goes down and back up, the nearest integer first.",
        "coordinate_descent": "The search starts at the end of this path and changes single codes.",
    }
    return (
        f"Each level chooses an integer: {order}. Nearest plane takes the nearest each time: {path}. It "
        f"ends with a loss of {short(search.babai[-1].loss + search.outside)}. {plans[kind]}"
    )


def _level(search: Search, number: int, k: int) -> str:
    step = search.steps[number]
    name = symbol("z", int(search.order[number]))
    looked, kept = len(step.looked_at), len(step.kept)
    parents = len({node.codes[:-1] for node in step.looked_at})
    offers = _count(looked // parents, "nearest integer")
    if number == 0:
        who = f"The root computes its centre and offers the {offers}."
    elif parents == 1:
        who = f"The one partial code computes its centre and offers the {offers}."
    else:
        who = f"{parents} partial codes compute their centres and offer the {offers} each."
    losses = {node.codes: node.loss for node in step.looked_at}
    least, most = losses[step.kept[0]], losses[step.kept[-1]]
    spread = (
        f"losses so far {short(least)} to {short(most)}"
        if kept > 1
        else f"loss so far {short(least)}"
    )
    on_path = search.babai[number].codes in step.kept
    babai = (
        "Nearest plane's path is among them."
        if on_path
        else "Nearest plane's path is not among them: it goes on in its extra slot."
    )
    dropped = looked - kept
    end = (
        f" {_count(dropped, 'other')} {'is' if dropped == 1 else 'are'} dropped." if dropped else ""
    )
    return (
        f"Level {number + 1}, {name}: {who} "
        f"Of {looked} the best {kept} {'goes' if kept == 1 else 'go'} on, {spread}.{end} {babai}"
    )


def _run(search: Search, number: int, k: int) -> str:
    step = search.steps[number]
    path, best = step.looked_at, step.best
    assert best is not None
    aside = [node for node in path if abs(node.center - node.codes[-1]) > 0.5]
    names = ", ".join(
        f"{symbol('z', int(search.order[node.level - 1]))} = {short(node.codes[-1])} at the centre {short(node.center)}"
        for node in aside
    )
    dice = (
        f"Away from the nearest integer: {names}."
        if aside
        else "The dice take the nearest integer each time: this is nearest plane's path."
    )
    loss = path[-1].loss + search.outside
    verdict = (
        "It is the best so far."
        if best.codes == path[-1].codes
        else f"The best so far remains {short(best.loss + search.outside)}."
    )
    return f"Run {number + 1} of {k}: {dice} The loss is {short(loss)}. {verdict}"


def _node(search: Search, number: int, k: int) -> str:
    del k
    step = search.steps[number]
    node, best = step.looked_at[0], step.best
    name = symbol("z", int(search.order[node.level - 1]))
    what = (
        f"Node {number + 1}, level {node.level}: {name} = {short(node.codes[-1])} at the centre "
        f"{short(node.center)}, loss so far {short(node.loss)}."
    )
    if not step.kept:
        assert best is not None
        return (
            f"{what} That is not below the best loss, {short(best.loss)}. It is cut off, with all below it and "
            "with its siblings further away. Back up."
        )
    if node.level < len(search.order):
        return (
            f"{what} It can still beat the best. Further down." if best else f"{what} Further down."
        )
    before = search.steps[number - 1].best if number else None
    if before is None:
        return (
            f"{what} This is nearest plane's answer. Its loss is the first radius: only what stays below it "
            "is followed further."
        )
    return f"{what} A whole code with less than {short(before.loss)}: it is the best now, and the radius shrinks."


def _move(search: Search, number: int, k: int) -> str:
    del k
    step = search.steps[number]
    loss = step.looked_at[-1].loss + search.outside
    if number == 0:
        return f"The start: nearest plane's codes, loss {short(loss)}."
    codes = [
        in_input_order(s.looked_at[-1].codes, search.order)
        for s in search.steps[number - 1 : number + 1]
    ]
    (j,) = (codes[0] != codes[1]).nonzero()[0]
    before = search.steps[number - 1].looked_at[-1].loss + search.outside
    return (
        f"Move {number}: {symbol('z', int(j))} from {short(codes[0][j])} to {short(codes[1][j])}. In the tree this "
        f"changes one level and keeps the integers of the others. The loss falls from {short(before)} to {short(loss)}."
    )


def _result(search: Search, left_out: int) -> str:
    babai = search.babai[-1].loss + search.outside
    if search.squared_distance < babai * (1 - 1e-9):
        verdict = (
            f"Nearest plane loses {short(babai / search.squared_distance)} times as much."
            if search.squared_distance
            else "Nearest plane does not find it."
        )
    elif search.squared_distance > babai * (1 + 1e-9):
        verdict = f"That is worse than nearest plane, which loses {short(babai)}."
    else:
        verdict = "That is nearest plane's answer."
    stopped = (
        f" The search was stopped after {len(search.steps):,} nodes: the answer may not be the closest."
        if search.stopped
        else ""
    )
    was = "was looked at and is" if left_out == 1 else "were looked at and are"
    hidden = f" {_count(left_out, 'node')} {was} not drawn." if left_out else ""
    return (
        f"Done: z = {vector(search.codes)} with a loss of {short(search.squared_distance)}. {verdict} The search "
        f"computed {_count(search.work, 'centre')}; nearest plane needs {len(search.order)}.{stopped}{hidden}"
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
