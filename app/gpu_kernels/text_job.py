"""The real model quantized, packed and writing, in the background.

Nothing here calls streamlit's elements: it runs in threads of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app import cached
from app.background_job import LONG, Job
from app.gpu_kernels.choice import KernelChoice
from app.real_layers.survey_job import ALL_LAYERS, GATHERING
from app.real_layers.work import Calibration, gather

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch

    from kernels.decoder import Decoder
    from kernels.generation import Difference, Generation
    from kernels.packing import PackedWeight

GROUP_SIZE = 64  # divides all inputs of the model
CALIBRATION_TOKENS = 4096
QUANTIZING = "Quantizing each layer with SSQR."
PROMPT = "Tell me a story about a lighthouse keeper who finds a message in a bottle."
LONGEST_PROMPT = 500  # characters


@dataclass(frozen=True)
class Writer:
    """One way of multiplying.

    Attributes
    ----------
    name : str
    layers : str
        Of the linear layers, in words.
    dtype : str
        Of activations and of the other weights.
    backend : str
        Of the packed layers; empty for unquantized ones.
    against : str
        The writer that it is compared with.
    """

    name: str
    layers: str
    dtype: str
    backend: str = ""
    against: str = ""


@dataclass(frozen=True)
class Written:
    """What a writer wrote.

    Attributes
    ----------
    writer : Writer
    text : str
        As far as it is that of the one it is compared with, or all of it; up to its end.
    own_text : str
        The rest, up to its end.
    beyond : str
        What comes after the token that ends a text; the writing does not stop there.
    tokens : int
    tokens_per_second : float
    layer_bytes : int
        Of the linear layers of its blocks, that are read for each token.
    difference : Difference or None
        From the one it is compared with.
    words : (str, str)
        The tokens of the difference, as text.
    """

    writer: Writer
    text: str
    own_text: str
    beyond: str
    tokens: int
    tokens_per_second: float
    layer_bytes: int
    difference: "Difference | None" = None
    words: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class PackedModel:
    """The linear layers of the packaged model, quantized with SSQR and packed."""

    weights: "Mapping[str, PackedWeight]"
    calibration: str

    @property
    def bits_per_weight(self) -> float:
        """Stored, filling included."""
        counts = [packed.shape[0] * packed.shape[1] for packed in self.weights.values()]
        return 8 * sum(packed.bytes for packed in self.weights.values()) / sum(counts)

    @property
    def outlier_rate(self) -> float:
        """Of all weights."""
        counts = [packed.shape[0] * packed.shape[1] for packed in self.weights.values()]
        return sum(len(packed.outliers) for packed in self.weights.values()) / sum(counts)


class PackedModels:
    """Those packed last, by bits and outlier rate: 60 MB each."""

    def __init__(self, keep: int = 3) -> None:
        self._keep = keep
        self._kept: dict[tuple[int, float], PackedModel] = {}

    def get(self, bits: int, outliers: float) -> PackedModel | None:
        """The model packed so, if it is kept."""
        return self._kept.get((bits, outliers))

    def put(self, bits: int, outliers: float, packed: PackedModel) -> None:
        """Keep it; let go of the oldest."""
        self._kept[bits, outliers] = packed
        while len(self._kept) > self._keep:
            del self._kept[next(iter(self._kept))]


def writers(gpu: bool) -> list[Writer]:
    """Who writes, the exact ones first: others are compared with them."""
    quantized = "quantized, packed"
    found = [
        Writer("float32", "unquantized", "float32"),
        Writer("bfloat16", "unquantized", "bfloat16", against="float32"),
        Writer("reference", f"{quantized}: plain torch", "float32", "reference", "float32"),
        Writer("cpu", f"{quantized}: torch's 4-bit product", "bfloat16", "cpu", "reference"),
    ]
    if gpu:
        found.append(
            Writer("triton", f"{quantized}: our GPU kernels", "bfloat16", "triton", "reference")
        )
    return found


def text_job(choice: KernelChoice, prompt: str) -> Job | None:
    """The job that writes after this prompt, if anyone has started it."""
    return cached.background_jobs().get(_key(choice, prompt))


def start_text(choice: KernelChoice, prompt: str) -> Job:
    """Start it, or join it."""
    return cached.background_jobs().start(_key(choice, prompt), _writing(choice, prompt), rank=LONG)


def forget_text(choice: KernelChoice, prompt: str) -> None:
    """Before it is written again."""
    cached.background_jobs().forget(_key(choice, prompt))


def _key(choice: KernelChoice, prompt: str) -> tuple[object, ...]:
    return ("text", choice.bits, choice.outliers, choice.tokens, prompt)


def _writing(choice: KernelChoice, prompt: str) -> Callable[[Job], PackedModel | None]:
    """Work that fills the job's parts with what was written; its result is the packed model."""

    def work(job: Job) -> PackedModel | None:
        job.parts.clear()
        packed = cached.packed_models().get(choice.bits, choice.outliers) or _pack(job, choice)
        if packed is None:
            return None
        for written in _write_all(job, choice, prompt, packed):
            job.parts.append(written)
        return packed

    return work


