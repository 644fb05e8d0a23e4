"""What the study runs: contenders, and the points of its three stages."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from lattice_core.language_model.recipe import Inputs, Recipe, Targets
from lattice_core.layers.layer_problem import Settings
from lattice_core.orders import ORDERS

GROUP_SIZE = 64  # a 16-bit scale for 64 weights is the quarter bit in 4.25
TARGET_BITS = (4.25, 3.25, 2.25)
WINDOW = 512  # calibration
SEEDS = (1, 2, 3)
K = 8


@dataclass(frozen=True)
class Contender:
    """A way to quantize, at any number of bits.

    Attributes
    ----------
    key, name : str
        For links and tables; for people.
    about : str
        What it is, in a sentence.
    settings : callable
        Settings for a target in bits a weight. Methods with a grid take its whole part, and pay the rest for
        their scales; what they store in the end is theirs to say.
    """

    key: str
    name: str
    about: str
    settings: Callable[[float], Settings]


def _grid(method: str, **options: Any) -> Callable[[float], Settings]:
    return lambda bits: Settings(method, int(bits), GROUP_SIZE, **options)


def _sized(method: str, **options: Any) -> Callable[[float], Settings]:
    return lambda bits: Settings(method, bits, **options)


_ALL = (
    Contender("rtn", "RTN", "Round to nearest, a scale for each 64 weights.", _grid("rtn")),
    Contender(
        "gptq", "GPTQ", "Nearest plane on the same scales, clipped to the grid.", _grid("gptq")
    ),
    Contender(
        "gptq_huffman",
        "GPTQ + Huffman",
        "The codes of GPTQ, stored with a Huffman code.",
        _grid("gptq", coder="huffman"),
    ),
    Contender(
        "ssqr",
        "SSQR 1 %",
        "GPTQ with scales so wide that 1 % of the weights do not fit; those are kept aside.",
        _grid("ssqr", outlier_rate=0.01),
    ),
    Contender(
        "hrtn",
        "HRTN",
        "Round to nearest on one scale for the layer, without a grid, entropy-coded.",
        _sized("hrtn"),
    ),
    Contender(
        "hptq",
        "HPTQ",
        "Nearest plane on one scale for the layer, without a grid, entropy-coded.",
        _sized("hptq"),
    ),
    Contender(
        "watersic",
        "Spacing",
        "HPTQ with columns spaced by 1/R_jj (WaterSIC).",
        _sized("watersic"),
    ),
    Contender(
        "watersic_k_best",
        "Spacing, K-best, rate-aware",
        f"Spacing; of the codes, the {K} best beams are kept, and bits count as well as loss.",
        _sized("watersic", decoder="k_best", k=K, rate_aware=True),
    ),
)
CONTENDERS: dict[str, Contender] = {contender.key: contender for contender in _ALL}

# What the first plot compares, again with other inputs and other calibration text.
HEADLINE = (
    ("gptq", 3.25),
    ("hptq", 3.25),
    ("watersic", 3.25),
    ("watersic_k_best", 3.25),
    ("watersic_k_best", 2.25),
)
CLOSEST = ("watersic", 4.25)  # to the original: what sequential inputs and other targets add there


@dataclass(frozen=True)
class StudyPoint:
    """One run of the study.

    Attributes
    ----------
    stage : {"A", "B", "C"}
    contender : str
        A key of `CONTENDERS`.
    target_bits : float
    order : str
    overflow : {"clip", "keep"}
        For grids.
    inputs : {"one_shot", "sequential"}
    targets : {"own", "unquantized"}
    seed : int or None
        Of the windows drawn for calibration; ``None`` is the text as it stands.
    """

    stage: str
    contender: str
    target_bits: float
    order: str = "act_order"
    overflow: str = "clip"
    inputs: Inputs = "one_shot"
    targets: Targets = "own"
    seed: int | None = None

    @property
    def key(self) -> str:
        """A name for files, one for each point."""
        parts = [self.stage, self.contender, f"{self.target_bits:g}", self.order, self.overflow]
        parts += [self.inputs, self.targets, "text" if self.seed is None else f"seed{self.seed}"]
        return "-".join(parts)

    def recipe(self) -> Recipe:
        """What to do."""
        settings = CONTENDERS[self.contender].settings(self.target_bits)
        if self.overflow == "keep":
            settings = replace(settings, overflow="keep")
        return Recipe(
            settings, order=self.order, inputs=self.inputs, targets=self.targets, window=WINDOW
        )


def stage_a() -> list[StudyPoint]:
    """Every contender at every size: one-shot, act-order."""
    return [StudyPoint("A", key, bits) for bits in TARGET_BITS for key in CONTENDERS]


def stage_b() -> list[StudyPoint]:
    """GPTQ's codes in four orders, clipped and kept, at 3 bits; Huffman-coded, for kept codes are wide."""
    return [
        StudyPoint("B", "gptq_huffman", 3.25, order, overflow)
        for order in ORDERS
        for overflow in ("clip", "keep")
    ]


def stage_c() -> list[StudyPoint]:
    """The headline points (and the closest) with sequential inputs and with targets of the unquantized
    model; the headline points with three calibration seeds.
    """
    sequential = [
        StudyPoint("C", key, bits, inputs="sequential", targets=targets)
        for targets in ("own", "unquantized")
        for key, bits in (*HEADLINE, CLOSEST)
    ]
    return sequential + [
        StudyPoint("C", key, bits, seed=seed) for seed in SEEDS for key, bits in HEADLINE
    ]


STAGES: dict[str, Callable[[], list[StudyPoint]]] = {"A": stage_a, "B": stage_b, "C": stage_c}
