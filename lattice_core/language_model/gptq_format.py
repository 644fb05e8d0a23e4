"""Checkpoints in the GPTQ format (AutoGPTQ, GPTQModel): their codes, scales and zero points.

A layer ``y = W x`` with W (r, c) is stored, with b the bits of a code, as

- ``qweight``, int32 (c · b / 32, r): the codes of an output, in input order, as one stream of bits,
  lowest first, over the words below one another. For 3 bits a code may lie in two words.
- ``qzeros``, int32 (groups, r · b / 32): the zero points of a group, in output order, as such a
  stream over the words beside one another. The format ``"gptq"`` stores zero − 1, modulo 2^b;
  ``"gptq_v2"`` stores the zero.
- ``scales``, float16 (groups, r); ``g_idx``, int32 (c,): the group of each input.

``W ≈ scale · (code − zero)``. With ``desc_act`` groups are not consecutive inputs.

A zero of 0 is stored by ``"gptq"`` as 2^b − 1, and read here as the 0 that was meant. Programs that
add 1 to it without the modulus compute with 2^b, so that their output is wrong by a whole grid.

Nothing of the AutoGPTQ or GPTQModel code is needed or used to read them.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lattice_core.layers.implied_grid import ImpliedGrid

WIDTHS = (2, 3, 4, 8)
FORMATS = ("gptq", "gptq_v2")
PARTS = ("qweight", "qzeros", "scales")
WORD = 32


@dataclass(frozen=True, eq=False)
class GptqLayer:
    """One quantized layer.

    Attributes
    ----------
    name : str
    bits : int
    codes : (r, c) int64 tensor
        As stored, 0 … 2^bits − 1.
    zeros, scales : (r, groups) tensor
        int64 and float64.
    group_of_column : (c,) int64 tensor
    group_size : int or None
        Inputs that share a scale; ``None`` is one scale a row.
    """

    name: str
    bits: int
    codes: Tensor
    zeros: Tensor
    scales: Tensor
    group_of_column: Tensor
    group_size: int | None

    @property
    def full_scales(self) -> Tensor:
        """One scale for each weight, (r, c)."""
        return self.scales[:, self.group_of_column]

    @property
    def full_zeros(self) -> Tensor:
        """One zero point for each weight, (r, c)."""
        return self.zeros[:, self.group_of_column]

    def dequantize(self) -> Tensor:
        """``scale · (code − zero)``, (r, c) float64."""
        return self.full_scales * (self.codes - self.full_zeros)

    def grid(self) -> ImpliedGrid:
        """The layer's grid, as `audit_layer` takes it."""
        zeros, scales = self.full_zeros, self.full_scales
        return ImpliedGrid(
            codes=self.codes - zeros,
            scales=scales,
            offsets=torch.zeros_like(scales),
            low=-zeros,
            bits=self.bits,
            granularity="given",
            group_size=self.group_size,
            scale_count=self.scales.numel(),
            residual=0.0,
            uncertainty=0.0,
        )


