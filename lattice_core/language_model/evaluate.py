"""How much a quantized model has lost: perplexity, divergence from the original, agreement, its own words.

A text is cut into windows that do not overlap. Within a window every token but the first is predicted from
those before it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from lattice_core.language_model.calibrate import Cancelled
from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.recipe import tokens_hash
from lattice_core.language_model.text import WINDOW

if TYPE_CHECKING:
    from transformers import PreTrainedModel

ROWS = (
    64  # predictions worked on at once: their logits (49,152 words: 13 MB) stay near the processor
)


class _Caught(Exception):
    """Ends a forward pass once the last layer has its inputs."""


@dataclass(frozen=True)
class Evaluation:
    """A model on a text.

    Attributes
    ----------
    perplexity : float
        ``exp`` of the mean negative log-likelihood of the predicted tokens.
    divergence : float or None
        Mean Kullback-Leibler divergence ``KL(reference ‖ model)`` of the predictions, nats a token; ``None``
        without a reference.
    agreement : float or None
        Share of the predictions whose likeliest token is that of the reference.
    predicted : int
        Tokens predicted.
    window : int
    """

    perplexity: float
    divergence: float | None
    agreement: float | None
    predicted: int
    window: int


@dataclass(frozen=True, eq=False)
class Reference:
    """What the original model thinks of a text.

    Attributes
    ----------
    states : list of (tokens, width) tensors
        What goes into its last layer, a window each.
    head : Module
        Its last layer.
    tokens_sha256 : str
        Of the text, as `tokens_hash` has it.
    window : int
    """

    states: list[Tensor]
    head: nn.Module
    tokens_sha256: str
    window: int


def gather_reference(
    loaded: LoadedModel,
    tokens: Tensor,
    *,
    window: int = WINDOW,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Reference:
    """Run the original model over a text once, for all comparisons with it.

    The arguments are those of `evaluate`.
    """
    states = list(_last_states(loaded.model, tokens, window, progress, cancel))
    return Reference(states, _head(loaded.model), tokens_hash(tokens), window)


def perplexity(
    model: "PreTrainedModel | LoadedModel", tokens: Tensor, window: int = WINDOW
) -> float:
    """The perplexity of a model on a text; see `evaluate`."""
    inner = model.model if isinstance(model, LoadedModel) else model
    return evaluate(LoadedModel(inner, None, ""), tokens, window=window).perplexity  # type: ignore[arg-type]


def evaluate(
    loaded: LoadedModel,
    tokens: Tensor,
    *,
    window: int = WINDOW,
    reference: Reference | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancel: Callable[[], bool] | None = None,
) -> Evaluation:
    """Perplexity, and how far the predictions are from the original's.

    Parameters
    ----------
    loaded : LoadedModel
    tokens : (n,) int64 tensor
    window : int
        At least 2; the last window may be shorter.
    reference : Reference, optional
        Of the same tokens and window.
    progress : callable, optional
        Called after each window with the tokens done and the tokens in all.
    cancel : callable, optional
        Asked before each window.

    Raises
    ------
    Cancelled
        If `cancel` returned true.
    ValueError
        For a window that does not fit, a reference of other tokens or another window, or predictions that are
        NaN.
    """
    if reference is not None:
        _require_same_text(reference, tokens, window)
    head = _head(loaded.model)
    total = divergence = 0.0
    agreed = predicted = 0
    windows = tokens.split(window)
    for index, states in enumerate(_last_states(loaded.model, tokens, window, progress, cancel)):
        wanted = windows[index][1:].to(states.device)
        theirs = reference.states[index][:-1] if reference is not None else None
        for start in range(0, len(wanted), ROWS):
            rows = slice(start, min(start + ROWS, len(wanted)))
            with torch.inference_mode():
                # Ten times as fast as logsumexp, on a processor.
                logs = torch.log_softmax(head(states[:-1][rows]).float(), dim=1)
                total -= logs.gather(1, wanted[rows, None]).sum(dtype=torch.float64).item()
                if reference is not None and theirs is not None:
                    others = torch.log_softmax(reference.head(theirs[rows]).float(), dim=1)
                    agreed += int((logs.argmax(dim=1) == others.argmax(dim=1)).sum())
                    gaps = torch.sub(others, logs, out=logs)
                    divergences = torch.linalg.vecdot(others.exp_(), gaps)
                    divergence += divergences.sum(dtype=torch.float64).item()
        predicted += len(wanted)
    if not math.isfinite(total):
        raise ValueError("the model predicts NaN: its weights or activations are damaged.")
    mean = total / predicted
    return Evaluation(
        # Beyond e^700 a float ends; such a model knows nothing anyway.
        perplexity=math.exp(min(mean, 700.0)),
        divergence=divergence / predicted if reference is not None else None,
        agreement=agreed / predicted if reference is not None else None,
        predicted=predicted,
        window=window,
    )


def _require_same_text(reference: Reference, tokens: Tensor, window: int) -> None:
    if reference.window != window:
        raise ValueError(
            f"the reference was gathered in windows of {reference.window:,}, and {window:,} was asked for. Gather "
            "it again with this window."
        )
    if reference.tokens_sha256 != tokens_hash(tokens):
        raise ValueError(
            f"the reference is of other tokens than these {len(tokens):,}. Gather it again on the "
            "same text."
        )


def write_text(loaded: LoadedModel, prompt: str, token_count: int, *, seed: int = 0) -> str:
    """What a model writes after a prompt, by sampling with a fixed seed.

    Parameters
    ----------
    loaded : LoadedModel
    prompt : str
    token_count : int
        Most tokens written; the model may end earlier.
    seed : int
        The same seed draws the same numbers, whatever the model.
    """
    device = next(loaded.model.parameters()).device
    ids = torch.tensor([loaded.tokenizer(prompt)["input_ids"]], device=device)
    options: dict[str, Any] = {"do_sample": True, "temperature": 0.7, "top_k": 40}
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(seed)
        written = loaded.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=token_count,
            pad_token_id=loaded.tokenizer.eos_token_id,
            **options,
        )
    return str(loaded.tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True))


def _head(model: "PreTrainedModel") -> nn.Module:
    head = model.get_output_embeddings()
    if head is None:
        raise ValueError(f"{type(model).__name__} has no last layer; it predicts no tokens.")
    return head


def _last_states(
    model: "PreTrainedModel",
    tokens: Tensor,
    window: int,
    progress: Callable[[int, int], None] | None,
    cancel: Callable[[], bool] | None,
) -> Iterator[Tensor]:
    """The inputs of the last layer, (tokens, width), window by window."""
    longest = getattr(model.config, "max_position_embeddings", None)
    if window < 2 or (longest and window > longest):
        raise ValueError(f"window is {window}; 2 … {longest or 'any'} tokens were wanted.")
    if tokens.ndim != 1 or len(tokens) < 2:
        raise ValueError(f"tokens has shape {tuple(tokens.shape)}; at least 2 ids were wanted.")
    device = next(model.parameters()).device
    _require_plain_head(model, tokens[:2].to(device))
    done = 0
    for piece in tokens.split(window):
        if cancel is not None and cancel():
            raise Cancelled(f"stopped after {done:,} of {len(tokens):,} tokens")
        yield _states(model, piece.to(device))
        done += len(piece)
        if progress is not None:
            progress(done, len(tokens))


def _states(model: "PreTrainedModel", piece: Tensor) -> Tensor:
    caught: list[Tensor] = []

    def catch(module: nn.Module, args: tuple[Tensor, ...]) -> None:
        caught.append(args[0])
        raise _Caught

    handle = _head(model).register_forward_pre_hook(catch)
    try:
        with torch.inference_mode():
            model(piece[None], use_cache=False)
    except _Caught:
        pass
    finally:
        handle.remove()
    return caught[0][0]


def _require_plain_head(model: "PreTrainedModel", piece: Tensor) -> None:
    """The predictions must be those of the last layer as it is; some models scale or cap them."""
    with torch.inference_mode():
        given = model(piece[None], use_cache=False).logits[0]
        ours = _head(model)(_states(model, piece))
    if not torch.isfinite(given).all():
        raise ValueError("the model predicts NaN: its weights or activations are damaged.")
    if not torch.allclose(given.float(), ours.float(), rtol=1e-3, atol=1e-3):
        raise ValueError(
            f"{type(model).__name__} changes the numbers of its last layer before it predicts; "
            "comparing such models is not supported."
        )
