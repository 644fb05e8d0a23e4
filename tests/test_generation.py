"""Texts written by a decoder, and where two of them part."""

import time

import pytest

torch = pytest.importorskip("torch")

from kernels.decoder import Decoder, DecoderShape, greedy  # noqa: E402
from kernels.generation import (  # noqa: E402
    Difference,
    Generation,
    GenerationCancelled,
    first_difference,
    generate,
)

PROMPT = torch.tensor([3, 1, 4, 1, 5])


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(0)
    decoder = Decoder(DecoderShape(20, 16, 24, 2, 2, 1, 8, 1000.0, 1e-5)).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.normal_(0, 0.5)
    return decoder


def written(tokens: list[int], logits: list[list[float]] | None = None) -> Generation:
    """A text of 10 possible tokens, with these logits or none that matter."""
    scores = torch.zeros(len(tokens), 10) if logits is None else torch.tensor(logits)
    return Generation(torch.tensor(tokens), scores, 0.0, 1.0)


def test_text_is_the_greedy_one_with_its_logits_and_progress(decoder) -> None:
    seen = []
    found = generate(decoder, PROMPT, 6, progress=lambda *done: seen.append(done))
    expected = list(greedy(decoder, PROMPT[None], 6))
    assert found.tokens.tolist() == [int(token) for token, _ in expected]
    assert torch.equal(found.logits, torch.cat([scores for _, scores in expected]))
    assert torch.equal(found.logits.argmax(dim=1), found.tokens)
    assert seen == [(done, 6) for done in range(1, 7)]
    assert found.prompt_seconds > 0
    assert found.tokens_per_second == pytest.approx(5 / found.seconds)


def test_what_the_caller_does_between_tokens_is_not_in_the_time(decoder) -> None:
    found = generate(decoder, PROMPT, 4, progress=lambda done, total: time.sleep(0.25))
    assert found.prompt_seconds < 0.25
    assert found.seconds < 0.25


def test_one_token_has_no_speed(decoder) -> None:
    assert Generation(torch.tensor([1]), torch.zeros(1, 10), 1.0, 0.0).tokens_per_second == 0
    assert len(generate(decoder, PROMPT, 1).tokens) == 1


def test_cancelled_text_stops_at_once(decoder) -> None:
    done = []
    with pytest.raises(GenerationCancelled):
        generate(
            decoder,
            PROMPT,
            50,
            progress=lambda count, _: done.append(count),
            cancel=lambda: len(done) == 3,
        )
    assert done == [1, 2, 3]


def test_first_difference_has_both_tokens_with_both_decoders_logits() -> None:
    first, second = [[0.0] * 10 for _ in range(3)], [[0.0] * 10 for _ in range(3)]
    first[1][7], first[1][2] = 5.0, 4.5
    second[1][7], second[1][2] = 4.25, 4.75
    found = first_difference(written([9, 7, 1], first), written([9, 2, 0], second))
    assert found == Difference(1, (7, 2), (5.0, 4.5), (4.25, 4.75))


@pytest.mark.parametrize("others", [[4, 5, 6], [4, 5], [4]])
def test_texts_that_agree_as_far_as_both_go_have_no_difference(others) -> None:
    assert first_difference(written([4, 5, 6]), written(others)) is None
    assert first_difference(written(others), written([4, 5, 6])) is None
