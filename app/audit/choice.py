"""Which layer is audited: a record, and the query of a link. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from app import choice_link
from app.choice_link import ChoiceLink
from app.real_layers.choice import layer_name

BLOCK, LINEAR = 0, "k_proj"  # small: an audit takes a second
LAYER = layer_name(BLOCK, LINEAR)
TOKENS = 4096  # as *Real layers* opens with: its Hessians are used where they are there
GROUP_SIZE = 64


@dataclass(frozen=True)
class Example:
    """A way to quantize the packaged model's layer, so that there is something to audit.

    Attributes
    ----------
    title : str
    look : str
        Markdown; what to look for.
    method, bits, order, overflow
        As in `quantize_layer`.
    judged_on : {"calibration", "evaluation"}
        The part of the embedded documentation whose inputs make the audit's Hessian; the layer is
        made with those of ``"calibration"``.
    """

    title: str
    look: str
    method: str = "gptq"
    bits: int = 4
    order: str = "act_order"
    overflow: str = "clip"
    judged_on: str = "calibration"

    @property
    def texts(self) -> tuple[str, ...]:
        """Those whose inputs are needed."""
        return tuple(dict.fromkeys(("calibration", self.judged_on)))


EXAMPLES = {
    "act_order_4": Example(
        "GPTQ, act-order, 4 bits",
        "The order is found from the codes. Only min-pivot, which sorts nearly alike, comes close.",
    ),
    "front_to_back_3": Example(
        "GPTQ, front to back, 3 bits",
        "GPTQ's default order. Act-order would have cost nothing and saved two thirds of the loss.",
        bits=3,
        order="front_to_back",
    ),
    "unclipped_4": Example(
        "GPTQ, every code kept",
        "No code is clipped, so the bound holds, and about a third of it is used. The price: "
        "some codes need a fifth bit.",
        overflow="keep",
    ),
    "nearest_4": Example(
        "Rounded to nearest, 4 bits",
        "Nobody pushed errors on. Act-order would have left a tenth of the loss.",
        method="rtn",
    ),
    "other_text_4": Example(
        "GPTQ, act-order, judged on other text",
        "The layer of the first example, but $X$ is from another text than it was made with. "
        "Now no order explains it well: an audit is as good as its $H$.",
        judged_on="evaluation",
    ),
}
OPTIONS: dict[str, tuple[object, ...]] = {
    "layer": (*EXAMPLES, "file"),
    "damping": (0.0, 0.001, 0.01, 0.05, 0.1),
}


@dataclass(frozen=True)
class AuditChoice:
    """What is audited.

    Attributes
    ----------
    layer : str
        A key of `EXAMPLES`, or ``"file"``: the visitor's own, which no link can carry.
    damping : float
        λ that the audit begins with.
    """

    layer: str = "act_order_4"
    damping: float = 0.01

    @property
    def example(self) -> Example | None:
        """``None`` for a file."""
        return EXAMPLES.get(self.layer)

    def to_query(self) -> dict[str, str]:
        """Query parameters that restore the choice."""
        return choice_link.to_query(self, _word)


def from_query(query: Mapping[str, str]) -> ChoiceLink[AuditChoice]:
    """The choice that a link describes; what makes no sense is left out, with a notice."""
    return choice_link.from_query(AuditChoice, OPTIONS, query, _word, needing_a_file="file")


def _word(name: str, value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
