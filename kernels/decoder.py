"""A decoder of the Llama family in plain torch: enough to generate text with quantized layers.

Llama, SmolLM2 and Qwen3 differ only in sizes and in whether queries and keys are normalized. The modules
are named as in transformers, so that its weights load, and layers are replaced by name
(`kernels.quantized_linear`). Keys and values of a fixed number of positions are kept in one place: a
step does the same work on the same memory every time, and can be captured in a CUDA graph.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import embedding, scaled_dot_product_attention, silu


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of a decoder.

    Attributes
    ----------
    vocabulary, hidden, intermediate, blocks : int
    heads, key_heads, head_size : int
        Of attention; ``heads / key_heads`` queries share a key.
    rope_base, norm_epsilon : float
    normalizes_queries : bool
        Queries and keys too, as Qwen3 does.
    tied : bool
        The last layer is the embedding.
    """

    vocabulary: int
    hidden: int
    intermediate: int
    blocks: int
    heads: int
    key_heads: int
    head_size: int
    rope_base: float
    norm_epsilon: float
    normalizes_queries: bool = False
    tied: bool = True


SMOLLM2_135M = DecoderShape(49152, 576, 1536, 30, 9, 3, 64, 100_000.0, 1e-5)
QWEN3_8B = DecoderShape(
    151936, 4096, 12288, 36, 32, 8, 128, 1_000_000.0, 1e-6, normalizes_queries=True, tied=False
)


class Cache:
    """Keys and values of the positions so far.

    Attributes
    ----------
    keys, values : lists of (B, key_heads, limit, head_size) tensors
        By block.
    position : (1,) int64 tensor
        Where the next token goes; on the device, so that a captured step moves it.
    """

    def __init__(self, shape: DecoderShape, batch: int, limit: int, like: Tensor) -> None:
        sizes = (batch, shape.key_heads, limit, shape.head_size)
        self.keys = [like.new_zeros(sizes) for _ in range(shape.blocks)]
        self.values = [like.new_zeros(sizes) for _ in range(shape.blocks)]
        self.position = torch.zeros(1, dtype=torch.int64, device=like.device)
        self.limit = limit


class Decoder(nn.Module):
    """Embedding, blocks, a last norm, and the logits of the next token.

    Parameters
    ----------
    shape : DecoderShape
    dtype, device
        Of all parameters, which are left as they are in memory: load a state, or draw them.
    """

    def __init__(
        self, shape: DecoderShape, dtype: torch.dtype = torch.float32, device: Any = "cpu"
    ) -> None:
        super().__init__()
        where = {"dtype": dtype, "device": device}
        self.shape = shape
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(shape.vocabulary, shape.hidden, **where)
        self.model.layers = nn.ModuleList(Block(shape, where) for _ in range(shape.blocks))
        self.model.norm = nn.RMSNorm(shape.hidden, eps=shape.norm_epsilon, **where)
        self.lm_head = nn.Linear(shape.hidden, shape.vocabulary, bias=False, **where)
        if shape.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    @property
    def layers(self) -> dict[str, nn.Module]:
        """The linear layers of the blocks by name: what is quantized."""
        return {
            name: module
            for name, module in self.named_modules()
            if name.endswith("_proj") and name.startswith("model.layers.")
        }

    def new_cache(self, batch: int, limit: int) -> Cache:
        """An empty cache for `batch` texts of at most `limit` tokens."""
        return Cache(self.shape, batch, limit, self.model.norm.weight)

    @torch.inference_mode()
    def forward(self, tokens: Tensor, cache: Cache) -> Tensor:
        """Logits after the last of some tokens, which are added to the cache.

        Parameters
        ----------
        tokens : (B, T) int64 tensor
        cache : Cache
            **Changed**: T positions more.

        Returns
        -------
        (B, vocabulary) float32 tensor
        """
        count = tokens.shape[1]
        positions = cache.position + torch.arange(count, device=tokens.device)
        x = embedding(tokens, self.model.embed_tokens.weight)
        turn = _rotations(positions, self.shape, x.dtype)
        seen = _seen(positions, cache.limit, self.shape, x.dtype)
        for block, keys, values in zip(self.model.layers, cache.keys, cache.values, strict=True):
            x = block(x, turn, seen, positions, keys, values)
        cache.position += count
        return self.lm_head(self.model.norm(x[:, -1])).float()


class Block(nn.Module):
    """Attention and a gated network, each after a norm and added to what comes in."""

    def __init__(self, shape: DecoderShape, where: dict[str, Any]) -> None:
        super().__init__()
        self.input_layernorm = nn.RMSNorm(shape.hidden, eps=shape.norm_epsilon, **where)
        self.self_attn = Attention(shape, where)
        self.post_attention_layernorm = nn.RMSNorm(shape.hidden, eps=shape.norm_epsilon, **where)
        self.mlp = GatedNetwork(shape, where)

    def forward(self, x: Tensor, *attention: Any) -> Tensor:
        """Of x (B, T, hidden)."""
        x = x + self.self_attn(self.input_layernorm(x), *attention)
        return x + self.mlp(self.post_attention_layernorm(x))


