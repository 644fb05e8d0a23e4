"""The question on *Real layers*: what does one bit buy?"""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.order_names import ORDER_NAMES
from app.quiz import is_answered, predict

if TYPE_CHECKING:
    from lattice_core.layers.order_results import OrderComparison, OrderResult

OPTIONS = {
    0.5: "It falls to about a half",
    0.25: "It falls to about a quarter",
    1 / 16: "It falls to about a sixteenth",
    2.0: "It about doubles",
    4.0: "It grows about fourfold",
    16.0: "It grows about sixteenfold",
}


def one_bit(
    shown: "OrderComparison", other_bits: int, compare: Callable[[], "OrderComparison"], key: str
) -> None:
    """Ask how the loss changes with one bit more or less.

    Parameters
    ----------
    shown : OrderComparison
    other_bits : int
        One more than on show, or one fewer.
    compare : callable
        The comparison with that many bits; called once a choice is made.
    key : str
        Of the layer on show.
    """
    result = shown.best("keep")
    more = other_bits > shown.bits
    answer = explanation = ""
    if is_answered(key):
        other = compare().result(result.order, "keep")
        answer = OPTIONS[nearest_option(other.loss / result.loss, more)]
        explanation = explain(result, other)
    predict(
        f"The grid has {shown.bits} bits. With {other_bits} bits in its place, every code kept and "
        f"the order {ORDER_NAMES[result.order].name}: what happens to the loss?",
        [text for change, text in OPTIONS.items() if (change < 1) == more],
        answer,
        explanation,
        key=key,
    )


def explain(before: "OrderResult", after: "OrderResult") -> str:
    """Why the loss changed between two grids, in one order and with every code kept."""
    squares = after.bound / before.bound  # of the spacings, for the pivots are the same
    return (
        f"The loss is multiplied by **{after.loss / before.loss:.3f}**. The order and its pivots "
        "are the same; only the grid spacings change, here "
        f"by a factor of {math.sqrt(squares):.3f} (root of the mean square, weighted by the "
        "pivots). The bound $\\frac14 \\sum_j D_j s_j^2$ goes with their square, "
        f"{squares:.3f}, and the loss about so."
    )


def nearest_option(factor: float, more: bool) -> float:
    """The offered factor nearest to the true one, in ratio."""
    offered = [change for change in OPTIONS if (change < 1) == more]
    return min(offered, key=lambda change: abs(math.log(change / factor)))
