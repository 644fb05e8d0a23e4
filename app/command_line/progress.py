"""Progress with the time that is left, on stderr: a bar in a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

from app.time_left import TimeLeft

SILENCE = 10.0  # seconds between two lines where there is no terminal


class Progress:
    """Told ``(message, done, total)``, as long as its block lasts; use it with ``with``."""

    def __init__(self) -> None:
        self._left = TimeLeft()
        self._bar: Any = None
        self._task: Any = None
        self._spoke = -SILENCE

    def __enter__(self) -> "Progress":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, TaskProgressColumn, TextColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TaskProgressColumn(),
                TextColumn("{task.fields[left]}", markup=False),
            )
            self._bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("Starting", total=None, left="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, message: str, done: int, total: int) -> None:
        """Something is done."""
        seconds = self._left.after(done, total)
        left = "" if seconds is None else f"about {in_words(seconds)} left"
        if self._bar is not None:
            self._bar.update(
                self._task, description=message, completed=done, total=total, left=left
            )
            return
        now = time.monotonic()
        if now - self._spoke >= SILENCE:
            self._spoke = now
            share = 100 * done / total if total else 0
            end = f", {left}" if left else ""
            print(f"{share:3.0f} %  {message}{end}", file=sys.stderr, flush=True)

    def counted(self, message: str) -> Callable[[int, int], None]:
        """For work that says only how much is done."""
        return lambda done, total: self(message, done, total)


def say(text: str) -> None:
    """A line for people, beside what is on stdout."""
    print(text, file=sys.stderr, flush=True)


def in_words(seconds: float) -> str:
    """``95`` as ``2 min``, ``5000`` as ``1 h 23 min``."""
    if seconds < 60:
        return f"{max(seconds, 1):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
