"""A quantized model on a disk: a folder of JSON and safetensors, a file a layer.

`recipe.json` says what was done to what, and is there from the start; `layers/` grows; `checkpoint.json`
lists the files with their SHA-256 and is written last. A folder without it is unfinished.
"""

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lattice_core.language_model.atomic_file import remove_unfinished, write_atomically
from lattice_core.language_model.calibrate import linear_layers
from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.quantization_report import LayerReport, ModelReport
from lattice_core.language_model.recipe import Recipe, model_hash
from lattice_core.layers.stored_layer import DecodedLayer, StoredLayer

RECIPE, MANIFEST, LAYERS = "recipe.json", "checkpoint.json", "layers"
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A finished folder, its manifest read.

    Attributes
    ----------
    folder : Path
    recipe : Recipe
    about : dict
        Source model, calibration text and versions, as `recipe.json` has them.
    report : ModelReport
    hashes : dict of str
        SHA-256 of each layer's file.
    """

    folder: Path
    recipe: Recipe
    about: dict[str, Any]
    report: ModelReport
    hashes: dict[str, str]

    @property
    def stored_bytes(self) -> int:
        """Of the layers' files, with their headers."""
        return sum(layer_file(self.folder, name).stat().st_size for name in self.hashes)

    def layers(self) -> Iterator[tuple[str, DecodedLayer]]:
        """Each layer, read, checked and decoded.

        Raises
        ------
        ValueError
            If a file is missing or damaged; the message names it.
        """
        for name, expected in self.hashes.items():
            path = layer_file(self.folder, name)
            if not path.is_file():
                raise ValueError(f"{path} is missing; quantize into this folder again.")
            data = path.read_bytes()
            if hashlib.sha256(data).hexdigest() != expected:
                raise ValueError(
                    f"{path} is not the file that was written (SHA-256 differs): it is damaged or "
                    "changed. Remove it and quantize into this folder again."
                )
            yield name, read_layer(data, str(path))[0].decode()

    def model(self, loaded: LoadedModel) -> LoadedModel:
        """A copy of the source model with the quantized weights; what is not quantized is shared.

        Parameters
        ----------
        loaded : LoadedModel
            The model that was quantized; not changed.

        Raises
        ------
        ValueError
            If it is another model, or a file is missing or damaged.
        """
        found = model_hash(loaded.model)
        if found != self.about["model_sha256"]:
            raise ValueError(
                f"this checkpoint is of {self.about['source']}, SHA-256 "
                f"{self.about['model_sha256'][:12]}…; {loaded.source} has {found[:12]}…. Load the "
                "model that was quantized, in the same dtype."
            )
        modules = linear_layers(loaded.model)
        shared: dict[int, Any] = {id(p): p for p in loaded.model.parameters()}
        for name, layer in self.layers():
            weight = modules[name].weight
            if layer.codes.shape != weight.shape:
                raise ValueError(
                    f"{name} has shape {tuple(layer.codes.shape)} in the checkpoint and "
                    f"{tuple(weight.shape)} in the model."
                )
            shared[id(weight)] = quantized_parameter(layer, weight)
        model = copy.deepcopy(loaded.model, shared)
        return LoadedModel(model, loaded.tokenizer, f"{loaded.source}, quantized ({self.folder})")


def quantized_parameter(layer: DecodedLayer, weight: Tensor) -> nn.Parameter:
    """The layer's values with the dtype and device of the weight that they replace."""
    values = layer.dequantize().to(dtype=weight.dtype, device=weight.device)
    return nn.Parameter(values, requires_grad=False)


