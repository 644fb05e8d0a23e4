"""What a quantized model of the study is worth: on the evaluation text, on held-out text, in its own words."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from lattice_core.language_model.block_hessians import block_hessians
from lattice_core.language_model.blocks import BlockRunner
from lattice_core.language_model.calibrate import linear_layers
from lattice_core.language_model.evaluate import (
    Evaluation,
    Reference,
    evaluate,
    gather_reference,
    write_text,
)
from lattice_core.language_model.hessian_folder import HessianFolder
from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.pipeline import Report
from lattice_core.language_model.recipe import model_hash, tokens_hash
from lattice_core.language_model.study_plan import WINDOW

PROMPT = "The history of the lighthouse begins in"
WRITTEN_TOKENS = 64


@dataclass(frozen=True)
class Judgement:
    """What the weights of a model are worth, however they are stored.

    Attributes
    ----------
    evaluation : Evaluation
    held_out : dict of float
        By layer, on text that nothing was made from: the undamped loss over the energy there.
    text : str
        What the model writes after the prompt.
    seconds : float
        Of the evaluation.
    """

    evaluation: Evaluation
    held_out: dict[str, float]
    text: str
    seconds: float


class Judge:
    """Judges models against the one that they were made from; what it needs of that is gathered once.

    Parameters
    ----------
    original : LoadedModel
    evaluation : (n,) int64 tensor
        Tokens.
    window : int
        Of the evaluation.
    held_out : (m,) int64 tensor
        Tokens that nothing is made from.
    folder : Path
        Where Hessians on the held-out tokens are kept.
    tell : callable
        Called with what is being done, the steps done and the steps in all.
    cancel : callable or None
    """

    def __init__(
        self,
        original: LoadedModel,
        evaluation: Tensor,
        window: int,
        held_out: Tensor,
        folder: Path,
        tell: Report,
        cancel: Callable[[], bool] | None,
    ) -> None:
        self._original, self._evaluation, self._window = original, evaluation, window
        self._held_out_tokens, self._folder = held_out, folder
        self._tell, self._cancel = tell, cancel
        self._reference: Reference | None = None
        self._held_out: HessianFolder | None = None

    def judge_original(self) -> tuple[Evaluation, str]:
        """The original on the evaluation text, and what it writes."""
        found = self._evaluate(self._original, "The original model", None)
        return found, write_text(self._original, PROMPT, WRITTEN_TOKENS)

    def judge(self, model: LoadedModel, name: str) -> Judgement:
        """A quantized model, whose name is told with the progress."""
        if self._reference is None:
            self._reference = gather_reference(
                self._original,
                self._evaluation,
                window=self._window,
                progress=lambda done, total: self._tell("The original model", done, total),
                cancel=self._cancel,
            )
        began = time.perf_counter()
        found = self._evaluate(model, f"{name}: evaluating", self._reference)
        seconds = time.perf_counter() - began
        held_out = self._held_out_losses(model)
        return Judgement(found, held_out, write_text(model, PROMPT, WRITTEN_TOKENS), seconds)

    def _evaluate(
        self, model: LoadedModel, message: str, reference: Reference | None
    ) -> Evaluation:
        return evaluate(
            model,
            self._evaluation,
            window=self._window,
            reference=reference,
            progress=lambda done, total: self._tell(message, done, total),
            cancel=self._cancel,
        )

    def _held_out_losses(self, model: LoadedModel) -> dict[str, float]:
        """Of each layer on text that nothing was made from, over the energy there."""
        if self._held_out is None:
            self._held_out = self._gather_held_out()
        originals, quantized = linear_layers(self._original.model), linear_layers(model.model)
        losses: dict[str, float] = {}
        for index in range(len(originals)):
            found = self._held_out.read(index)
            if found is None:
                break
            for layer, leader in found.leaders.items():
                # In float32: a share of a positive sum, not a small difference.
                weight = originals[layer].weight.detach().float()
                error = quantized[layer].weight.detach().float() - weight
                hessian = found.hessians[leader].to(weight)
                energy = ((weight @ hessian) * weight).sum().item()
                losses[layer] = ((error @ hessian) * error).sum().item() / energy
        return losses

    def _gather_held_out(self) -> HessianFolder:
        tokens = self._held_out_tokens
        key = {
            "model_sha256": model_hash(self._original.model),
            "tokens_sha256": tokens_hash(tokens),
            "window": WINDOW,
        }
        folder = HessianFolder(self._folder, key)
        runner = BlockRunner(self._original.model, tokens, WINDOW, self._cancel)
        if folder.read(len(runner.blocks) - 1) is not None:
            return folder
        states = runner.start()
        for index, (name, block) in enumerate(runner.blocks.items()):
            self._tell("Inputs on other text", index, len(runner.blocks))
            folder.write(index, block_hessians(runner, name, states))
            states = list(runner.run(name, block, states))
        return folder
