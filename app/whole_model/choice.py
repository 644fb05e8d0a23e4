"""What the page *Whole model* shows: a record, and the query of a link. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from app import choice_link
from app.choice_link import ChoiceLink
from app.order_names import ORDER_NAMES
from app.real_layers.choice import BLOCKS, SHAPES, layer_name

VIEWS = ("recorded", "here")
METHODS = ("rtn", "gptq", "gptq_huffman", "ssqr", "hrtn", "hptq", "watersic")
WITH_A_GRID = ("rtn", "gptq", "gptq_huffman", "ssqr")
GRID_BITS = (2.25, 3.25, 4.25)  # whole bits, and a 16-bit scale for 64 weights
LAYERS = tuple(f"{block}-{linear}" for block in range(BLOCKS) for linear in SHAPES)
BY_ITSELF = ""  # the page chooses
OPTIONS: dict[str, tuple[object, ...]] = {
    "view": VIEWS,
    "compare": ("methods", "orders", "inputs"),
    "measure": ("perplexity", "divergence", "disagreement", "held_out"),
    "predictor": ("bound", "loss", "held_out"),
    "run": (BY_ITSELF,),
    "quantity": ("loss", "share", "clipped", "bits", "distance", "held_out"),
    "layer": (BY_ITSELF, *LAYERS),
    "other": (BY_ITSELF,),
    "method": METHODS,
    "bits": (2.25, 2.75, 3.25, 3.75, 4.25),
    "outliers": (0.01, 0.02, 0.03, 0.04, 0.05),
    "beams": (None, 4, 16),
    "descent": (False, True),
    "rate_aware": (False, True),
    "refit": (False, True),
    "order": tuple(ORDER_NAMES),
    "inputs": ("one_shot", "sequential", "targets"),
    "tokens": (2048, 4096, 16384),
    "evaluated": (1024, 4096),
}
# What the numbers of a model that is quantized here depend on.
RECIPE = (
    *("method", "bits", "outliers", "beams", "descent", "rate_aware", "refit", "order"),
    *("inputs", "tokens", "evaluated"),
)


@dataclass(frozen=True)
class ModelChoice:
    """The view on show, what it shows of the study, and what is to be done here.

    Attributes
    ----------
    view : {"recorded", "here"}
    compare : {"methods", "orders", "inputs"}
        The stage of the study on show.
    measure : str
        Of the damage.
    predictor : str
        Of the damage, set against it.
    run, other : str
        Keys of runs: whose layers are shown, whose text stands beside its own. Empty: the page chooses.
    quantity : str
        Of the map of layers.
    layer : str
        ``3-up_proj``, chosen on the map; may be empty.
    method : str
        A key of `CONTENDERS`.
    bits : float
        Asked for, a weight.
    outliers : float
        Kept aside by ssqr.
    beams : int or None
        Of K-best; ``None`` is the nearest plane.
    descent, rate_aware, refit : bool
        Coordinate descent afterwards; loss and bits together; scales fitted anew.
    order : str
    inputs : {"one_shot", "sequential", "targets"}
    tokens, evaluated : int
        Of calibration and of evaluation.
    """

    view: str = "recorded"
    compare: str = "methods"
    measure: str = "perplexity"
    predictor: str = "bound"
    run: str = BY_ITSELF
    quantity: str = "loss"
    layer: str = BY_ITSELF
    other: str = BY_ITSELF
    method: str = "hptq"
    bits: float = 3.25
    outliers: float = 0.01
    beams: int | None = None
    descent: bool = False
    rate_aware: bool = False
    refit: bool = False
    order: str = "act_order"
    inputs: str = "one_shot"
    tokens: int = 4096
    evaluated: int = 1024

    @property
    def has_a_grid(self) -> bool:
        """Then its bits are whole, and a quarter for the scales."""
        return self.method in WITH_A_GRID

    @property
    def target_bits(self) -> float:
        """`bits`, or for a grid the size below that there is."""
        if not self.has_a_grid:
            return self.bits
        return max(bits for bits in GRID_BITS if bits <= self.bits)

    @property
    def layer_name(self) -> str:
        """In the model's own words; empty for none."""
        block, _, linear = self.layer.partition("-")
        return layer_name(int(block), linear) if self.layer else ""

    @property
    def recipe(self) -> tuple[object, ...]:
        """What the numbers of a model quantized here depend on; the same for the same work."""
        fields = asdict(self) | {"bits": self.target_bits}
        if self.method != "ssqr":
            del fields["outliers"]
        return tuple((name, fields[name]) for name in RECIPE if name in fields)

    def to_query(self) -> dict[str, str]:
        """Query parameters that restore the choice."""
        return choice_link.to_query(self, _word)


def from_query(query: Mapping[str, str], runs: Sequence[str] = ()) -> ChoiceLink[ModelChoice]:
    """The choice that a link describes; what makes no sense is left out, with a notice.

    Parameters
    ----------
    query : mapping
    runs : sequence of str
        Keys of the runs that are recorded.
    """
    known = (BY_ITSELF, *runs)
    named = "the key of a recorded run"
    return choice_link.from_query(
        ModelChoice,
        OPTIONS | {"run": known, "other": known},
        query,
        _word,
        ranges={"run": named, "other": named, "layer": f"one of {LAYERS[0]} … {LAYERS[-1]}"},
    )


def short_layer(name: str) -> str:
    """``3-up_proj`` for ``model.layers.3.mlp.up_proj``."""
    parts = name.split(".")
    return f"{parts[2]}-{parts[-1]}"


def _word(name: str, value: object) -> str:
    if value is None:
        return "off"
    if value == BY_ITSELF:
        return "auto"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
