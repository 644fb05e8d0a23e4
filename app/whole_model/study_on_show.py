"""The recorded study, and the run of it that is looked at."""

from lattice_core.language_model import study_record
from lattice_core.language_model.study_record import Study, StudyRun

PREFERRED = ("watersic_k_best", "watersic", "hptq", "gptq")
BESIDE = ("gptq", "rtn", "hrtn")  # whose text stands beside the run's
SIZE = 3.25


def recorded_study() -> Study | None:
    """The study that ships with the app; ``None`` if this installation has none."""
    try:
        return study_record.recorded_study()
    except ValueError:
        return None


def run_keys() -> tuple[str, ...]:
    """Of the recorded study."""
    study = recorded_study()
    return tuple(run.key for run in study.runs) if study else ()


def run_on_show(study: Study, key: str) -> StudyRun:
    """The run of this key, or one worth a look."""
    return study.run(key) or _first(study, PREFERRED, "")


def run_beside(study: Study, key: str, shown: StudyRun) -> StudyRun:
    """The run whose text is compared: of this key, or one with a grid."""
    return study.run(key) or _first(study, BESIDE, shown.key)


def _first(study: Study, contenders: tuple[str, ...], other_than: str) -> StudyRun:
    runs = [run for run in study.stage("A") or study.runs if run.key != other_than]
    runs = runs or list(study.runs)
    of_size = [run for run in runs if run.target_bits == SIZE] or runs
    by_name = {run.contender: run for run in of_size}
    return next((by_name[name] for name in contenders if name in by_name), of_size[0])
