"""Which layer of the packaged model, quantized how: a record, and the query of a link. Pure."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

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
OPTIONS: dict[str, tuple[object, ...]] = {
    "block": tuple(range(BLOCKS)),
    "linear": tuple(SHAPES),
    "bits": (2, 3, 4),
    "group": (32, 64, 128, None),
    "scales": ("mse", "absmax"),
    "damping": (0.0, 0.001, 0.01, 0.1, 1.0),
    "tokens": (1024, 4096, 16384),
}


@dataclass(frozen=True)
class LayerChoice:
    """One layer, its calibration and its grid.

    Attributes
    ----------
    block, linear : int, str
        As in the model's own names, from 0.
    bits : int
    group : int or None
        Input columns that share a scale; ``None`` is the whole row.
    scales : {"mse", "absmax"}
    damping : float
    tokens : int
        Of the calibration text.
    """

    block: int = 0
    linear: str = "q_proj"
    bits: int = 3
    group: int | None = 64
    scales: str = "mse"
    damping: float = 0.01
    tokens: int = 4096

    @property
    def layer(self) -> str:
        """The layer's name in the model."""
        return layer_name(self.block, self.linear)

    def to_query(self) -> dict[str, str]:
        """Query parameters that restore the choice."""
        return {name: _word(value) for name, value in asdict(self).items()}


@dataclass(frozen=True)
class ChoiceLink:
    """What a link says, and what in it made no sense."""

    choice: LayerChoice
    notices: tuple[str, ...] = ()


def layer_name(block: int, linear: str) -> str:
    """``model.layers.3.mlp.up_proj`` for block 3 and ``up_proj``."""
    part = "self_attn" if linear in ("q_proj", "k_proj", "v_proj", "o_proj") else "mlp"
    return f"model.layers.{block}.{part}.{linear}"


def from_query(query: Mapping[str, str]) -> ChoiceLink:
    """The choice that a link describes; what makes no sense is left out, with a notice."""
    chosen: dict[str, object] = {}
    notices = []
    for field in fields(LayerChoice):
        if field.name not in query:
            continue
        words = {_word(option): option for option in OPTIONS[field.name]}
        text = query[field.name]
        if text in words:
            chosen[field.name] = words[text]
        else:
            wanted = f"0 … {BLOCKS - 1}" if field.name == "block" else f"one of {', '.join(words)}"
            shown = text if len(text) <= 40 else text[:39] + "…"
            notices.append(
                f"{field.name}={shown} was ignored: {wanted} was wanted. "
                f"{_word(field.default)} is shown in its place."
            )
    return ChoiceLink(LayerChoice(**chosen), tuple(notices))  # type: ignore[arg-type]


def _word(value: object) -> str:
    return "row" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
