"""Text from a decoder, with what is needed to compare two of them: tokens, logits, speed."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kernels.decoder import Decoder, greedy


class GenerationCancelled(Exception):
    """Raised when `cancel` returned true; nothing is kept."""


@dataclass(frozen=True, eq=False)
class Generation:
    """What a decoder wrote after a prompt, always taking the most likely token.

    Attributes
    ----------
    tokens : (T,) int64 tensor
    logits : (T, vocabulary) float32 tensor
        That each was chosen by.
    prompt_seconds, seconds : float
        For the prompt and the first token, and for the T − 1 others, without what `progress` and
        `cancel` took.
    """

    tokens: Tensor
    logits: Tensor
    prompt_seconds: float
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """After the first."""
        return (len(self.tokens) - 1) / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True)
class Difference:
    """The first token at which two texts part; all before are the same.

    Attributes
    ----------
    position : int
        From 0.
    tokens : (int, int)
        The first decoder's and the second's.
    first_logits, second_logits : (float, float)
        Of these two tokens, in each decoder.
    """

    position: int
    tokens: tuple[int, int]
    first_logits: tuple[float, float]
    second_logits: tuple[float, float]


def generate(
    decoder: Decoder,
    prompt: Tensor,
    count: int,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
    cancel: Callable[[], bool] = lambda: False,
) -> Generation:
    """Write `count` tokens; one that ends a text does not stop it.

    Parameters
    ----------
    decoder : Decoder
    prompt : (T,) int64 tensor
        On the decoder's device.
    count : int
    progress : callable, optional
        Called after each token with those done and `count`.
    cancel : callable, optional
        Asked after each token.

    Raises
    ------
    GenerationCancelled
        If `cancel` returned true.
    """
    tokens, logits, seconds = [], [], []
    steps = greedy(decoder, prompt[None], count)
    for done in range(1, count + 1):
        began = time.perf_counter()
        token, scores = next(steps)
        tokens.append(int(token))  # waits for a GPU
        seconds.append(time.perf_counter() - began)
        logits.append(scores[0].cpu())
        progress(done, count)
        if cancel():
            raise GenerationCancelled
    return Generation(torch.tensor(tokens), torch.stack(logits), seconds[0], sum(seconds[1:]))


def first_difference(first: Generation, second: Generation) -> Difference | None:
    """Where two texts after the same prompt part; ``None`` if one is the beginning of the other."""
    common = min(len(first.tokens), len(second.tokens))
    parted = (first.tokens[:common] != second.tokens[:common]).nonzero()
    if not len(parted):
        return None
    at = int(parted[0])
    pair = (int(first.tokens[at]), int(second.tokens[at]))
    of_first, of_second = (tuple(g.logits[at, list(pair)].tolist()) for g in (first, second))
    return Difference(at, pair, of_first, of_second)  # type: ignore[arg-type]
