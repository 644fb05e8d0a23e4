"""Counting a class's predictions, in memory only. No streamlit here.

A room is made when somebody first enters it and forgotten when nobody has used it for `IDLE_SECONDS`. Visitors are
random numbers of sessions; names are never asked. Everything is bounded, so that no link can fill the memory.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock

IDLE_SECONDS = 2 * 60 * 60
PRESENT_SECONDS = 45  # a visitor's page says every few seconds that it is still open
MOST_ROOMS = 50
MOST_QUESTIONS = 60  # a room; the oldest is forgotten
MOST_VISITORS = 200  # a room


class RoomsFull(ValueError):
    """There is no place left; the message says where and what to do."""


@dataclass(frozen=True)
class Place:
    """What somebody looks at: a page, and the query that opens it at its problem."""

    page: str
    query: tuple[tuple[str, str], ...] = ()

    def is_beside(self, other: "Place") -> bool:
        """Whether both look at the same page and problem; the step may differ."""

        def problem(place: Place) -> set[tuple[str, str]]:
            return {(name, text) for name, text in place.query if name != "step"}

        return self.page == other.page and problem(self) == problem(other)


@dataclass(frozen=True)
class Standing:
    """How a question stands.

    Attributes
    ----------
    counts : dict of int
        By what was predicted.
    revealed : bool
        Whether the teacher has shown the answer; votes count no more.
    asked : int
        How often it was asked again.
    """

    counts: dict[str, int]
    revealed: bool = False
    asked: int = 0

    @property
    def phase(self) -> tuple[bool, int]:
        """What a pupil's page must follow."""
        return self.revealed, self.asked


@dataclass(frozen=True)
class Presence:
    """Who is in a room: pupils, and those of them who look at something else than the teacher."""

    pupils: int
    elsewhere: int


@dataclass
class _Question:
    votes: dict[str, str] = field(default_factory=dict)  # visitor -> prediction
    revealed: bool = False
    asked: int = 0


@dataclass
class _Room:
    used: float
    questions: dict[str, _Question] = field(default_factory=dict)
    pupils: dict[str, tuple[float, Place | None]] = field(default_factory=dict)  # when seen, where
    teacher: Place | None = None


class Tally:
    """The rooms of one server. Safe to use from many threads.

    Parameters
    ----------
    clock : callable
        Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._rooms: dict[str, _Room] = {}

    def enter(
        self, room: str, visitor: str, place: Place | None, *, teaching: bool = False
    ) -> None:
        """Say that a visitor is in the room, and what they look at; rooms are made by this.

        Raises
        ------
        RoomsFull
            If there are too many rooms, or too many pupils in this one.
        """
        with self._lock:
            kept = self._room(room)
            if teaching:
                kept.teacher = place or kept.teacher
                return
            if visitor not in kept.pupils and len(kept.pupils) >= MOST_VISITORS:
                raise RoomsFull(f"Room {room} is full: it holds {MOST_VISITORS} pupils.")
            kept.pupils[visitor] = (kept.used, place)

    def vote(self, room: str, question: str, visitor: str, prediction: str) -> None:
        """Count a visitor's prediction in place of their earlier one, unless the answer is out.

        Raises
        ------
        RoomsFull
            If the question has too many predictions.
        """
        with self._lock:
            asked = self._question(self._room(room), question)
            if asked.revealed:
                return
            if visitor not in asked.votes and len(asked.votes) >= MOST_VISITORS:
                raise RoomsFull(f"This question already has {MOST_VISITORS} predictions.")
            asked.votes[visitor] = prediction

    def reveal(self, room: str, question: str) -> None:
        """Show the answer to everybody, and count no more."""
        with self._lock:
            self._question(self._room(room), question).revealed = True

    def ask_again(self, room: str, question: str) -> None:
        """Forget the predictions and hide the answer."""
        with self._lock:
            asked = self._question(self._room(room), question)
            asked.votes, asked.revealed, asked.asked = {}, False, asked.asked + 1

    def standing(self, room: str, question: str) -> Standing:
        """How the question stands now."""
        with self._lock:
            asked = self._room(room).questions.get(question, _Question())
            return Standing(dict(Counter(asked.votes.values())), asked.revealed, asked.asked)

    def phases(self, room: str, questions: Iterable[str]) -> dict[str, tuple[bool, int]]:
        """What a pupil's page must follow, of several questions."""
        return {question: self.standing(room, question).phase for question in questions}

    def teacher(self, room: str) -> Place | None:
        """What the teacher looks at; ``None`` before there is one."""
        with self._lock:
            return self._room(room).teacher

    def presence(self, room: str) -> Presence:
        """Who is there now."""
        with self._lock:
            kept = self._room(room)
            places = [place for _, place in kept.pupils.values()]
            elsewhere = [
                place
                for place in places
                if place and kept.teacher and not place.is_beside(kept.teacher)
            ]
            return Presence(len(places), len(elsewhere))

    def _room(self, name: str) -> _Room:
        now = self._clock()
        self._rooms = {
            other: room for other, room in self._rooms.items() if now - room.used < IDLE_SECONDS
        }
        if name not in self._rooms:
            if len(self._rooms) >= MOST_ROOMS:
                raise RoomsFull(
                    f"This server already has {MOST_ROOMS} rooms. A room is freed two hours after "
                    "it was last used; restarting the server frees them all."
                )
            self._rooms[name] = _Room(now)
        room = self._rooms[name]
        room.used = now
        room.pupils = {
            pupil: (seen, place)
            for pupil, (seen, place) in room.pupils.items()
            if now - seen < PRESENT_SECONDS
        }
        return room

    def _question(self, room: _Room, name: str) -> _Question:
        if name not in room.questions:
            room.questions[name] = _Question()
            while len(room.questions) > MOST_QUESTIONS:
                del room.questions[next(iter(room.questions))]
        return room.questions[name]
