"""Perplexity, divergence and agreement against their definitions."""

import math

import pytest
import torch
from tiny_model import tiny_model
from torch import Tensor

from lattice_core.language_model import Cancelled, LoadedModel, gather_reference, perplexity
from lattice_core.language_model.evaluate import evaluate

WINDOW = 32


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return tiny_model(hidden_size=64, intermediate_size=96)


@pytest.fixture(scope="module")
def other() -> LoadedModel:
    changed = tiny_model(hidden_size=64, intermediate_size=96)
    with torch.no_grad():
        for layer in changed.model.model.layers:
            layer.mlp.up_proj.weight.mul_(3)
            layer.self_attn.v_proj.weight.mul_(3)
    return changed


@pytest.fixture(scope="module")
def tokens() -> Tensor:
    return torch.randint(0, 50, (5 * WINDOW + 9,), generator=torch.Generator().manual_seed(3))


def logs_of(model: LoadedModel, tokens: Tensor) -> list[Tensor]:
    with torch.no_grad():
        return [
            torch.log_softmax(model.model(piece[None]).logits[0, :-1].double(), dim=1)
            for piece in tokens.split(WINDOW)
        ]


def test_perplexity_is_that_of_windows_without_overlap(model: LoadedModel, tokens: Tensor) -> None:
    pieces = tokens.split(WINDOW)
    logs = logs_of(model, tokens)
    likely = [log.gather(1, piece[1:, None]) for log, piece in zip(logs, pieces, strict=True)]
    wanted = math.exp(-torch.cat(likely).mean().item())
    found = evaluate(model, tokens, window=WINDOW)
    assert found.perplexity == pytest.approx(wanted, rel=1e-5)
    assert found.predicted == len(tokens) - len(pieces)
    assert found.divergence is None
    assert perplexity(model.model, tokens, WINDOW) == pytest.approx(wanted, rel=1e-5)


def test_divergence_and_agreement_are_their_definitions(
    model: LoadedModel, other: LoadedModel, tokens: Tensor
) -> None:
    reference = gather_reference(model, tokens, window=WINDOW)
    found = evaluate(other, tokens, window=WINDOW, reference=reference)
    ours, theirs = torch.cat(logs_of(other, tokens)), torch.cat(logs_of(model, tokens))
    divergence = (theirs.exp() * (theirs - ours)).sum(dim=1).mean().item()
    agreement = (ours.argmax(dim=1) == theirs.argmax(dim=1)).double().mean().item()
    assert found.divergence == pytest.approx(divergence, rel=1e-4)
    assert found.agreement == pytest.approx(agreement, abs=1e-9)
    assert divergence > 1e-4


def test_a_model_agrees_with_itself(model: LoadedModel, tokens: Tensor) -> None:
    reference = gather_reference(model, tokens, window=WINDOW)
    found = evaluate(model, tokens, window=WINDOW, reference=reference)
    assert found.divergence == pytest.approx(0, abs=1e-9)
    assert found.agreement == 1


def test_a_reference_of_another_text_or_window_is_refused(
    model: LoadedModel, tokens: Tensor
) -> None:
    reference = gather_reference(model, tokens, window=WINDOW)
    with pytest.raises(ValueError, match="of other tokens than these 169"):
        evaluate(model, tokens.flip(0), window=WINDOW, reference=reference)
    with pytest.raises(ValueError, match="in windows of 32, and 16 was asked for"):
        evaluate(model, tokens, window=16, reference=reference)


def test_progress_and_cancel(model: LoadedModel, tokens: Tensor) -> None:
    seen: list[int] = []
    evaluate(model, tokens, window=WINDOW, progress=lambda done, total: seen.append(done))
    assert seen == [32, 64, 96, 128, 160, 169]
    with pytest.raises(Cancelled):
        evaluate(model, tokens, window=WINDOW, cancel=lambda: len(seen) > 0)


def test_bad_input_is_refused(model: LoadedModel, tokens: Tensor) -> None:
    with pytest.raises(ValueError, match="window is 1; 2 … 1024"):
        evaluate(model, tokens, window=1)
    with pytest.raises(ValueError, match="at least 2 ids"):
        evaluate(model, tokens[:1], window=WINDOW)
    damaged = tiny_model(hidden_size=64, intermediate_size=96)
    with torch.no_grad():
        damaged.model.model.norm.weight[0] = float("nan")
    with pytest.raises(ValueError, match="predicts NaN"):
        evaluate(damaged, tokens, window=WINDOW)
