"""The plain decoder against transformers, with the same weights."""

import contextlib
import gc
import weakref
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from kernels.benchmark.model_weights import packaged_model, read_model  # noqa: E402
from kernels.decoder import SMOLLM2_135M, Decoder, DecoderShape, captured_step, greedy  # noqa: E402

PROMPTS = torch.arange(18).reshape(2, 9) * 7 % 50
SIZES = {
    "vocab_size": 50,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 8,  # of all heads together 48, twice the hidden size
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
}


def both(kind: str):
    """A tiny model of transformers, and the decoder with its weights."""
    torch.manual_seed(0)
    rope = {"rope_type": "default", "rope_theta": 1000.0}
    sizes = SIZES | {"rope_parameters": rope, "tie_word_embeddings": kind == "tied Llama"}
    if kind == "Qwen3":
        qwen3 = pytest.importorskip("transformers.models.qwen3")
        theirs = qwen3.Qwen3ForCausalLM(qwen3.Qwen3Config(**sizes)).eval()
    else:
        config = transformers.LlamaConfig(**sizes)
        theirs = transformers.LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in theirs.named_parameters():
            if name.endswith("norm.weight"):  # all ones as they are made
                parameter.uniform_(0.5, 1.5)
            else:
                parameter.normal_(0, 0.2)
    shape = DecoderShape(
        50, 24, 40, 3, 6, 2, 8, 1000.0, 1e-5, kind == "Qwen3", tied=kind == "tied Llama"
    )
    decoder = Decoder(shape).eval()
    decoder.load_state_dict(theirs.state_dict())
    return theirs, decoder


EVERY_KIND = pytest.mark.parametrize("kind", ["Llama", "tied Llama", "Qwen3"])


def logits_of(theirs, tokens: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return theirs(tokens).logits


@EVERY_KIND
def test_logits_are_those_of_transformers(kind) -> None:
    theirs, decoder = both(kind)
    desired = logits_of(theirs, PROMPTS)
    assert desired.std() > 0.1
    for length in (1, 2, 9):
        ours = decoder(PROMPTS[:, :length], decoder.new_cache(2, 9))
        torch.testing.assert_close(ours, desired[:, length - 1], rtol=1e-4, atol=1e-4)


@EVERY_KIND
def test_step_by_step_is_the_same_as_all_at_once(kind) -> None:
    _, decoder = both(kind)
    at_once = decoder(PROMPTS, decoder.new_cache(2, 9))
    for steps in ([1] * 9, [4, 5], [1, 7, 1]):
        cache = decoder.new_cache(2, 20)  # room that stays empty is not looked at
        for tokens in PROMPTS.split(steps, dim=1):
            last = decoder(tokens, cache)
        assert cache.position.item() == 9
        torch.testing.assert_close(last, at_once, rtol=1e-5, atol=1e-5)


@EVERY_KIND
def test_greedy_writes_what_transformers_generates(kind) -> None:
    theirs, decoder = both(kind)
    generated = theirs.generate(
        PROMPTS,
        attention_mask=torch.ones_like(PROMPTS),
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )[:, 9:]
    ours = list(greedy(decoder, PROMPTS, 12))
    assert torch.equal(torch.stack([tokens for tokens, _ in ours], dim=1), generated)
    assert generated.unique().numel() > 2  # not each text the same token again and again
    for tokens, logits in ours:
        assert torch.equal(logits.argmax(dim=-1), tokens)


def test_texts_of_a_batch_do_not_see_one_another() -> None:
    _, decoder = both("Llama")
    together = decoder(PROMPTS, decoder.new_cache(2, 9))
    alone = [decoder(prompt[None], decoder.new_cache(1, 9)) for prompt in PROMPTS]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-5, atol=1e-5)


def test_bfloat16_stays_close_and_logits_are_float32() -> None:
    theirs, decoder = both("Llama")
    narrow = Decoder(decoder.shape, torch.bfloat16).eval()
    narrow.load_state_dict(decoder.state_dict())
    ours = narrow(PROMPTS, narrow.new_cache(2, 9))
    assert ours.dtype == torch.float32
    desired = logits_of(theirs, PROMPTS)[:, -1]
    assert ((ours - desired).norm() / desired.norm()).item() < 0.03


