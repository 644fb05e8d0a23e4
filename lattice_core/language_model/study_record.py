"""What the study found, as records, and the recorded study that ships with the app.

A study is a folder: `study.json` says what was run on what, `runs.csv` has a row a run, `layers.csv` a row a
run and layer, `texts.json` what each model wrote.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

STUDY, RUNS, LAYER_RUNS, TEXTS = "study.json", "runs.csv", "layers.csv", "texts.json"
PACKAGE = "lattice_core.language_model"
RECORDED = "recorded_study"


@dataclass(frozen=True)
class StudyRun:
    """One quantized model.

    Attributes
    ----------
    key : str
        Of its `StudyPoint`.
    stage, contender, order, overflow, inputs, targets : str
    target_bits : float
    seed : int or None
    bits_per_weight : float
        Stored: codes, scales, widths, tables, outliers.
    file_bits_per_weight : float
        The same with the headers of the files.
    perplexity, divergence, agreement : float
        As in `Evaluation`.
    relative_loss, relative_bound : float
        Sums over the layers, each over its own energy. The bound is void where `clipped_fraction` is not 0.
    held_out_loss : float
        Sum over the layers of the undamped loss on other text, over the energy there.
    distance : float
        Mean bits a weight above the Gaussian reference (law L21).
    clipped_fraction, outlier_rate : float
    quantize_seconds, evaluate_seconds : float
        The first is NaN for a model that was gone on with after a stop.
    """

    key: str
    stage: str
    contender: str
    target_bits: float
    order: str
    overflow: str
    inputs: str
    targets: str
    seed: int | None
    bits_per_weight: float
    file_bits_per_weight: float
    perplexity: float
    divergence: float
    agreement: float
    relative_loss: float
    relative_bound: float
    held_out_loss: float
    distance: float
    clipped_fraction: float
    outlier_rate: float
    quantize_seconds: float
    evaluate_seconds: float


@dataclass(frozen=True)
class LayerRun:
    """One layer of one quantized model, for the map.

    Attributes
    ----------
    key : str
        Of the run.
    layer : str
    block : int
    linear : str
    bits_per_weight, relative_loss, loss_over_bound, clipped_fraction, outlier_rate, distance : float
    held_out_loss : float
        Undamped, over the energy there.
    """

    key: str
    layer: str
    block: int
    linear: str
    bits_per_weight: float
    relative_loss: float
    loss_over_bound: float
    clipped_fraction: float
    outlier_rate: float
    distance: float
    held_out_loss: float


@dataclass(frozen=True)
class Study:
    """A study as far as it has come.

    Attributes
    ----------
    about : dict
        Model, text, tokens, windows, seeds, versions, machine, date, command; `reference` has the perplexity
        of the original; `missing` the keys of runs that were planned and not done.
    runs : tuple of StudyRun
    layers : tuple of LayerRun
    texts : dict of str
        What each model wrote after the prompt in `about`, by key; ``"reference"`` is the original.
    """

    about: Mapping[str, Any]
    runs: tuple[StudyRun, ...]
    layers: tuple[LayerRun, ...]
    texts: Mapping[str, str]

    @property
    def reference_perplexity(self) -> float:
        """Of the model that was quantized."""
        return float(self.about["reference"]["perplexity"])

    def stage(self, name: str) -> tuple[StudyRun, ...]:
        """The runs of a stage."""
        return tuple(run for run in self.runs if run.stage == name)

    def run(self, key: str) -> StudyRun | None:
        """The run of this key, if it was done."""
        return next((run for run in self.runs if run.key == key), None)

    def layers_of(self, key: str) -> tuple[LayerRun, ...]:
        """The layers of a run."""
        return tuple(layer for layer in self.layers if layer.key == key)


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Spearman's: the correlation of the ranks, ties at their mean rank; −1 … 1.

    Raises
    ------
    ValueError
        For fewer than three pairs, or values that are all the same.
    """
    if len(first) != len(second) or len(first) < 3:
        raise ValueError(
            f"{len(first)} and {len(second)} values came; three pairs or more were wanted."
        )
    ranks = [_ranks(np.asarray(values, dtype=np.float64)) for values in (first, second)]
    if any(np.ptp(values) == 0 for values in ranks):
        raise ValueError("values that are all the same have no ranks to compare.")
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    less = (values[:, None] > values).sum(axis=1)
    same = (values[:, None] == values).sum(axis=1)
    return less + (same - 1) / 2


def read_study(folder: Path) -> Study:
    """A study that `write_study` wrote.

    Raises
    ------
    ValueError
        If a file is missing or has other columns.
    """
    about = json.loads(_text(folder, STUDY))
    runs = tuple(StudyRun(**row) for row in _rows(_text(folder, RUNS), StudyRun))
    layers = tuple(LayerRun(**row) for row in _rows(_text(folder, LAYER_RUNS), LayerRun))
    return Study(about, runs, layers, json.loads(_text(folder, TEXTS)))


@cache
def recorded_study() -> Study:
    """The study that ships with the app."""
    return read_study(Path(str(files(PACKAGE) / RECORDED)))


def as_csv(records: Iterable[StudyRun | LayerRun], kind: type) -> str:
    """Records as CSV with a head; floats with six digits that count."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [field.name for field in fields(kind)], lineterminator="\n")
    writer.writeheader()
    for record in records:
        row = {k: f"{v:.6g}" if isinstance(v, float) else v for k, v in asdict(record).items()}
        writer.writerow(row)
    return out.getvalue()


def _text(folder: Path, name: str) -> str:
    file = folder / name
    if not file.is_file():
        raise ValueError(f"{folder} is no study: it has no {name}.")
    return file.read_text(encoding="utf-8")


def _rows(text: str, kind: type) -> list[dict[str, Any]]:
    wanted = {field.name: field.type for field in fields(kind)}
    reader = csv.DictReader(io.StringIO(text))
    if reader.fieldnames is None or set(reader.fieldnames) != set(wanted):
        raise ValueError(f"columns {reader.fieldnames} came; {list(wanted)} were wanted.")
    return [{name: _value(row[name], wanted[name]) for name in wanted} for row in reader]


def _value(text: str, kind: Any) -> Any:
    if kind is float:
        return float(text)
    if kind is int:
        return int(text)
    if kind is str:
        return text
    return int(text) if text else None  # int | None
