"""The work behind *Real layers*: Hessians, gathered once in the background for all visitors.

Nothing here calls streamlit's elements: it runs in threads of its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import cached
from app.background_job import Job
from app.real_layers.choice import SHAPES, LayerChoice, layer_name

if TYPE_CHECKING:
    from torch import Tensor

    from lattice_core.language_model import InputReduction, LoadedModel, Text
    from lattice_core.layers.calibration_transfer import CalibrationTransfer
    from lattice_core.layers.order_results import OrderComparison
    from lattice_core.recorded_row_shares import LayerRowShares

WINDOW = 1024  # tokens that see one another


@dataclass(frozen=True)
class Calibration:
    """The tokens that are run through the model.

    Attributes
    ----------
    text : Text
    tokens : int
    seed : int or None
        Of the windows drawn; ``None`` is the text from its start.
    """

    text: "Text"
    tokens: int
    seed: int | None = None

    @property
    def key(self) -> tuple[str, str, int, int | None]:
        """What the Hessians depend on, and the name that goes with the text."""
        return (self.text.sha256, self.text.source, self.tokens, self.seed)

    def draw(self, loaded: "LoadedModel") -> "Tensor":
        """The tokens, (tokens,)."""
        from lattice_core.language_model import draw_windows, tokenize

        if self.seed is None:
            return tokenize(loaded, self.text, self.tokens)
        return draw_windows(loaded, self.text, self.tokens, seed=self.seed, window=WINDOW)

    def __str__(self) -> str:
        where = (
            f"the first {self.tokens:,} tokens"
            if self.seed is None
            else f"{self.tokens:,} tokens, in windows drawn with seed {self.seed},"
        )
        return f"{where} of {self.text.source}"


@dataclass(frozen=True, eq=False)
class BlockData:
    """The layers of one block: weights, Hessians and where they come from.

    Attributes
    ----------
    weights, hessians : dict of tensors
        By short name, ``q_proj`` …; raw ``XᵀX``.
    calibration : Calibration
    """

    weights: dict[str, "Tensor"]
    hessians: dict[str, "Tensor"]
    calibration: Calibration


class LatestHessians:
    """The Hessians of a whole model, 0.8 GB for SmolLM2: only those gathered last are kept.

    With them, by damping, what LLL made of them; the grid plays no part in that.
    """

    def __init__(self) -> None:
        self._kept: tuple[object, dict[str, Tensor]] = (None, {})
        self._reductions: dict[float, list[InputReduction]] = {}

    def get(self, calibration: Calibration) -> "dict[str, Tensor] | None":
        """Those of this calibration, if they are the ones kept."""
        key, hessians = self._kept
        return hessians if key == calibration.key else None

    def put(self, calibration: Calibration, hessians: "dict[str, Tensor]") -> None:
        """Keep these in place of the others."""
        self._kept, self._reductions = (calibration.key, hessians), {}

    def drop(self) -> None:
        """Make room before others are gathered."""
        self._kept, self._reductions = (None, {}), {}

    def reductions(self, damping: float) -> "list[InputReduction]":
        """Those made of the Hessians kept, to be added to."""
        return self._reductions.setdefault(damping, [])


def block_key(block: int, calibration: Calibration) -> tuple[object, ...]:
    """What the Hessians of a block depend on."""
    return ("block", block, *calibration.key)


def block_job(block: int, calibration: Calibration) -> Job | None:
    """The job that gathers the Hessians of a block, if anyone has started it."""
    return cached.background_jobs().get(block_key(block, calibration))


def start_block(block: int, calibration: Calibration) -> Job:
    """Start it, or join it."""
    return cached.background_jobs().start(
        block_key(block, calibration), gather_block(block, calibration)
    )


def gather_block(block: int, calibration: Calibration) -> Callable[[Job], BlockData | None]:
    """Work that loads the model if needed, then runs the text through it up to a block."""

    def work(job: Job) -> BlockData | None:
        names = {linear: layer_name(block, linear) for linear in SHAPES}
        known = cached.latest_hessians().get(calibration)
        into = f"through blocks 0 … {block}" if block else "into block 0"
        hessians = known or gather(job, calibration, list(names.values()), into)
        if hessians is None:
            return None

        from lattice_core.language_model import linear_layers

        layers = linear_layers(cached.language_model().model)
        return BlockData(
            weights={linear: layers[name].weight.detach() for linear, name in names.items()},
            hessians={linear: hessians[name] for linear, name in names.items()},
            calibration=calibration,
        )

    return work


def gather(
    job: Job, calibration: Calibration, layers: Sequence[str], into: str
) -> "dict[str, Tensor] | None":
    """The Hessians of these layers, reported to the job; ``None`` once it is cancelled."""
    job.report("Loading the language model, once (about 15 s).")
    loaded = cached.language_model()

    from lattice_core.language_model import Cancelled, collect_hessians

    running = f"Running the text {into}."
    job.report(running, 0, calibration.tokens)
    try:
        return collect_hessians(
            loaded,
            calibration.draw(loaded),
            layers=layers,
            window=WINDOW,
            progress=lambda done, total: job.report(running, done, total),
            cancel=lambda: job.cancelled,
        )
    except Cancelled:
        return None


def comparison(choice: LayerChoice, data: BlockData) -> "OrderComparison":
    """All orders on the chosen layer; a second or two, then kept."""
    return cached.order_comparison(
        (choice.layer, *data.calibration.key),
        choice.bits,
        choice.group,
        choice.scales,
        choice.damping,
        data.weights[choice.linear],
        data.hessians[choice.linear],
    )


def row_shares(choice: LayerChoice, data: BlockData, order: str) -> "LayerRowShares":
    """Loss over bound of each row of the chosen layer, in one order; less than a second."""
    return cached.row_shares(
        (choice.layer, *data.calibration.key),
        choice.bits,
        choice.group,
        choice.scales,
        choice.damping,
        order,
        data.weights[choice.linear],
        data.hessians[choice.linear],
    )


def calibration_transfer(
    choice: LayerChoice, data: Mapping[str, BlockData]
) -> "CalibrationTransfer":
    """The chosen layer calibrated on each text, by name; less than a second for each."""
    keys = tuple((name, *each.calibration.key) for name, each in data.items())
    return cached.calibration_transfer(
        (choice.layer, *keys),
        choice.bits,
        choice.group,
        choice.scales,
        choice.damping,
        next(iter(data.values())).weights[choice.linear],
        {name: each.hessians[choice.linear] for name, each in data.items()},
    )
