"""How long work will still take, on the pages and on the command line."""

import time
from collections.abc import Callable

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
