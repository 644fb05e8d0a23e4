"""Long work in a thread of its own, shared by all visitors: started once per key, watched, kept.

Jobs take turns, one at a time: they share the model and the processor. One that takes minutes
gives way to shorter ones whenever it reports its progress. A thread never calls streamlit; a page
looks at its job again and again for as long as it is `active`.
"""

import atexit
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from itertools import count
from typing import Any, Literal

from app.time_left import TimeLeft

SECONDS_TO_END = 10.0
SHORT, LONG = 0, 1
State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(frozen=True)
class Progress:
    """How far a job has come; `total` is 0 while that cannot be counted."""

    message: str
    done: int = 0
    total: int = 0
    seconds_left: float | None = None


Ticket = tuple[int, int]  # rank, and the number of who came
WAITING = Progress("Waiting for other work on this machine to finish.")


class Job:
    """One piece of work; made by `BackgroundJobs`.

    Attributes
    ----------
    state : {"waiting", "running", "done", "failed", "cancelled"}
    progress : Progress
    result : object
        What the work returned, once the state is "done".
    parts : list
        What the work has finished so far, for pages that show a result while it grows. Kept when
        the job fails or is cancelled. The job that takes its place goes on with the same list.
    rank : int
        `SHORT` or `LONG`.
    error : str
        For people to read, once the state is "failed".
    """

    def __init__(
        self,
        give_way: Callable[[], None] = lambda: None,
        rank: int = SHORT,
        parts: list[Any] | None = None,
    ) -> None:
        self.state: State = "waiting"
        self.progress = WAITING
        self.result: Any = None
        self.parts: list[Any] = [] if parts is None else parts
        self.rank = rank
        self.error = ""
        self._give_way = give_way
        self._lock = threading.Lock()
        self._stood_still = 0.0  # seconds
        self._left = TimeLeft(self._working_time)

    @property
    def active(self) -> bool:
        """Whether there is still something to wait for."""
        return self.state in ("waiting", "running")

    @property
    def cancelled(self) -> bool:
        """The work asks this between its parts, and stops if it is true."""
        return self.state == "cancelled"

    def cancel(self) -> None:
        """Stop waiting at once. The thread ends at its next look at `cancelled`."""
        with self._lock:
            if self.active:
                self.state = "cancelled"

    def report(self, message: str, done: int = 0, total: int = 0) -> None:
        """Say how far the work is; called by the work. A new message starts the clock anew.

        Long work waits here while shorter work has its turn; the clock stands still meanwhile.
        """
        if message != self.progress.message:
            self._left = TimeLeft(self._working_time)
        self.progress = Progress(message, done, total, self._left.after(done, total))
        began = time.monotonic()
        self._give_way()
        self._stood_still += time.monotonic() - began

    def _working_time(self) -> float:
        return time.monotonic() - self._stood_still

    def run(self, work: Callable[["Job"], Any]) -> None:
        """Do the work, unless it was cancelled while it waited; called in the job's thread."""
        if not self._move("waiting", "running"):
            return
        try:
            self.result = work(self)
        except Exception as error:
            self.error = _readable(error)
            if self._move("running", "failed") and not isinstance(error, ValueError):
                logging.getLogger(__name__).exception("A background job failed.")
        else:
            self._move("running", "done")

    def _move(self, old: State, new: State) -> bool:
        with self._lock:
            if self.state != old:
                return False
            self.state = new
            return True


class Turns:
    """A lock that goes to the lowest rank waiting, and within a rank to who came first."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._holder: Ticket | None = None
        self._waiting: list[Ticket] = []
        self._numbers = count()

    def take(self, rank: int, timeout: float | None = None) -> None:
        """Wait for the turn; go on without it after `timeout` seconds."""
        with self._changed:
            self._wait((rank, next(self._numbers)), timeout)

    def end(self) -> None:
        """Give the turn back."""
        with self._changed:
            self._holder = None
            self._changed.notify_all()

    def give_way(self) -> None:
        """Called by who has the turn: let lower ranks go first, then go on before one's equals."""
        with self._changed:
            ticket = self._holder
            if ticket is not None and any(rank < ticket[0] for rank, _ in self._waiting):
                self._holder = None
                self._changed.notify_all()
                self._wait(ticket)

    def _wait(self, ticket: Ticket, timeout: float | None = None) -> None:
        self._waiting.append(ticket)
        self._changed.wait_for(
            lambda: self._holder is None and min(self._waiting) == ticket, timeout=timeout
        )
        self._waiting.remove(ticket)
        self._holder = ticket


class BackgroundJobs:
    """All jobs by key. Of each rank, the results of the `keep` last looked at are kept."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._jobs: OrderedDict[Hashable, Job] = OrderedDict()
        self._lock = threading.Lock()
        self._turns = Turns()
        atexit.register(self.close)

    def get(self, key: Hashable) -> Job | None:
        """The job of this key, if it was ever started and is not forgotten."""
        with self._lock:
            if key in self._jobs:
                self._jobs.move_to_end(key)
            return self._jobs.get(key)

    def start(self, key: Hashable, work: Callable[[Job], Any], *, rank: int = SHORT) -> Job:
        """The job of this key: the one there is, or a new one if it failed or was cancelled.

        Parameters
        ----------
        key : hashable
            Two visitors with the same key share the job.
        work : callable
            Called with the job, in a thread of its own; reports to it, and asks it whether it is
            cancelled.
        rank : int
            `SHORT`, or `LONG` for work that gives way to short work whenever it reports.
        """
        with self._lock:
            job = self._jobs.get(key)
            if job is None or job.state in ("failed", "cancelled"):
                job = self._jobs[key] = Job(self._turns.give_way, rank, job.parts if job else None)
                threading.Thread(target=self._in_turn, args=(job, work, rank), daemon=True).start()
            self._jobs.move_to_end(key)
            self._forget(key, rank)
            return job

    def forget(self, key: Hashable) -> None:
        """Let go of a finished job, so that the same work can be started anew."""
        with self._lock:
            if key in self._jobs and not self._jobs[key].active:
                del self._jobs[key]

    def _forget(self, newest: Hashable, rank: int) -> None:
        """Let go of what is too much; many short jobs do not push out a long one."""
        equals = [key for key, job in self._jobs.items() if job.rank == rank]
        finished = [key for key in equals if not self._jobs[key].active]
        for key in finished[: max(0, len(equals) - self._keep)]:
            if key != newest:
                del self._jobs[key]

    def close(self) -> None:
        """Cancel everything and wait for the running work to notice: torch aborts the process if
        Python goes away under one of its threads.
        """
        with self._lock:
            for job in self._jobs.values():
                job.cancel()
        self._turns.take(SHORT, timeout=SECONDS_TO_END)  # and keep it: nothing runs after this

    def _in_turn(self, job: Job, work: Callable[[Job], Any], rank: int) -> None:
        self._turns.take(rank)
        try:
            job.run(work)
        finally:
            self._turns.end()


def _readable(error: Exception) -> str:
    """Our own errors are sentences; others are named."""
    return str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
