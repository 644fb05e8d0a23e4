"""Text for calibration and evaluation: Python's own documentation, or a file of the user's."""

import hashlib
import platform
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from lattice_core.language_model.load import LoadedModel

Part = Literal["calibration", "evaluation"]

WINDOW = 1024  # tokens that see one another, unless said otherwise


@dataclass(frozen=True)
class Text:
    """A text and where it is from.

    Attributes
    ----------
    content : str
    source : str
        For people to read; the embedded text names the Python version, for it differs by version.
    """

    content: str
    source: str

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the content in UTF-8, as hexadecimal digits."""
        return hashlib.sha256(self.content.encode()).hexdigest()


def embedded_text(part: Part) -> Text:
    """A part of ``pydoc_data.topics``, the documentation that comes with every CPython.

    Of the topics in alphabetical order, each third is for evaluation and the others for
    calibration. Topics repeat one another: each paragraph is kept once, where calibration has it
    first, so the two parts have no paragraph in common. About 61k and 34k tokens of SmolLM2.

    Parameters
    ----------
    part : {"calibration", "evaluation"}
    """
    from pydoc_data.topics import topics

    names = sorted(topics)
    members = {
        "calibration": [name for i, name in enumerate(names) if i % 3 != 2],
        "evaluation": names[2::3],
    }
    if part not in members:
        raise ValueError(f"part is {part!r}; 'calibration' or 'evaluation' was wanted.")
    paragraphs = {
        key: dict.fromkeys("\n\n".join(topics[name] for name in value).split("\n\n"))
        for key, value in members.items()
    }
    for shared in paragraphs["evaluation"].keys() & paragraphs["calibration"].keys():
        del paragraphs["evaluation"][shared]
    return Text(
        content="\n\n".join(paragraphs[part]),
        source=f"Python {platform.python_version()} documentation (pydoc_data.topics), {part} part",
    )


def read_text(path: str | Path) -> Text:
    """A text file in UTF-8.

    Raises
    ------
    ValueError
        If there is no such file, it is empty, or it is no text.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise ValueError(f"there is no text file {file}.")
    return decode_text(file.read_bytes(), str(file))


def decode_text(data: bytes, source: str) -> Text:
    """A text from bytes in UTF-8.

    Parameters
    ----------
    data : bytes
    source : str
        Where they are from, for people to read.

    Raises
    ------
    ValueError
        If they are no text, or empty.
    """
    try:
        content = data.decode("utf-8-sig").replace("\r\n", "\n")  # as Python reads text files
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{source} is not UTF-8 text (byte {error.start}); save it as UTF-8, or choose another."
        ) from error
    if "\0" in content:
        raise ValueError(
            f"{source} holds NUL characters; it is a binary file or UTF-16, not UTF-8."
        )
    if not content.strip():
        raise ValueError(f"{source} is empty; a text of some thousand words was wanted.")
    return Text(content, source)


def tokenize(loaded: "LoadedModel", text: Text, token_count: int | None = None) -> Tensor:
    """The first tokens of a text.

    Parameters
    ----------
    loaded : LoadedModel
    text : Text
    token_count : int, optional
        How many; ``None`` is all of them.

    Returns
    -------
    (token_count,) int64 tensor

    Raises
    ------
    ValueError
        If the text has fewer tokens than asked for.
    """
    if token_count is not None and token_count < 1:
        raise ValueError(f"token_count is {token_count}; at least 1 was wanted.")
    ids = loaded.tokenizer(text.content, verbose=False)["input_ids"]
    if len(ids) < (token_count or 1):
        raise ValueError(_too_short(text, len(ids), token_count or 1))
    return torch.tensor(ids[:token_count], dtype=torch.int64)


def draw_windows(
    loaded: "LoadedModel", text: Text, token_count: int, *, seed: int, window: int = WINDOW
) -> Tensor:
    """Windows of a text drawn at random, none twice: another seed is another calibration.

    The text is cut into windows from its start; a shorter rest is left out.

    Parameters
    ----------
    loaded : LoadedModel
    text : Text
    token_count : int
        In all; the last window drawn is cut to fit.
    seed : int
        Of ``numpy.random.default_rng``.
    window : int
        Tokens that see one another.

    Returns
    -------
    (token_count,) int64 tensor

    Raises
    ------
    ValueError
        If the text has too few windows.
    """
    if token_count < 1 or window < 1:
        raise ValueError(
            f"token_count is {token_count} and window {window}; at least 1 of each was wanted."
        )
    tokens = tokenize(loaded, text)
    windows = tokens[: len(tokens) // window * window].view(-1, window)
    wanted = -(-token_count // window)
    if len(windows) < wanted:
        raise ValueError(_too_short(text, len(tokens), wanted * window))
    chosen = np.random.default_rng(seed).permutation(len(windows))[:wanted]
    return windows[torch.from_numpy(chosen)].flatten()[:token_count]


def _too_short(text: Text, found: int, wanted: int) -> str:
    return (
        f"{text.source} has {found:,} tokens; {wanted:,} were wanted. "
        "Ask for fewer, or pass a longer text."
    )
