"""A language model that is made in a moment, for tests of what is done to one."""

import hashlib
from itertools import product
from pathlib import Path

import torch

from lattice_core.language_model import LoadedModel

WORDS = ["".join(letters) for letters in product("bdgklmn", "aeiou", "rstvz", ["", "a"])][:298]


def tiny_model(**sizes: int | bool) -> LoadedModel:
    """A Llama of two blocks with random weights; its tokenizer is never asked."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = {
        "vocab_size": 50,
        "hidden_size": 12,
        "intermediate_size": 20,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 1024,
    }
    torch.manual_seed(0)
    return LoadedModel(LlamaForCausalLM(LlamaConfig(**(config | sizes))).eval(), None, "tiny")  # type: ignore[arg-type]


def saved_tiny_model(folder: Path, *, seed: int = 0, **sizes: int | bool) -> Path:
    """A Llama of two blocks on a disk, as safetensors, with a tokenizer that has a token a word.

    Its words are those of `tiny_text`; any others become one unknown token.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    vocabulary = {"<unknown>": 0, "<end>": 1} | {word: 2 + k for k, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    config = {
        "vocab_size": 300,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 1024,
        "bos_token_id": None,
        "eos_token_id": 1,
    }
    torch.manual_seed(seed)
    LlamaForCausalLM(LlamaConfig(**(config | sizes))).eval().save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unknown>", eos_token="<end>"
    ).save_pretrained(folder)
    return folder


def tiny_text(token_count: int, *, seed: int = 0) -> str:
    """Words that the tokenizer of `saved_tiny_model` knows, drawn at random; a token each."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(0, len(WORDS), (token_count,), generator=generator)
    return " ".join(WORDS[index] for index in drawn.tolist())


def sha256_of_folder(folder: Path) -> str:
    """Over the names and bytes of all its files: two runs compared in one number."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            digest.update(f"{path.relative_to(folder)} ".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
