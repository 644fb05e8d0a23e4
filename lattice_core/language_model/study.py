"""The study: many quantized models on one text, evaluated alike; it can be stopped and gone on with.

The folder keeps Hessians and finished runs, so a study that is started again goes on where it was, and what is
finished can be read at any time with `read_study`.
"""

import json
import math
import os
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lattice_core.language_model.atomic_file import write_atomically
from lattice_core.language_model.checkpoint import is_begun
from lattice_core.language_model.evaluate import Evaluation
from lattice_core.language_model.load import LoadedModel
from lattice_core.language_model.model_runs import layer_runs, model_run
from lattice_core.language_model.pipeline import quantize_to_folder
from lattice_core.language_model.recipe import model_hash, tokens_hash
from lattice_core.language_model.study_judge import PROMPT, Judge, Judgement, Report
from lattice_core.language_model.study_plan import SEEDS, WINDOW, StudyPoint
from lattice_core.language_model.study_record import (
    LAYER_RUNS,
    RUNS,
    STUDY,
    TEXTS,
    LayerRun,
    Study,
    StudyRun,
    as_csv,
    read_study,
)
from lattice_core.language_model.text import Text, tokenize


@dataclass(frozen=True)
class StudyText:
    """Which tokens of a text serve for what; none serves twice.

    Attributes
    ----------
    text : Text
    evaluation, calibration, held_out : (int, int)
        First token and the one after the last.
    evaluation_window : int
    """

    text: Text
    evaluation: tuple[int, int] = (0, 16_384)
    calibration: tuple[int, int] = (100_000, 132_768)
    held_out: tuple[int, int] = (200_000, 208_192)
    evaluation_window: int = 1024


