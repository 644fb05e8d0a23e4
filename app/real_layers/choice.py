"""Which layer of the packaged model, quantized how: a record, and the query of a link. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from app import choice_link
from app.choice_link import ChoiceLink
from app.order_names import ORDER_NAMES

BLOCKS = 30  # of SmolLM2-135M; the names below are its linear layers, in forward order
SHAPES = {
    "q_proj": (576, 576),
    "k_proj": (192, 576),
    "v_proj": (192, 576),
    "o_proj": (576, 576),
    "gate_proj": (1536, 576),
    "up_proj": (1536, 576),
    "down_proj": (576, 1536),
}
VIEWS = ("one", "all", "texts")
TEXTS = ("calibration", "evaluation", "file")
DRAWS = 4  # of one text, to see what the choice of windows does
ON_SHOW = ("view", "order", "against")  # what is looked at; the others say how it is computed
OPTIONS: dict[str, tuple[object, ...]] = {
    "view": VIEWS,
    "block": tuple(range(BLOCKS)),
    "linear": tuple(SHAPES),
    "bits": (2, 3, 4),
    "group": (32, 64, 128, None),
    "scales": ("mse", "absmax"),
    "damping": (0.0, 0.001, 0.01, 0.1, 1.0),
    "text": TEXTS,
    "tokens": (1024, 4096, 16384),
    "seed": (None, *range(1, 10)),
    "order": ("best", *ORDER_NAMES),
    "against": (*TEXTS, "windows"),
}


@dataclass(frozen=True)
class LayerChoice:
    """One layer, its calibration and its grid, and the view on show.

    Attributes
    ----------
    view : {"one", "all", "texts"}
        One layer; all layers of the model; the layer calibrated on several texts.
    block, linear : int, str
        As in the model's own names, from 0.
    bits : int
    group : int or None
        Input columns that share a scale; ``None`` is the whole row.
    scales : {"mse", "absmax"}
    damping : float
    text : {"calibration", "evaluation", "file"}
        A part of the embedded documentation, or the visitor's own file, which no link can carry.
    tokens : int
        Of the text.
    seed : int or None
        Windows of the text are drawn with it; ``None`` is the text from its start.
    order : str
        Whose rows are shown; ``"best"`` is the one with the least loss.
    against : {"calibration", "evaluation", "file", "windows"}
        The text that `text` is compared with; ``"windows"`` is other windows of the same.
    """

    view: str = "one"
    block: int = 0
    linear: str = "q_proj"
    bits: int = 3
    group: int | None = 64
    scales: str = "mse"
    damping: float = 0.01
    text: str = "calibration"
    tokens: int = 4096
    seed: int | None = None
    order: str = "best"
    against: str = "evaluation"

    @property
    def layer(self) -> str:
        """The layer's name in the model."""
        return layer_name(self.block, self.linear)

    @property
    def compared_with(self) -> str:
        """`against`, or a part of the documentation: a text is not compared with itself."""
        return self.other_part if self.against == self.text else self.against

    @property
    def other_part(self) -> str:
        """A part of the documentation that `text` is not."""
        return "calibration" if self.text == "evaluation" else "evaluation"

    @property
    def compared(self) -> dict[str, tuple[str, int | None]]:
        """The texts compared, by the name they have in tables: which text, and the seed."""
        if self.compared_with != "windows":
            return {"A": (self.text, self.seed), "B": (self.compared_with, self.seed)}
        draws = {f"A{seed}": (self.text, seed) for seed in range(1, DRAWS + 1)}
        return {**draws, "B": (self.other_part, None)}

    @property
    def setting(self) -> dict[str, object]:
        """What the numbers of the layer depend on."""
        return {name: value for name, value in asdict(self).items() if name not in ON_SHOW}

    def to_query(self) -> dict[str, str]:
        """Query parameters that restore the choice."""
        return choice_link.to_query(self, _word)


def layer_name(block: int, linear: str) -> str:
    """``model.layers.3.mlp.up_proj`` for block 3 and ``up_proj``."""
    part = "self_attn" if linear in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
    return f"model.layers.{block}.{part}.{linear}"


def from_query(query: Mapping[str, str]) -> ChoiceLink[LayerChoice]:
    """The choice that a link describes; what makes no sense is left out, with a notice."""
    return choice_link.from_query(
        LayerChoice,
        OPTIONS,
        query,
        _word,
        ranges={"block": f"0 … {BLOCKS - 1}"},
        needing_a_file="file",
    )


def _word(name: str, value: object) -> str:
    if value is None:
        return "row" if name == "group" else "start"
    return f"{value:g}" if isinstance(value, float) else str(value)
