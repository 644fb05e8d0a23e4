"""What the app calls the orders of quantization, and their rules. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True)
class OrderName:
    """One order in words.

    Attributes
    ----------
    name : str
        In a sentence, a legend or a table.
    title : str
        In a list to choose from.
    rule : str
        Markdown; who is quantized first.
    """

    name: str
    title: str
    rule: str


# By key of `lattice_core.ORDERS`, and in its order.
ORDER_NAMES = {
    "front_to_back": OrderName(
        "front to back",
        "Front to back (GPTQ's default)",
        "the first column first, then the second, and so on, as GPTQ does by default.",
    ),
    "back_to_front": OrderName(
        "back to front",
        "Back to front (Babai's)",
        "the last column first. This is Babai's order.",
    ),
    "act_order": OrderName(
        "act-order",
        "Act-order (largest diagonal first)",
        "the most active input first: largest $H_{jj}$.",
    ),
    "min_pivot": OrderName(
        "min-pivot",
        "Min-pivot (smallest pivots last)",
        "greedy, made from its end: the column with the smallest pivot $D_j$ comes last, "
        "then the smallest of what remains, and so on.",
    ),
}
