"""Background jobs: shared by key, one at a time, cancelled at once, results kept."""

import threading

import pytest
from browser import eventually

from app.background_job import LONG, BackgroundJobs, Job


class Gate:
    """Work that counts its runs and goes on only when it is let."""

    def __init__(self) -> None:
        self.runs = 0
        self.opened = threading.Event()

    def __call__(self, job: Job) -> str:
        self.runs += 1
        job.report("counting", 1, 4)
        assert self.opened.wait(10)
        return "cancelled" if job.cancelled else "counted"


@pytest.fixture
def gate():
    made = Gate()
    yield made
    made.opened.set()  # no thread outlives its test


def finish(job: Job) -> None:
    eventually(lambda: not job.active, what="the job ends")


def test_two_visitors_asking_for_the_same_share_one_job(gate) -> None:
    jobs = BackgroundJobs(keep=2)
    first, second = jobs.start("a", gate), jobs.start("a", gate)
    assert first is second is jobs.get("a")
    gate.opened.set()
    finish(first)
    assert (first.state, first.result, gate.runs) == ("done", "counted", 1)
    assert jobs.start("a", gate) is first


def test_progress_is_seen_from_outside(gate) -> None:
    job = BackgroundJobs(keep=1).start("a", gate)
    eventually(lambda: job.progress.total == 4)
    assert (job.progress.message, job.progress.done) == ("counting", 1)


def test_jobs_take_turns(gate) -> None:
    jobs = BackgroundJobs(keep=2)
    first = jobs.start("a", gate)
    eventually(lambda: first.state == "running")
    second = jobs.start("b", lambda job: first.state)
    assert second.state == "waiting"
    gate.opened.set()
    finish(second)
    assert second.result == "done"


def test_long_work_gives_way_to_short_work_when_it_reports() -> None:
    jobs = BackgroundJobs(keep=3)
    began, go_on = threading.Event(), threading.Event()
    happened = []

    def long_work(job: Job) -> None:
        began.set()
        assert go_on.wait(10)
        job.report("half", 1, 2)
        happened.append("long")

    long = jobs.start("long", long_work, rank=LONG)
    assert began.wait(10)
    other = jobs.start("other long", lambda job: happened.append("other long"), rank=LONG)
    short = jobs.start("short", lambda job: happened.append("short"))
    eventually(lambda: len(jobs._turns._waiting) == 2)
    go_on.set()
    for job in (long, short, other):
        finish(job)
    assert happened == ["short", "long", "other long"]


def test_clock_of_long_work_stands_still_while_it_gives_way() -> None:
    now, job = [100.0], Job(lambda: now.__setitem__(0, now[0] + pause))
    pause = 0.0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.background_job.time.monotonic", lambda: now[0])
        job.report("counting", 0, 10)
        now[0], pause = now[0] + 5, 1000.0
        job.report("counting", 1, 10)
        now[0], pause = now[0] + 5, 0.0
        job.report("counting", 2, 10)
    assert job.progress.seconds_left == pytest.approx(10 * 8 / 2)


def test_steps_that_were_done_before_took_no_time() -> None:
    now, job = [100.0], Job()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.time_left.time.monotonic", lambda: now[0])
        job.report("quantizing", 0, 2000)
        job.report("quantizing", 1000, 2000)
        now[0] += 10
        job.report("quantizing", 1040, 2000)
    assert job.progress.seconds_left == pytest.approx(10 * 960 / 40)


def test_parts_found_before_a_cancel_are_kept(gate) -> None:
    def work(job: Job) -> None:
        job.parts.append("first")
        gate(job)

    job = BackgroundJobs(keep=1).start("a", work)
    eventually(lambda: gate.runs == 1)
    job.cancel()
    assert job.parts == ["first"]


def test_cancel_ends_the_wait_at_once_and_the_result_is_dropped(gate) -> None:
    jobs = BackgroundJobs(keep=2)
    job = jobs.start("a", gate)
    eventually(lambda: gate.runs == 1)
    job.cancel()
    assert job.cancelled
    assert not job.active
    again = jobs.start("a", gate)
    assert again is not job
    gate.opened.set()
    finish(again)
    assert (job.state, again.state, again.result) == ("cancelled", "done", "counted")


def test_job_cancelled_while_it_waits_never_runs(gate) -> None:
    jobs = BackgroundJobs(keep=3)
    jobs.start("a", gate)
    waiting = Gate()
    jobs.start("b", waiting).cancel()
    gate.opened.set()
    finish(jobs.start("c", lambda job: None))
    assert waiting.runs == 0


def test_error_is_kept_and_the_next_start_tries_again() -> None:
    def fail(job: Job) -> None:
        raise ValueError("pass more text.")

    jobs = BackgroundJobs(keep=1)
    job = jobs.start("a", fail)
    finish(job)
    assert (job.state, job.error) == ("failed", "pass more text.")
    assert jobs.get("a") is job
    again = jobs.start("a", lambda job: 1)
    finish(again)
    assert again.result == 1


def test_unexpected_error_is_named_and_logged(caplog) -> None:
    job = BackgroundJobs(keep=1).start("a", lambda job: 1 / 0)
    finish(job)
    assert job.error == "ZeroDivisionError: division by zero"
    eventually(lambda: "A background job failed." in caplog.text)


def test_short_jobs_do_not_push_out_a_long_one() -> None:
    jobs = BackgroundJobs(keep=2)
    finish(jobs.start("long", lambda job: None, rank=LONG))
    for key in "abcd":
        finish(jobs.start(key, lambda job: None))
    assert jobs.get("long") is not None
    assert [jobs.get(key) is not None for key in "abcd"] == [False, False, True, True]


def test_what_a_cancelled_job_still_finishes_is_not_done_twice(gate) -> None:
    jobs = BackgroundJobs(keep=2)

    def fill(job: Job) -> None:
        for number in range(len(job.parts), 3):
            if job.cancelled:
                return
            gate(job)
            job.parts.append(number)

    first = jobs.start("a", fill, rank=LONG)
    eventually(lambda: gate.runs == 1)
    first.cancel()
    again = jobs.start("a", fill, rank=LONG)
    gate.opened.set()
    finish(again)
    assert again.parts == [0, 1, 2]
    assert gate.runs == 3


def test_results_not_looked_at_for_longest_are_forgotten() -> None:
    jobs = BackgroundJobs(keep=2)
    for key in "ab":
        finish(jobs.start(key, lambda job: None))
    jobs.get("a")
    finish(jobs.start("c", lambda job: None))
    assert jobs.get("b") is None
    assert jobs.get("a") is not None
    assert jobs.get("c") is not None
