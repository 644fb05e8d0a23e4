"""Many checkpoints in one folder."""

import shutil
from pathlib import Path

from lattice_core.language_model.checkpoint import RECIPE


def keep_newest(folder: Path, count: int, using: Path) -> list[Path]:
    """Of the checkpoints in a folder, those beyond the newest ones are removed; their paths.

    Parameters
    ----------
    folder : Path
        What is no checkpoint in it is left alone.
    count : int
    using : Path
        A checkpoint that stays, and is not counted.
    """
    begun = [file for file in folder.glob(f"*/{RECIPE}") if file.parent != using]
    begun.sort(key=lambda file: file.stat().st_mtime)
    old = [file.parent for file in begun[: max(0, len(begun) - count)]]
    for path in old:
        shutil.rmtree(path)
    return old
