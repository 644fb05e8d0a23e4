"""The model and the tokens that a command line asks for."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.command_line.options import MOST_TOKENS
from app.command_line.progress import say

if TYPE_CHECKING:
    from torch import Tensor

    from lattice_core.language_model import LoadedModel


@dataclass(frozen=True, eq=False)
class ChosenTokens:
    """Tokens and where they are from.

    Attributes
    ----------
    ids : (n,) int64 tensor
    about : str
        For people and for records: no path of this machine.
    """

    ids: "Tensor"
    about: str


def load(name: str | None, device: str, dtype: str, jobs: int | None) -> "LoadedModel":
    """The model on its device, with the threads set and transformers kept quiet.

    Raises
    ------
    ValueError
        If there is no such device or model.
    """
    require_device(device)
    import torch

    if jobs is not None:
        torch.set_num_threads(jobs)
    from transformers.utils import logging

    from lattice_core.language_model import LoadedModel, load_model

    say(f"Loading {name or 'the packaged model'}.")
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    loaded = load_model(name)
    model = loaded.model.to(device=device, dtype=getattr(torch, dtype))  # type: ignore[arg-type]
    return LoadedModel(model, loaded.tokenizer, loaded.source)


def choose_tokens(
    loaded: "LoadedModel",
    file: Path | None,
    *,
    part: str,
    count: int | None,
    first: int = 0,
    seed: int | None = None,
    window: int,
) -> ChosenTokens:
    """Some tokens of a file, or of a part of the embedded text.

    Parameters
    ----------
    loaded : LoadedModel
    file : Path, optional
    part : {"calibration", "evaluation"}
        Of the embedded text, where there is no file.
    count : int, optional
        ``None``: as many as there are, up to `MOST_TOKENS`.
    first : int
    seed : int, optional
        Draw windows of the whole text instead.
    window : int

    Raises
    ------
    ValueError
        If the text has too few tokens.
    """
    from lattice_core.language_model import draw_windows, embedded_text, read_text, tokenize

    if seed is not None and first:
        raise ValueError(
            "--first and --seed do not go together: windows are drawn from the whole text."
        )
    text = read_text(file) if file is not None else embedded_text(part)  # type: ignore[arg-type]
    name = file.name if file is not None else text.source
    ids = tokenize(loaded, text)
    there = len(ids) - first
    wanted = min(there, MOST_TOKENS) if count is None else count
    if there < 1 or wanted > there:
        raise ValueError(
            f"{name} has {len(ids):,} tokens; {first + max(wanted, 1):,} were wanted. "
            "Ask for fewer, or pass a longer text."
        )
    if seed is not None:
        if count is None:
            wanted = min(wanted, len(ids) // window * window) or window
        drawn = draw_windows(loaded, text, wanted, seed=seed, window=window)
        return ChosenTokens(drawn, f"{name}, {wanted:,} tokens in windows drawn with seed {seed}")
    if count is None and wanted < MOST_TOKENS:
        say(f"{name}: all {wanted:,} tokens from token {first:,} on.")
    return ChosenTokens(
        ids[first : first + wanted], f"{name}, tokens {first:,} to {first + wanted - 1:,}"
    )


def require_device(device: str) -> None:
    """Raise a ``ValueError`` that says why, unless there is such a device here."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise ValueError(f"--device is {device!r}; cpu, cuda or cuda:1 was wanted.")
    if device == "cpu":
        return
    import torch

    if not torch.cuda.is_available():
        raise ValueError(
            f"--device {device}: torch finds no CUDA device here. Use --device cpu, or install "
            "torch with CUDA on a machine with an NVIDIA GPU."
        )
    index = int(device.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise ValueError(
            f"--device {device}: there are {torch.cuda.device_count()}, from cuda:0 on."
        )
