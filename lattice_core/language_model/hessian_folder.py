"""Hessians of a whole model kept on a disk, a file a block, for many runs on the same text."""

import json
from pathlib import Path

from lattice_core.language_model.atomic_file import write_atomically
from lattice_core.language_model.block_hessians import BlockHessians


class HessianFolder:
    """Raw Hessians of the unquantized model.

    Parameters
    ----------
    path : Path
    key : dict
        What they depend on: model, tokens, window. A folder made for another key is refused.

    Raises
    ------
    ValueError
        If the folder was made for another key.
    """

    def __init__(self, path: Path, key: dict[str, object]) -> None:
        self._path = path
        path.mkdir(parents=True, exist_ok=True)
        file = path / "key.json"
        if file.exists():
            found = json.loads(file.read_text())
            if found != json.loads(json.dumps(key)):
                raise ValueError(
                    f"{path} holds the Hessians of another model or text ({found}); name an empty "
                    "folder, or remove it."
                )
        else:
            write_atomically(file, json.dumps(key, indent=1).encode())

    def read(self, block: int) -> BlockHessians | None:
        """The Hessians of a block; ``None`` if they are not there."""
        from safetensors import safe_open

        file = self._file(block)
        if not file.exists():
            return None
        with safe_open(file, framework="pt") as content:
            hessians = {name: content.get_tensor(name) for name in content.keys()}  # noqa: SIM118
            leaders = json.loads(content.metadata()["leaders"])
        return BlockHessians(leaders, hessians, {}, {})

    def write(self, block: int, found: BlockHessians) -> None:
        """Keep the Hessians of a block."""
        from safetensors.torch import save

        hessians = {name: hessian.cpu() for name, hessian in found.hessians.items()}
        data = save(hessians, metadata={"leaders": json.dumps(found.leaders)})
        write_atomically(self._file(block), data)

    def _file(self, block: int) -> Path:
        return self._path / f"block-{block:03d}.safetensors"
