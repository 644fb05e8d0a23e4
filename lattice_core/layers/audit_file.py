"""Reading a layer to audit from a file: W, Q and H, or X in place of H."""

import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lattice_core.layers.hessian import HessianAccumulator

# What an array may be called, in any case.
NAMES = {
    "weight": ("w", "weight"),
    "quantized": ("q", "quantized"),
    "hessian": ("h", "hessian"),
    "inputs": ("x", "inputs"),
    "scales": ("s", "scales"),
    "codes": ("z", "codes"),
}
LARGEST = 8 << 30  # bytes that an .npz may unpack to


@dataclass(frozen=True, eq=False)
class AuditFile:
    """The arrays of a file, as `audit_layer` takes them.

    Attributes
    ----------
    weight, quantized : (r, c) tensor
    hessian : (c, c) tensor
        ``XᵀX``, made here if the file holds X.
    scales, codes : tensor or None
    """

    weight: Tensor
    quantized: Tensor
    hessian: Tensor
    scales: Tensor | None = None
    codes: Tensor | None = None


def read_audit_file(source: str | Path | bytes, name: str = "") -> AuditFile:
    """Read W, Q and H of one layer.

    The arrays are called ``W`` (or ``weight``), ``Q`` (``quantized``), ``H`` (``hessian``) or in its
    place ``X`` (``inputs``, tokens × c), and optionally ``scales`` (``s``) and ``codes`` (``z``), in
    upper or lower case. Others are not looked at. Nothing in the file is run.

    Parameters
    ----------
    source : str, Path or bytes
        A file, or what it holds.
    name : str
        What the file is called, where bytes came; its ending, ``.npz`` or ``.safetensors``, says how
        to read them.

    Raises
    ------
    ValueError
        If the file cannot be read as what its name says, or an array is missing, there twice, or
        not of real numbers.
    """
    if isinstance(source, bytes):
        content, called = source, name
        if not name:
            raise ValueError(
                "bytes came without a name; pass the file's name=, which ends in .npz or "
                ".safetensors."
            )
    else:
        path = Path(source).expanduser()
        if not path.is_file():
            raise ValueError(f"there is no file {path}; an .npz or .safetensors file was wanted.")
        content, called = path.read_bytes(), name or path.name
    suffix = Path(called).suffix.lower()
    if suffix == ".npz":
        arrays = _read_npz(content, called)
    elif suffix == ".safetensors":
        arrays = _read_safetensors(content, called)
    else:
        raise ValueError(
            f"{called} ends in {suffix or 'nothing'}; .npz or .safetensors was wanted."
        )
    hessian = arrays.get("hessian")
    if hessian is None:
        inputs = arrays["inputs"]
        if inputs.ndim < 2:
            raise ValueError(f"X has shape {tuple(inputs.shape)}; (tokens, c) was wanted.")
        accumulator = HessianAccumulator(inputs.shape[-1], name=called)
        accumulator.add(inputs)
        hessian = accumulator.hessian
    return AuditFile(
        arrays["weight"], arrays["quantized"], hessian, arrays.get("scales"), arrays.get("codes")
    )


def _read_npz(content: bytes, called: str) -> dict[str, Tensor]:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST:
            raise ValueError(
                f"it unpacks to {unpacked / 2**30:.1f} GiB; at most {LARGEST >> 30} were wanted."
            )
        with np.load(BytesIO(content), allow_pickle=False) as file:
            keys = _keys(file.files, called)
            arrays = {role: _tensor(file[key], key) for role, key in keys.items()}
    except _Unfit as error:
        raise ValueError(str(error)) from None
    except (zipfile.BadZipFile, ValueError, OSError, EOFError, KeyError) as error:
        raise ValueError(
            f"{called} could not be read as an .npz file of plain numbers, as "
            f"np.savez({called!r}, W=…, Q=…, H=…) writes it ({error})."
        ) from error
    return arrays


def _read_safetensors(content: bytes, called: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(content)
    except (SafetensorError, ValueError, KeyError) as error:
        raise ValueError(
            f"{called} could not be read as a .safetensors file, as "
            f"safetensors.torch.save_file({{'W': …, 'Q': …, 'H': …}}, …) writes it ({error})."
        ) from error
    return {role: _real(tensors[key], key) for role, key in _keys(tensors, called).items()}


class _Unfit(ValueError):
    """The file can be read, but does not hold what is wanted; the message stands by itself."""


def _keys(found: Iterable[str], called: str) -> dict[str, str]:
    """Which key of the file plays which role."""
    present = list(found)
    keys: dict[str, str] = {}
    for role, names in NAMES.items():
        matching = [key for key in present if key.lower() in names]
        if len(matching) > 1:
            raise _Unfit(f"{called} holds {' and '.join(matching)}; one of them was wanted.")
        if matching:
            keys[role] = matching[0]
    missing = [label for role, label in (("weight", "W"), ("quantized", "Q")) if role not in keys]
    if "hessian" not in keys and "inputs" not in keys:
        missing.append("H (or X)")
    if missing:
        raise _Unfit(
            f"{called} holds {', '.join(present) or 'nothing'}; {' and '.join(missing)} "
            f"{'is' if len(missing) == 1 else 'are'} missing. W and Q are (r, c), H = XᵀX is (c, c)."
        )
    return keys


def _tensor(array: np.ndarray, key: str) -> Tensor:
    if array.dtype.kind not in "biuf":
        raise _Unfit(f"{key} holds {array.dtype}; real numbers were wanted.")
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    # torch knows neither the other byte order nor most unsigned types.
    native = array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind == "f" else array
    if array.dtype.kind in "biu":
        native = array.astype(np.int64)
    return torch.from_numpy(np.ascontiguousarray(native))


def _real(tensor: Tensor, key: str) -> Tensor:
    if tensor.is_complex():
        raise _Unfit(f"{key} holds {tensor.dtype}; real numbers were wanted.")
    return tensor
