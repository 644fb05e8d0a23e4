"""A language model that is made in a moment, for tests of what is done to one."""

import torch

from lattice_core.language_model import LoadedModel


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
