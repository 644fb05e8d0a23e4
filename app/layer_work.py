"""The work behind *Real layers*: the Hessians of a block, gathered once in the background.

Nothing here calls streamlit's elements: it runs in threads of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import cached
from app.background_job import Job
from app.layer_choice import SHAPES, LayerChoice, layer_name

if TYPE_CHECKING:
    from torch import Tensor

    from lattice_core.layers.order_comparison import OrderComparison


@dataclass(frozen=True, eq=False)
class BlockData:
    """The layers of one block: weights, Hessians and where they come from.

    Attributes
    ----------
    weights, hessians : dict of tensors
        By short name, ``q_proj`` …; raw ``XᵀX``.
    text_source, text_sha256 : str
    """

    weights: dict[str, "Tensor"]
    hessians: dict[str, "Tensor"]
    text_source: str
    text_sha256: str


def block_key(choice: LayerChoice) -> tuple[str, int, int]:
    """What the Hessians of a block depend on."""
    return ("block", choice.block, choice.tokens)


def block_job(choice: LayerChoice) -> Job | None:
    """The job that gathers what the choice needs, if anyone has started it."""
    return cached.background_jobs().get(block_key(choice))


def start_block(choice: LayerChoice) -> Job:
    """Start it, or join it."""
    return cached.background_jobs().start(
        block_key(choice), gather_block(choice.block, choice.tokens)
    )


def gather_block(block: int, tokens: int) -> Callable[[Job], BlockData | None]:
    """Work that loads the model if needed, then runs the text through it up to a block."""

    def work(job: Job) -> BlockData | None:
        job.report("Loading the language model, once (about 15 s).")
        loaded = cached.language_model()
        if job.cancelled:
            return None

        from lattice_core.language_model.calibrate import collect_hessians, linear_layers
        from lattice_core.language_model.text import embedded_text, tokenize

        names = {linear: layer_name(block, linear) for linear in SHAPES}
        text = embedded_text("calibration")
        running = f"Running the text through blocks 0 … {block}." if block else "Running the text."
        job.report(running, 0, tokens)
        hessians = collect_hessians(
            loaded,
            tokenize(loaded, text, tokens),
            layers=list(names.values()),
            progress=lambda done, total: job.report(running, done, total),
            cancel=lambda: job.cancelled,
        )
        layers = linear_layers(loaded.model)
        return BlockData(
            weights={linear: layers[name].weight.detach() for linear, name in names.items()},
            hessians={linear: hessians[name] for linear, name in names.items()},
            text_source=text.source,
            text_sha256=text.sha256,
        )

    return work


def comparison(choice: LayerChoice, data: BlockData) -> "OrderComparison":
    """All orders on the chosen layer; a second or two, then kept."""
    return cached.order_comparison(
        choice, data.weights[choice.linear], data.hessians[choice.linear]
    )