@dataclass(frozen=True)
class GptqCheckpoint:
    """A folder with a model in the GPTQ format; layers are read when asked for.

    Attributes
    ----------
    folder : Path
    bits : int
        Of most layers; each layer says its own.
    group_size : int or None
        ``None`` is one scale a row (−1 in the file).
    desc_act : bool
        Whether columns were quantized largest diagonal first.
    checkpoint_format : {"gptq", "gptq_v2"}
    files : dict of str
        By layer, in the order of the files: where its tensors are. A layer's may be in several.
    """

    folder: Path
    bits: int
    group_size: int | None
    desc_act: bool
    checkpoint_format: str
    files: dict[str, dict[str, str]]

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the quantized layers."""
        return tuple(self.files)

    def layer(self, name: str) -> GptqLayer:
        """Read and unpack one layer.

        Raises
        ------
        ValueError
            If there is no such layer, or its tensors are not what the format says.
        """
        if name not in self.files:
            raise ValueError(
                f"{self.folder} has no quantized layer {name!r}; names such as "
                f"{next(iter(self.files))!r} were wanted."
            )
        tensors = _read_tensors(self.folder, name, self.files[name])
        return _unpacked_layer(name, tensors, self)


def read_gptq_checkpoint(folder: str | Path) -> GptqCheckpoint:
    """Look through a folder in the GPTQ format: its settings, and where each layer is.

    Parameters
    ----------
    folder : str or Path
        With ``*.safetensors``, and ``quantize_config.json`` or a ``config.json`` that has a
        ``quantization_config``.

    Raises
    ------
    ValueError
        If there is no such folder, or what is in it is in another format.
    """
    path = Path(folder).expanduser()
    if not path.is_dir():
        raise ValueError(f"there is no folder {path}; one with a GPTQ checkpoint was wanted.")
    settings = _settings(path)
    files = _layer_files(path)
    group_size = int(settings.get("group_size", -1))
    return GptqCheckpoint(
        folder=path,
        bits=int(settings["bits"]),
        group_size=group_size if group_size > 0 else None,
        desc_act=bool(settings.get("desc_act", False)),
        checkpoint_format=str(settings.get("checkpoint_format") or "gptq"),
        files=files,
    )


def _settings(folder: Path) -> dict[str, Any]:
    settings = None
    for name in ("quantize_config.json", "config.json"):
        file = folder / name
        if not file.is_file():
            continue
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise ValueError(f"{file} could not be read as JSON ({error}).") from error
        if isinstance(found, dict) and name == "config.json":
            found = found.get("quantization_config")
        if isinstance(found, dict):
            settings = found
            break
    if settings is None:
        raise ValueError(
            f"{folder} does not say how it was quantized; a quantize_config.json, or a config.json "
            "with a quantization_config, was wanted. Is the model quantized?"
        )
    method = str(settings.get("quant_method", "gptq")).lower()
    form = settings.get("checkpoint_format") or "gptq"
    if method != "gptq" or form not in FORMATS:
        raise ValueError(
            f"{folder} has quant_method {method!r} and checkpoint_format {form!r}; 'gptq' with "
            f"{' or '.join(map(repr, FORMATS))} was wanted. AWQ and others pack codes differently."
        )
    if settings.get("bits") not in WIDTHS:
        raise ValueError(
            f"{folder} has bits {settings.get('bits')!r}; one of {', '.join(map(str, WIDTHS))} was "
            "wanted."
        )
    return settings


def _layer_files(folder: Path) -> dict[str, dict[str, str]]:
    from safetensors import SafetensorError, safe_open

    files: dict[str, dict[str, str]] = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            with safe_open(file, framework="pt") as opened:
                keys = list(opened.keys())
        except SafetensorError as error:
            raise ValueError(f"{file} could not be read as safetensors ({error}).") from error
        for key in keys:
            layer, _, part = key.rpartition(".")
            if part in (*PARTS, "g_idx"):
                files.setdefault(layer, {})[part] = file.name
    layers = {layer: parts for layer, parts in files.items() if "qweight" in parts}
    if not layers:
        raise ValueError(
            f"{folder} holds no quantized layer: tensors that end in .qweight, in *.safetensors, "
            "were wanted. Pickled weights (.bin, .pt) are not read."
        )
    for layer, parts in layers.items():
        if absent := [part for part in PARTS if part not in parts]:
            raise ValueError(f"{layer} in {folder} has no {' and no '.join(absent)}.")
    return layers


def _read_tensors(folder: Path, name: str, files: dict[str, str]) -> dict[str, Tensor]:
    from safetensors import safe_open

    tensors = {}
    for part, file in files.items():
        with safe_open(folder / file, framework="pt") as opened:
            tensors[part] = opened.get_tensor(f"{name}.{part}")
    return tensors


def _unpacked_layer(name: str, tensors: dict[str, Tensor], checkpoint: GptqCheckpoint) -> GptqLayer:
    qweight, qzeros, scales = (tensors[part] for part in PARTS)
    if qweight.dtype != torch.int32 or qzeros.dtype != torch.int32:
        raise ValueError(
            f"{name} is packed in {qweight.dtype} and {qzeros.dtype}; torch.int32 was wanted."
        )
    if qweight.ndim != 2 or qzeros.ndim != 2 or scales.ndim != 2:
        raise ValueError(f"the tensors of {name} are not all matrices.")
    groups, rows = scales.shape
    g_idx = tensors.get("g_idx")
    # Layers may differ in their bits (GPTQModel's dynamic); the shapes say which they have.
    columns = len(g_idx) if g_idx is not None else qweight.shape[0] * WORD // checkpoint.bits
    bits = qweight.shape[0] * WORD // columns if columns else 0
    if (
        bits not in WIDTHS
        or qweight.shape != (columns * bits // WORD, rows)
        or qzeros.shape != (groups, -(-rows * bits // WORD))
        or columns * bits % WORD
    ):
        shapes = ", ".join(f"{part} {tuple(tensor.shape)}" for part, tensor in tensors.items())
        raise ValueError(
            f"the shapes of {name} do not fit together ({shapes}, {checkpoint.bits} bits)."
        )
    stored = unpack_bits(qzeros, bits)[:, :rows]
    if checkpoint.checkpoint_format == "gptq":
        stored = (stored + 1) % 2**bits
    wide = scales.double()
    if not torch.isfinite(wide).all() or (wide <= 0).any():
        raise ValueError(f"{name} has scales that are not positive and finite.")
    return GptqLayer(
        name=name,
        bits=bits,
        codes=unpack_bits(qweight.T.contiguous(), bits)[:, :columns],
        zeros=stored.T.contiguous(),
        scales=wide.T.contiguous(),
        group_of_column=_groups(name, g_idx, groups, columns, checkpoint.group_size),
        group_size=None if groups == 1 else checkpoint.group_size,
    )


def _groups(
    name: str, g_idx: Tensor | None, groups: int, columns: int, group_size: int | None
) -> Tensor:
    if g_idx is None or (groups > 1 and not g_idx.any()):  # left out, or never filled in
        size = group_size or columns
        if -(-columns // size) != groups:
            raise ValueError(
                f"{name} has {groups} groups, {columns} inputs and no g_idx; groups of {size} "
                "consecutive inputs were wanted."
            )
        return torch.arange(columns) // size
    group_of_column = g_idx.long()
    if group_of_column.min() < 0 or group_of_column.max() >= groups:
        raise ValueError(
            f"g_idx of {name} holds {int(group_of_column.min())} … {int(group_of_column.max())}; "
            f"groups 0 … {groups - 1} were wanted."
        )
    return group_of_column


def unpack_bits(words: Tensor, bits: int) -> Tensor:
    """Each row of words as codes of so many bits, lowest bits first.

    Parameters
    ----------
    words : (k, n) int32 tensor
    bits : int

    Returns
    -------
    (k, 32 n // bits) int64 tensor
    """
    places = torch.arange(WORD)
    stream = ((words.long()[:, :, None] >> places) & 1).reshape(len(words), -1)
    count = stream.shape[1] // bits
    values = stream[:, : count * bits].reshape(len(words), count, bits)
    return (values << torch.arange(bits)).sum(dim=2)
