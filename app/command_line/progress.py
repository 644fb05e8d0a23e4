"""Progress with the time that is left, on stderr: a bar in a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

SILENCE = 10.0  # seconds between two lines where there is no terminal
SETTLED = 0.3  # seconds within which a run that goes on has counted what was done before
FIRST_GUESS = 3.0  # seconds of work before a time is named
FIRST_SHARE = 0.01  # and of the whole


class TimeLeft:
    """How long the rest will take if it goes on as since the start of what is being counted.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._total = self._done = -1
        self._began = self._from = 0.0
        self._opened = 0.0

    def after(self, done: int, total: int) -> float | None:
        """Seconds left, or ``None`` while nobody knows."""
        now = self._clock()
        if total != self._total or done < self._done:
            self._opened = self._began = now
            self._from = done
        elif now - self._opened < SETTLED:
            self._began, self._from = now, done
        self._total, self._done = total, done
        counted = done - self._from
        if done >= total or counted <= 0 or counted < FIRST_SHARE * total:
            return None
        if now - self._began < FIRST_GUESS:
            return None
        return (now - self._began) / counted * (total - done)


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