class Attention(nn.Module):
    """Queries that share keys, over all positions seen so far."""

    def __init__(self, shape: DecoderShape, where: dict[str, Any]) -> None:
        super().__init__()
        size = shape.head_size
        self.shape = shape
        self.q_proj = nn.Linear(shape.hidden, shape.heads * size, bias=False, **where)
        self.k_proj = nn.Linear(shape.hidden, shape.key_heads * size, bias=False, **where)
        self.v_proj = nn.Linear(shape.hidden, shape.key_heads * size, bias=False, **where)
        self.o_proj = nn.Linear(shape.heads * size, shape.hidden, bias=False, **where)
        if shape.normalizes_queries:
            self.q_norm = nn.RMSNorm(size, eps=shape.norm_epsilon, **where)
            self.k_norm = nn.RMSNorm(size, eps=shape.norm_epsilon, **where)

    def forward(
        self,
        x: Tensor,
        turn: tuple[Tensor, Tensor],
        seen: Tensor,
        positions: Tensor,
        keys: Tensor,
        values: Tensor,
    ) -> Tensor:
        """Of x (B, T, hidden); keys and values get T positions more."""
        shape = self.shape
        heads = (*x.shape[:2], -1, shape.head_size)
        query, key = self.q_proj(x).view(heads), self.k_proj(x).view(heads)
        if shape.normalizes_queries:
            query, key = self.q_norm(query), self.k_norm(key)
        both = _turned(torch.cat([query, key], dim=2), turn).transpose(1, 2)
        query, key = both.split([shape.heads, shape.key_heads], dim=1)
        keys.index_copy_(2, positions, key)
        values.index_copy_(2, positions, self.v_proj(x).view(heads).transpose(1, 2))
        # Queries that share a key are rows of one product with it.
        rows = (len(x), shape.key_heads, -1, shape.head_size)
        mixed = scaled_dot_product_attention(query.reshape(rows), keys, values, attn_mask=seen)
        mixed = mixed.reshape(len(x), shape.heads, -1, shape.head_size)
        return self.o_proj(mixed.transpose(1, 2).flatten(2))


class GatedNetwork(nn.Module):
    """down(silu(gate(x)) · up(x))."""

    def __init__(self, shape: DecoderShape, where: dict[str, Any]) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False, **where)
        self.up_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False, **where)
        self.down_proj = nn.Linear(shape.intermediate, shape.hidden, bias=False, **where)

    def forward(self, x: Tensor) -> Tensor:
        """Of x (B, T, hidden)."""
        return self.down_proj(silu(self.gate_proj(x)) * self.up_proj(x))


def greedy(
    decoder: Decoder, prompt: Tensor, count: int, limit: int | None = None
) -> Iterator[tuple[Tensor, Tensor]]:
    """Generate the most likely token, again and again.

    Parameters
    ----------
    decoder : Decoder
    prompt : (B, T) int64 tensor
    count : int
        Tokens to generate.
    limit : int, optional
        Positions kept; ``None`` is what is needed.

    Yields
    ------
    ((B,) int64 tensor, (B, vocabulary) float32 tensor)
        Tokens, and the logits they were chosen by.
    """
    cache = decoder.new_cache(len(prompt), limit or prompt.shape[1] + count)
    tokens = prompt
    for _ in range(count):
        logits = decoder(tokens, cache)
        chosen = logits.argmax(dim=-1)
        yield chosen, logits
        tokens = chosen[:, None]


def captured_step(decoder: Decoder, prompt: Tensor, limit: int) -> Callable[[], Tensor]:
    """A step of `greedy` as a CUDA graph: each call adds one token to every text.

    Parameters
    ----------
    decoder : Decoder
        On a GPU.
    prompt : (B, T) int64 tensor
    limit : int
        Positions kept; more steps than fit are an error of the caller.

    Returns
    -------
    callable
        Gives the (B,) tokens of the last step, always in the same memory.
    """
    cache = decoder.new_cache(len(prompt), limit)
    tokens = decoder(prompt, cache).argmax(dim=-1, keepdim=True)

    def step() -> None:
        tokens.copy_(decoder(tokens, cache).argmax(dim=-1, keepdim=True))

    stream = torch.cuda.Stream(prompt.device)
    stream.wait_stream(torch.cuda.current_stream(prompt.device))
    with torch.cuda.stream(stream), torch.inference_mode():
        for _ in range(3):  # kernels are compiled, and scratch memory is taken
            step()
    torch.cuda.synchronize(prompt.device)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(graph, stream=stream):
        step()

    return _Replay(graph, tokens, (decoder, cache))


@dataclass(frozen=True, eq=False)
class _Replay:
    """A captured step, and what must live as long as it: a graph keeps no memory but its own."""

    graph: torch.cuda.CUDAGraph
    tokens: Tensor
    reads: tuple[Decoder, Cache]

    def __call__(self) -> Tensor:
        self.graph.replay()
        return self.tokens[:, 0]


def _rotations(positions: Tensor, shape: DecoderShape, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Cosine of each position's angles, and sine with the sign it is used with, (T, 1, head_size)."""
    half = torch.arange(0, shape.head_size, 2, device=positions.device) / shape.head_size
    angles = positions[:, None, None] / shape.rope_base**half
    cosine, sine = angles.cos(), angles.sin()
    return (
        torch.cat([cosine, cosine], dim=-1).to(dtype),
        torch.cat([-sine, sine], dim=-1).to(dtype),
    )


def _turned(x: Tensor, turn: tuple[Tensor, Tensor]) -> Tensor:
    """Queries or keys (B, T, heads, head_size), turned by their positions' angles."""
    cosine, sine = turn
    return torch.addcmul(x * cosine, x.roll(x.shape[-1] // 2, dims=-1), sine)


def _seen(positions: Tensor, limit: int, shape: DecoderShape, dtype: torch.dtype) -> Tensor:
    """What is added to attention: 0 for positions up to a query's own, −∞ beyond.

    (queries that share a key · T, limit)
    """
    beyond = torch.arange(limit, device=positions.device) > positions[:, None]
    mask = torch.zeros(beyond.shape, dtype=dtype, device=positions.device)
    return mask.masked_fill(beyond, -torch.inf).repeat(shape.heads // shape.key_heads, 1)