def open_checkpoint(folder: str | Path) -> Checkpoint:
    """Read a checkpoint's manifest.

    Parameters
    ----------
    folder : str or Path

    Raises
    ------
    ValueError
        If it is no checkpoint, or an unfinished one.
    """
    path = Path(folder).expanduser()
    if not (path / RECIPE).is_file():
        raise ValueError(f"{path} is no checkpoint: it has no {RECIPE}.")
    if not (path / MANIFEST).is_file():
        raise ValueError(
            f"{path} is unfinished: it has no {MANIFEST}. Run the same again to go on with it."
        )
    begun, manifest = _read_json(path / RECIPE), _read_json(path / MANIFEST)
    if begun.get("format") != FORMAT:
        raise ValueError(f"{path} has format {begun.get('format')}; {FORMAT} was wanted.")
    layers = tuple(LayerReport(**layer) for layer in manifest["layers"])
    about = begun["about"]
    return Checkpoint(
        folder=path,
        recipe=Recipe.from_record(begun["recipe"]),
        about=about,
        report=ModelReport(about["source"], about["token_count"], layers),
        hashes=manifest["sha256"],
    )


def is_begun(folder: Path) -> bool:
    """Whether something was quantized into a folder before, finished or not."""
    return (folder / RECIPE).is_file()


def begin(folder: Path, recipe: Recipe, about: dict[str, Any]) -> dict[str, Any]:
    """Write the recipe, or check that an unfinished folder has the same; what was there, or is now.

    Raises
    ------
    ValueError
        If the folder holds another run (the message says how it differs), or other things.
    """
    wanted = {"format": FORMAT, "recipe": recipe.as_record(), "about": about}
    file = folder / RECIPE
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{folder} is a file; the name of a folder, new or empty, was wanted.")
    if not file.exists():
        remove_unfinished(folder, RECIPE)
        if folder.exists() and any(folder.iterdir()):
            raise ValueError(f"{folder} is not empty and no checkpoint; name another folder.")
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(file, _as_json(wanted))
    (folder / LAYERS).mkdir(exist_ok=True)
    found = _read_json(file)
    for part in ("recipe", "about"):
        for key, value in json.loads(_as_json(wanted))[part].items():
            if key != "threads" and found.get(part, {}).get(key) != value:
                raise ValueError(
                    f"{folder} holds another run: its {key} is {found.get(part, {}).get(key)!r}, and "
                    f"{value!r} was asked for. Name another folder, or remove this one."
                )
    return found


def finish(folder: Path, names: list[str]) -> None:
    """List the layers' files."""
    hashes, reports = {}, []
    for name in names:
        data = layer_file(folder, name).read_bytes()
        hashes[name] = hashlib.sha256(data).hexdigest()
        reports.append(read_layer(data, name)[1])
    write_atomically(folder / MANIFEST, _as_json({"layers": reports, "sha256": hashes}))


def layer_file(folder: Path, name: str) -> Path:
    """Where a layer lies."""
    return folder / LAYERS / f"{name}.safetensors"


def write_layer(folder: Path, name: str, layer: StoredLayer, report: LayerReport) -> None:
    """Write a layer with its report."""
    from safetensors.torch import save

    parts = {
        part: torch.frombuffer(bytearray(data), dtype=torch.uint8)
        if data
        else torch.zeros(0).byte()
        for part, data in (("stream", layer.stream), ("side", layer.side))
    }
    about = {
        "coder": layer.coder,
        "shape": layer.shape,
        "group_size": layer.group_size,
        "report": report.as_record(),
    }
    data = save(parts, metadata={"layer": json.dumps(about)})
    write_atomically(layer_file(folder, name), data)


def read_layer(data: bytes, where: str) -> tuple[StoredLayer, dict[str, Any]]:
    """The layer in a file's bytes, and its report as a record.

    Raises
    ------
    ValueError
        If they are no layer.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        parts = load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        about = json.loads(header["__metadata__"]["layer"])
        rows, columns = about["shape"]
        layer = StoredLayer(
            about["coder"],
            (rows, columns),
            about["group_size"],
            parts["stream"].numpy().tobytes(),
            parts["side"].numpy().tobytes(),
        )
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{where} is no layer of a checkpoint, or damaged ({error}).") from error
    return layer, about["report"]


def _as_json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}.") from error