class StudyRunner:
    """Does the points of a study one after the other.

    Parameters
    ----------
    loaded : LoadedModel
    text : StudyText
    folder : Path
        New, or of the same study.
    command : str
        How it was started, for the record.
    progress : callable, optional
        Called with what is being done, the steps done and the steps in all.
    cancel : callable, optional

    Raises
    ------
    ValueError
        If the text is too short, or the folder is of another study.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        text: StudyText,
        folder: Path,
        *,
        command: str = "",
        progress: Report | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> None:
        self._loaded, self._text, self._folder = loaded, text, folder
        self._progress, self._cancel = progress, cancel
        needed = max(text.evaluation[1], text.calibration[1], text.held_out[1])
        self._ids = tokenize(loaded, text.text)
        if len(self._ids) < needed:
            raise ValueError(
                f"{text.text.source} has {len(self._ids):,} tokens; the study wants {needed:,}."
            )
        self._judge = Judge(
            loaded,
            self._part("evaluation"),
            text.evaluation_window,
            self._part("held_out"),
            folder / "hessians" / "held_out",
            self._tell,
            cancel,
        )
        self._about = self._describe(command)
        self._begin()

    def run(self, points: Sequence[StudyPoint]) -> Iterator[StudyRun]:
        """Each point's run, computed or read; what is planned is written down first."""
        self._plan(points)
        for point in points:
            if (done := self._read_run(point)) is None:
                done = self._do(point)
                write_study(self._folder)
            yield done

    def _begin(self) -> None:
        file = self._folder / "about.json"
        key = {k: self._about[k] for k in ("model_sha256", "tokens_sha256", "tokens", "windows")}
        if file.exists():
            found = json.loads(file.read_text(encoding="utf-8"))
            if {k: found[k] for k in key} != json.loads(json.dumps(key)):
                raise ValueError(
                    f"{self._folder} holds a study of another model, text or window; name another folder."
                )
            self._about = found
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        found, text = self._judge.judge_original()
        self._about["reference"] = {"perplexity": found.perplexity, "predicted": found.predicted}
        self._about["reference_text"] = text
        write_atomically(file, _json(self._about))

    def _describe(self, command: str) -> dict[str, Any]:
        from importlib.metadata import version

        text = self._text
        tokens = {
            name: list(getattr(text, name)) for name in ("evaluation", "calibration", "held_out")
        }
        return {
            "source": self._loaded.source.rpartition("/")[2],
            "model_sha256": model_hash(self._loaded.model),
            "text": Path(text.text.source).name,
            "text_sha256": text.text.sha256,
            "tokens": tokens,
            "tokens_sha256": tokens_hash(self._ids),
            "windows": {"calibration": WINDOW, "evaluation": text.evaluation_window},
            "seeds": list(SEEDS),
            "prompt": PROMPT,
            "date": datetime.now(UTC).date().isoformat(),
            "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("torch", "transformers", "constriction")},
            },
            "command": command,
        }

    def _part(self, name: str) -> Tensor:
        first, end = getattr(self._text, name)
        return self._ids[first:end]

    def _calibration(self, seed: int | None) -> Tensor:
        """The calibration tokens, or as many in windows drawn from all that do not serve otherwise."""
        first, end = self._text.calibration
        if seed is None:
            return self._ids[first:end]
        free = self._ids[self._text.evaluation[1] : self._text.held_out[0]]
        windows = free[: len(free) // WINDOW * WINDOW].view(-1, WINDOW)
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.randperm(len(windows), generator=generator)[: (end - first) // WINDOW]
        return windows[chosen].flatten()

    def _do(self, point: StudyPoint) -> StudyRun:
        began = time.perf_counter()
        seed = "text" if point.seed is None else f"seed{point.seed}"
        folder = self._folder / "checkpoints" / point.key
        went_on = is_begun(folder)
        checkpoint = quantize_to_folder(
            self._loaded,
            self._calibration(point.seed),
            point.recipe(),
            folder,
            text=f"{self._about['text']}, {seed}",
            hessians=self._folder / "hessians" / seed if point.inputs == "one_shot" else None,
            progress=lambda message, done, total: self._tell(
                f"{point.key}: {message}", done, total
            ),
            cancel=self._cancel,
        )
        seconds = math.nan if went_on else time.perf_counter() - began
        model = checkpoint.model(self._loaded)
        weights = model_hash(model.model)
        judged = self._judged_before(weights) or self._judge.judge(model, point.key)
        run = model_run(
            point.key,
            point.contender,
            point.target_bits,
            checkpoint,
            judged.evaluation,
            stage=point.stage,
            seed=point.seed,
            held_out_loss=sum(judged.held_out.values()),
            quantize_seconds=seconds,
            evaluate_seconds=judged.seconds,
        )
        layers = layer_runs(point.key, checkpoint.report.layers, judged.held_out)
        record = {
            "run": asdict(run),
            "layers": [asdict(layer) for layer in layers],
            "weights_sha256": weights,
            "judged": asdict(judged),
        }
        write_atomically(self._run_file(point.key), _json(record))
        # What it found is kept; its layers take 50 MB and can be made again.
        shutil.rmtree(checkpoint.folder)
        return run

    def _judged_before(self, weights: str) -> Judgement | None:
        """Two coders of the same codes give the same model."""
        for file in (self._folder / "runs").glob("*.json"):
            record = json.loads(file.read_text(encoding="utf-8"))
            if record["weights_sha256"] == weights:
                judged = record["judged"]
                return Judgement(**(judged | {"evaluation": Evaluation(**judged["evaluation"])}))
        return None

    def _plan(self, points: Sequence[StudyPoint]) -> None:
        file = self._folder / "planned.json"
        planned = json.loads(file.read_text()) if file.exists() else []
        planned += [point.key for point in points if point.key not in planned]
        write_atomically(file, _json(planned))

    def _run_file(self, key: str) -> Path:
        folder = self._folder / "runs"
        folder.mkdir(exist_ok=True)
        return folder / f"{key}.json"

    def _read_run(self, point: StudyPoint) -> StudyRun | None:
        file = self._run_file(point.key)
        if not file.exists():
            return None
        return StudyRun(**json.loads(file.read_text(encoding="utf-8"))["run"])

    def _tell(self, message: str, done: int, total: int) -> None:
        if self._progress is not None:
            self._progress(message, done, total)


def write_study(folder: Path) -> Study:
    """Gather what a study's folder holds into its four files, and read them.

    Parameters
    ----------
    folder : Path
        Of a study that has begun.
    """
    about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    planned = json.loads((folder / "planned.json").read_text(encoding="utf-8"))
    files = {key: folder / "runs" / f"{key}.json" for key in planned}
    found = {
        key: json.loads(file.read_text(encoding="utf-8"))
        for key, file in files.items()
        if file.exists()
    }
    about["missing"] = [key for key in planned if key not in found]
    runs = [StudyRun(**record["run"]) for record in found.values()]
    layers = [LayerRun(**layer) for record in found.values() for layer in record["layers"]]
    texts = {key: record["judged"]["text"] for key, record in found.items()}
    if "reference_text" in about:
        texts = {"reference": about.pop("reference_text")} | texts
    write_atomically(folder / STUDY, _json(about))
    write_atomically(folder / RUNS, as_csv(runs, StudyRun).encode())
    write_atomically(folder / LAYER_RUNS, as_csv(layers, LayerRun).encode())
    write_atomically(folder / TEXTS, _json(texts))
    return read_study(folder)


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
