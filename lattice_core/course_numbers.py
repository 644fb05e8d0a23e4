"""The one number to remember of each lesson: how it is computed, and its recorded value.

``python -m lattice_core.course_numbers`` computes all and prints them beside what is recorded,
``… --record`` writes them with the date, ``… closest_vector --record`` only those named. Nothing
here needs torch. Numbers of real layers come from records of their own.
"""

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from lattice_core import course_lessons

RECORD = Path(__file__).with_name("course_numbers.json")


@dataclass(frozen=True)
class CourseNumber:
    """A recorded number.

    Attributes
    ----------
    value : float
    command : str
        What computes it.
    date : str
        When it was recorded, ``YYYY-MM-DD``.
    """

    value: float
    command: str
    date: str


# By lesson, the name of its page's file. Each function says in its docstring what it measures.
NUMBERS: dict[str, Callable[[], float]] = {
    "closest_vector": course_lessons.closest_missed_by_nearest_plane,
    "nearest_plane": course_lessons.closest_found_by_nearest_plane,
    "nearest_plane_round_off": course_lessons.closest_found_by_round_off,
    "gptq_is_babai": course_lessons.largest_gap_of_gptq_and_babai,
    "quantization_order": course_lessons.min_pivot_is_best,
}


def recorded_number(lesson: str) -> CourseNumber:
    """The number of a lesson as it was recorded last."""
    return CourseNumber(**json.loads(RECORD.read_text(encoding="utf-8"))[lesson])


def record(lessons: list[str]) -> None:
    """Compute the numbers of these lessons and write them down."""
    kept = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    for lesson in lessons:
        command = f"python -m lattice_core.course_numbers {lesson}"
        kept[lesson] = asdict(
            CourseNumber(float(NUMBERS[lesson]()), command, date.today().isoformat())
        )
    RECORD.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Print or record the numbers."""
    parser = argparse.ArgumentParser(prog="python -m lattice_core.course_numbers")
    parser.add_argument("lessons", nargs="*", help=f"all, or some of: {', '.join(NUMBERS)}")
    parser.add_argument("--record", action="store_true", help=f"write {RECORD.name}")
    arguments = parser.parse_args()
    lessons = arguments.lessons or list(NUMBERS)
    if unknown := sorted(set(lessons) - set(NUMBERS)):
        parser.error(f"{', '.join(unknown)} came; of {', '.join(NUMBERS)} some were wanted")
    if arguments.record:
        record(lessons)
    for lesson in lessons:
        known = recorded_number(lesson)
        print(f"{lesson}: {NUMBERS[lesson]():.6g} (recorded {known.date}: {known.value:.6g})")


if __name__ == "__main__":
    main()
