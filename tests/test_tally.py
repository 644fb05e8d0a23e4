"""The tally of a class's predictions: replacing, revealing, forgetting, bounds, threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from app.classroom import tally as module
from app.classroom.tally import IDLE_SECONDS, PRESENT_SECONDS, Place, Presence, RoomsFull, Tally


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tally(clock: Clock) -> Tally:
    return Tally(clock)


def test_a_later_prediction_replaces_the_earlier_until_the_answer_is_out(tally: Tally) -> None:
    tally.vote("abc", "q", "ann", "left")
    tally.vote("abc", "q", "ben", "left")
    tally.vote("abc", "q", "ann", "right")
    assert tally.standing("abc", "q").counts == {"left": 1, "right": 1}
    tally.reveal("abc", "q")
    tally.vote("abc", "q", "ben", "right")
    tally.vote("abc", "q", "eve", "right")
    now = tally.standing("abc", "q")
    assert now.counts == {"left": 1, "right": 1}
    assert now.revealed


def test_rooms_and_questions_are_kept_apart(tally: Tally) -> None:
    tally.vote("abc", "q", "ann", "left")
    assert tally.standing("abc", "other").counts == {}
    assert tally.standing("xyz", "q").counts == {}


def test_asked_again_forgets_and_is_another_phase(tally: Tally) -> None:
    tally.vote("abc", "q", "ann", "left")
    tally.reveal("abc", "q")
    before = tally.standing("abc", "q")
    tally.ask_again("abc", "q")
    now = tally.standing("abc", "q")
    assert (now.counts, now.revealed) == ({}, False)
    assert now.phase not in (before.phase, (False, 0))


def test_room_is_forgotten_after_two_idle_hours_and_kept_while_used(
    tally: Tally, clock: Clock
) -> None:
    tally.vote("abc", "q", "ann", "left")
    clock.now += IDLE_SECONDS - 1
    assert tally.standing("abc", "q").counts == {"left": 1}  # which used it
    clock.now += IDLE_SECONDS - 1
    assert tally.standing("abc", "q").counts == {"left": 1}
    clock.now += IDLE_SECONDS
    assert tally.standing("abc", "q").counts == {}


def test_presence_counts_pupils_seen_lately_and_those_elsewhere(tally: Tally, clock: Clock) -> None:
    here = Place("a.py", (("problem", "skewed"), ("step", "2")))
    tally.enter("abc", "teacher", Place("a.py", (("problem", "skewed"),)), teaching=True)
    tally.enter("abc", "ann", here)
    tally.enter("abc", "ben", Place("a.py", (("problem", "clipping_bites"),)))
    tally.enter("abc", "eve", Place("b.py", (("problem", "skewed"),)))
    tally.enter("abc", "new", None)
    assert tally.presence("abc") == Presence(pupils=4, elsewhere=2)
    clock.now += PRESENT_SECONDS - 1
    tally.enter("abc", "ann", here)
    clock.now += 1
    assert tally.presence("abc") == Presence(pupils=1, elsewhere=0)


def test_numbers_of_rooms_pupils_and_questions_are_bounded(monkeypatch, clock: Clock) -> None:
    monkeypatch.setattr(module, "MOST_ROOMS", 2)
    monkeypatch.setattr(module, "MOST_VISITORS", 2)
    monkeypatch.setattr(module, "MOST_QUESTIONS", 2)
    tally = Tally(clock)
    for question in ("first", "second", "third"):
        for pupil in ("ann", "ben"):
            tally.enter("abc", pupil, None)
            tally.vote("abc", question, pupil, "left")
    tally.enter("abc", "ann", None)  # again is no other pupil
    with pytest.raises(RoomsFull, match="holds 2 pupils"):
        tally.enter("abc", "eve", None)
    with pytest.raises(RoomsFull, match="2 predictions"):
        tally.vote("abc", "third", "eve", "left")
    assert tally.standing("abc", "third").counts == {"left": 2}
    assert tally.standing("abc", "first").counts == {}  # the oldest went
    tally.enter("xyz", "ann", None)
    with pytest.raises(RoomsFull, match="already has 2 rooms"):
        tally.enter("more", "ann", None)
    clock.now += IDLE_SECONDS
    tally.enter("more", "ann", None)


def test_many_threads_lose_no_vote(tally: Tally) -> None:
    def pupil(number: int) -> None:
        for turn in range(50):
            tally.enter("abc", str(number), None)
            tally.vote("abc", "q", str(number), ("left", "right")[(number + turn) % 2])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(pupil, range(100)))
    assert tally.standing("abc", "q").counts == {"left": 50, "right": 50}
    assert tally.presence("abc").pupils == 100
