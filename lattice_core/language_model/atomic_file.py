"""A file that is there whole or not at all."""

import errno
import os
from pathlib import Path

UNFINISHED = ".unfinished"


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under another name, then give it its own.

    Raises
    ------
    ValueError
        If the disk is full or the folder cannot be written to; nothing is left behind.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        with unfinished.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ValueError(
                f"the disk is full: {path.name} takes {len(data):,} bytes. What was finished before "
                "is kept; make room and run the same again."
            ) from error
        raise ValueError(f"{path} cannot be written: {error.strerror}.") from error


def remove_unfinished(folder: Path, name: str = "*") -> None:
    """Remove what a run that was killed left half-written: of one file, or of all."""
    for path in folder.rglob(f"{name}{UNFINISHED}"):
        path.unlink()