def test_layers_are_the_linear_layers_of_the_blocks() -> None:
    _, decoder = both("Qwen3")
    kinds = [f"self_attn.{k}_proj" for k in "qkvo"]
    kinds += [f"mlp.{k}_proj" for k in ("gate", "up", "down")]
    assert list(decoder.layers) == [f"model.layers.{b}.{k}" for b in range(3) for k in kinds]


# The packaged model


@pytest.fixture(scope="module")
def from_file(smollm2) -> dict[str, torch.Tensor]:
    path = packaged_model()
    assert path is not None
    return read_model(path)


@pytest.mark.model
def test_weights_read_from_the_packaged_file_are_those_of_transformers(smollm2, from_file) -> None:
    theirs = smollm2.model.state_dict()
    assert from_file.keys() == theirs.keys()
    for name, tensor in theirs.items():
        torch.testing.assert_close(from_file[name], tensor, rtol=0, atol=0, msg=name)


@pytest.mark.model
def test_decoder_of_the_packaged_model_agrees_with_transformers(smollm2, from_file) -> None:
    decoder = Decoder(SMOLLM2_135M).eval()
    decoder.load_state_dict(from_file)
    prompt = smollm2.tokenizer("The capital of France is", return_tensors="pt").input_ids
    desired = logits_of(smollm2.model, prompt)
    ours = decoder(prompt, decoder.new_cache(1, 16))
    torch.testing.assert_close(ours, desired[:, -1], rtol=1e-3, atol=1e-3)
    (token,) = (int(token) for token, _ in greedy(decoder, prompt, 1))
    assert smollm2.tokenizer.decode(token).strip() == "Paris"


def test_captured_step_keeps_what_its_graph_reads(monkeypatch) -> None:
    """With a graph that does nothing: what it would read must not be given back."""
    _, decoder = both("Llama")
    nothing = contextlib.nullcontext()
    stream = SimpleNamespace(wait_stream=lambda other: None)
    for name, value in {
        "Stream": lambda device: stream,
        "current_stream": lambda device: stream,
        "stream": lambda stream: nothing,
        "synchronize": lambda device: None,
        "graph": lambda graph, stream: nothing,
        "CUDAGraph": lambda: SimpleNamespace(replay=lambda: None),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    kept, new_cache = [], Decoder.new_cache

    def noted(self, *sizes):
        kept.append(new_cache(self, *sizes))
        return kept[-1]

    monkeypatch.setattr(Decoder, "new_cache", noted)
    step = captured_step(decoder, PROMPTS, 20)
    cache, parameter = weakref.ref(kept.pop()), weakref.ref(decoder.model.norm.weight)
    del decoder
    monkeypatch.undo()
    gc.collect()
    assert cache() is not None
    assert parameter() is not None
    assert step().shape == (2,)
    del step
    gc.collect()
    assert cache() is None


@pytest.mark.parametrize(
    ("name", "message"),
    [("model.gguf", r"no file .*model\.gguf; a \.gguf or \.safetensors"), ("model.bin", "neither")],
)
def test_file_that_cannot_be_read_is_an_error(name, message, tmp_path) -> None:
    path = tmp_path / name
    if name.endswith(".bin"):
        path.write_bytes(b"")
    with pytest.raises(ValueError, match=message):
        read_model(path)


def test_safetensors_file_is_read_as_float32_with_the_last_layer_tied(tmp_path) -> None:
    safetensors = pytest.importorskip("safetensors.torch")
    embedding = torch.randn(5, 3).bfloat16()
    safetensors.save_file({"model.embed_tokens.weight": embedding}, tmp_path / "m.safetensors")
    state = read_model(tmp_path / "m.safetensors")
    assert state.keys() == {"model.embed_tokens.weight", "lm_head.weight"}
    for tensor in state.values():
        torch.testing.assert_close(tensor, embedding.float(), rtol=0, atol=0)
