"""The map of all layers, and the table of them, for the page of a report."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from app.command_line.report_page import Figures, as_plain, known
from app.figures.order_survey import LayerMap, number_map
from app.whole_model.layer_quantities import QUANTITIES
from lattice_core.language_model.study_record import LayerRun

LABEL = "Map of all layers: a column a block, a row a linear layer, coloured by the number that is chosen."


def layer_maps(figures: Figures, key: str, runs: Mapping[str, Sequence[LayerRun]]) -> str:
    """One map, with lists to choose the model and the number from.

    Parameters
    ----------
    figures : Figures
    key : str
        Of the element.
    runs : mapping
        The layers of each model, by its name.
    """
    base = None
    patches: dict[str, dict[str, Any]] = {}
    for name, layers in runs.items():
        for quantity in QUANTITIES.values():
            cells = _cells(layers)
            values = [[quantity.value(cell) if cell else np.nan for cell in row] for row in cells]
            if not np.isfinite(values).any():
                continue  # a checkpoint knows nothing of other text
            shown = LayerMap(
                _labels(layers),
                np.array(values),
                [[escape(cell.layer) if cell else "" for cell in row] for row in cells],
                [
                    [format(v, quantity.form) if np.isfinite(v) else "not known" for v in row]
                    for row in values
                ],
                quantity.title,
                quantity.form,
            )
            figure = number_map(shown)
            base = base or figure
            plain = as_plain(figure)
            patches.setdefault(name, {})[quantity.title] = {
                "z": [[known(value) for value in row] for row in values],
                "text": plain["data"][1]["text"],
                "zmin": plain["data"][0]["zmin"],
                "zmax": plain["data"][0]["zmax"],
                "title": quantity.title,
                "tickformat": quantity.form,
            }
    if base is None:
        return ""
    return figures.patch(key, base, patches, ("Model", "Number"), LABEL)


def _suffix(layer: LayerRun) -> str:
    """What a layer is called inside its block."""
    return layer.layer.partition(f".{layer.block}.")[2] or layer.layer


def _labels(layers: Sequence[LayerRun]) -> list[str]:
    suffixes = list(dict.fromkeys(_suffix(layer) for layer in layers))
    short = [suffix.rpartition(".")[2] for suffix in suffixes]
    return [escape(name) for name in (short if len(set(short)) == len(short) else suffixes)]


def _cells(layers: Sequence[LayerRun]) -> list[list[LayerRun | None]]:
    """By name in the block, then by block."""
    there = {(_suffix(layer), layer.block): layer for layer in layers}
    blocks = range(1 + max(layer.block for layer in layers))
    names = dict.fromkeys(_suffix(layer) for layer in layers)
    return [[there.get((name, block)) for block in blocks] for name in names]