def _pack(job: Job, choice: KernelChoice) -> PackedModel | None:
    """Calibrate, quantize every layer, pack; ``None`` once the job is cancelled."""
    from kernels.packing import pack
    from lattice_core.language_model import Cancelled, embedded_text, quantize_layers

    calibration = Calibration(embedded_text("calibration"), CALIBRATION_TOKENS)
    hessians = cached.latest_hessians().get(calibration)
    hessians = hessians or gather(job, calibration, ALL_LAYERS, GATHERING)
    if hessians is None:
        return None
    job.report(QUANTIZING, 0, len(hessians))
    layers = quantize_layers(
        cached.language_model(),
        hessians,
        method="ssqr",
        bits=choice.bits,
        group_size=GROUP_SIZE,
        outlier_rate=choice.outliers,
        progress=lambda done, total: job.report(QUANTIZING, done, total),
        cancel=lambda: job.cancelled,
    )
    try:
        weights = {
            name: pack(
                layer.codes,
                layer.group_scales,
                layer.outliers,
                bits=choice.bits,
                group_size=GROUP_SIZE,
            )
            for name, layer in layers
        }
    except Cancelled:
        return None
    packed = PackedModel(weights, str(calibration))
    cached.packed_models().put(choice.bits, choice.outliers, packed)
    return packed


def _write_all(
    job: Job, choice: KernelChoice, prompt: str, packed: PackedModel
) -> Iterator[Written]:
    """Each writer in turn; stops once the job is cancelled."""
    import torch

    from kernels.generation import GenerationCancelled, first_difference

    # The server's own thread counts too. With more threads than cores OpenMP puts them to sleep after
    # every product, which takes longer than a small product does.
    torch.set_num_threads(max(1, torch.get_num_threads() - 1))
    ids = _prompt_ids(prompt)
    generations: dict[str, Generation] = {}
    for writer in writers(torch.cuda.is_available()):
        if job.cancelled:
            return
        job.report(f"Writing with {writer.name}.", 0, choice.tokens)
        decoder, size = _decoder(writer, packed)
        try:
            found = _generate(job, writer, decoder, ids, choice.tokens)
        except GenerationCancelled:
            return
        generations[writer.name] = found
        other = generations.get(writer.against)
        difference = first_difference(other, found) if other else None
        tokenizer = cached.language_model().tokenizer
        decode = tokenizer.decode
        words = tuple(decode([token]) for token in difference.tokens) if difference else ("", "")
        parted = difference.position if difference else len(found.tokens)
        yield Written(
            writer,
            *map(decode, in_parts(found.tokens.tolist(), parted, tokenizer.eos_token_id)),
            len(found.tokens),
            found.tokens_per_second,
            size,
            difference,
            words,  # type: ignore[arg-type]
        )


def in_parts(tokens: list[int], parted: int, stop: int) -> tuple[list[int], list[int], list[int]]:
    """Up to where texts part, from there to the end of this text, and what comes from `stop` on."""
    end = tokens.index(stop) if stop in tokens else len(tokens)
    parted = min(parted, end)
    return tokens[:parted], tokens[parted:end], tokens[end:]


def _prompt_ids(prompt: str) -> "torch.Tensor":
    """As the model was taught to be asked."""
    import torch

    asked = cached.language_model().tokenizer.apply_chat_template(
        [{"role": "user", "content": prompt}], add_generation_prompt=True, return_dict=True
    )
    return torch.tensor(asked["input_ids"])


def _decoder(writer: Writer, packed: PackedModel) -> "tuple[Decoder, int]":
    """The writer's model, and the bytes of its linear layers."""
    import torch

    from kernels.decoder import SMOLLM2_135M, Decoder
    from kernels.dispatch import bytes_read
    from kernels.quantized_linear import replace_linears

    device = "cuda" if writer.name == "triton" else "cpu"
    decoder = Decoder(SMOLLM2_135M, getattr(torch, writer.dtype), "meta").to_empty(device=device)
    decoder.load_state_dict(cached.language_model().model.state_dict())
    decoder.lm_head.weight = decoder.model.embed_tokens.weight
    if not writer.backend:
        return decoder, sum(layer.weight.nbytes for layer in decoder.layers.values())
    weights = {name: weight.to(device) for name, weight in packed.weights.items()}
    replace_linears(decoder, weights, backend=writer.backend)
    return decoder, sum(bytes_read(weight, writer.backend) for weight in weights.values())


def _generate(
    job: Job, writer: Writer, decoder: "Decoder", ids: "torch.Tensor", count: int
) -> "Generation":
    from kernels.generation import generate

    device = decoder.model.norm.weight.device
    return generate(
        decoder,
        ids.to(device),
        count,
        progress=lambda done, total: job.report(f"Writing with {writer.name}.", done, total),
        cancel=lambda: job.cancelled,
    )
