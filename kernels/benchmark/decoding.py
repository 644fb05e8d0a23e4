"""Tokens per second of whole models, with every linear layer of the blocks replaced.

The embedding and the last layer stay as they are. Weights come from a file (the packaged model, if it
is here) or are drawn at random in a model's shape: how long a step takes does not depend on them. From
a file they are quantized to the nearest code, with the largest kept aside, which takes a moment; this
is no measure of quality.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kernels.benchmark.cases import GROUP_SIZE, Case
from kernels.benchmark.model_weights import read_model
from kernels.decoder import QWEN3_8B, SMOLLM2_135M, Decoder, DecoderShape, captured_step, greedy
from kernels.dispatch import bytes_read
from kernels.packing import PackedWeight, pack
from kernels.quantized_linear import QuantizedLinear, replace_linears

BATCHES = (1, 4, 16)
PROMPT = 16  # tokens, drawn at random
TOKENS = {"cuda": 128, "cpu": 24}  # generated and timed


@dataclass(frozen=True)
class Decoding:
    """A model generating with one kind of linear layers.

    Attributes
    ----------
    model, weights : str
        The model, and where its weights are from.
    layers : str
        "bfloat16", "float32", or bits, outliers and backend.
    batch : int
        Texts at once.
    tokens : int
        Generated for each.
    tokens_per_second : float
        Of all texts together.
    layer_bytes : int
        Of the linear layers of the blocks, that a step reads.
    captured : bool
        Whether a step was a CUDA graph.
    """

    model: str
    weights: str
    layers: str
    batch: int
    tokens: int
    tokens_per_second: float
    layer_bytes: int
    captured: bool


def measure_small(
    device: torch.device, model_file: Path | None, say: Callable[[str], None] = lambda text: None
) -> Iterator[Decoding]:
    """SmolLM2-135M in 16 bits (and 32 on a processor), then with 4 bits and 1 % outliers."""
    if model_file is None:
        state, origin = None, "random"
    else:
        state, origin = read_model(model_file), model_file.name
    dtypes = [torch.bfloat16] if device.type == "cuda" else [torch.bfloat16, torch.float32]
    for dtype in dtypes:
        decoder = _decoder(SMOLLM2_135M, dtype, device, state)
        name = str(dtype).removeprefix("torch.")
        say(f"SmolLM2-135M, {name}")
        yield from _timed(decoder, "SmolLM2-135M", origin, name)
        if dtype == torch.bfloat16:
            quantized = decoder
    packs = {name: to_nearest(layer.weight) for name, layer in quantized.layers.items()}
    backend = "triton" if device.type == "cuda" else "cpu"
    replace_linears(quantized, packs, backend=backend)
    say("SmolLM2-135M, 4 bits")
    yield from _timed(quantized, "SmolLM2-135M", origin, f"4 bits + 1 % outliers, {backend}")


def measure_large(
    device: torch.device, say: Callable[[str], None] = lambda text: None
) -> Iterator[Decoding]:
    """Random weights of Qwen3-8B's shape on a GPU: what a model that waits for memory gains."""
    decoder = _decoder(QWEN3_8B, torch.bfloat16, device, None)
    say("Qwen3-8B's shape, bfloat16")
    yield from _timed(decoder, "Qwen3-8B's shape", "random", "bfloat16")
    for seed, (name, layer) in enumerate(decoder.layers.items()):
        rows, columns = layer.weight.shape
        replace_linears(decoder, {name: Case(columns, rows).draw(device, seed)}, backend="triton")
    torch.cuda.empty_cache()
    say("Qwen3-8B's shape, 4 bits")
    yield from _timed(decoder, "Qwen3-8B's shape", "random", "4 bits + 1 % outliers, triton")


def to_nearest(
    weight: Tensor, bits: int = 4, group_size: int = GROUP_SIZE, rate: float = 0.01
) -> PackedWeight:
    """Each weight rounded to the nearest code, the largest `rate` of them kept aside."""
    wide = weight.detach().float()
    rows, columns = wide.shape
    kept = wide.abs().flatten().kthvalue(max(1, round((1 - rate) * wide.numel()))).values
    aside = wide.abs() > kept
    inside = wide.masked_fill(aside, 0)
    filled = torch.nn.functional.pad(inside, (0, -columns % group_size))
    largest = filled.view(rows, -1, group_size).abs().amax(dim=-1)
    scales = torch.where(largest > 0, largest / (2 ** (bits - 1) - 0.5), 1.0).half()
    spread = scales.float().repeat_interleave(group_size, dim=1)[:, :columns]
    codes = (inside / spread).round().clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return pack(
        codes.to(torch.int8),
        scales,
        wide.masked_fill(~aside, 0).to_sparse(),
        bits=bits,
        group_size=group_size,
    )


def tokens_per_second(decoder: Decoder, prompt: Tensor, count: int) -> float:
    """Of all texts together, after the prompt; on a GPU each step is a captured graph."""
    if prompt.device.type == "cuda":
        step = captured_step(decoder, prompt, prompt.shape[1] + count + 8)
        torch.cuda.synchronize(prompt.device)
        start = time.perf_counter()
        for _ in range(count):
            step()
        torch.cuda.synchronize(prompt.device)
        return len(prompt) * count / (time.perf_counter() - start)
    steps = greedy(decoder, prompt, count + 1)
    next(steps)  # the prompt
    start = time.perf_counter()
    for _ in steps:
        pass
    return len(prompt) * count / (time.perf_counter() - start)


def _timed(decoder: Decoder, model: str, weights: str, layers: str) -> Iterator[Decoding]:
    device = decoder.model.norm.weight.device
    count = TOKENS[device.type]
    size = sum(
        bytes_read(layer.packed, layer.backend)
        if isinstance(layer, QuantizedLinear)
        else layer.weight.nbytes
        for layer in decoder.layers.values()
    )
    for batch in BATCHES:
        generator = torch.Generator(device).manual_seed(0)
        sizes = (batch, PROMPT)
        prompt = torch.randint(decoder.shape.vocabulary, sizes, generator=generator, device=device)
        speed = tokens_per_second(decoder, prompt, count)
        yield Decoding(model, weights, layers, batch, count, speed, size, device.type == "cuda")


def _decoder(
    shape: DecoderShape, dtype: torch.dtype, device: torch.device, state: dict[str, Tensor] | None
) -> Decoder:
    decoder = Decoder(shape, dtype, device).eval()
    if state is not None:
        decoder.load_state_dict(state)
        return decoder
    generator = torch.Generator(device).manual_seed(0)
    for name, parameter in decoder.named_parameters():
        if not name.endswith("norm.weight"):
            parameter.detach().normal_(0, 0.02, generator=generator)
    return decoder
