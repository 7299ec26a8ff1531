"""The ticker: what happens every so often, on one thread that ends when it is told."""

import threading
from itertools import pairwise

import pytest

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.pipeline.ticker import Job, Ticker


def soon() -> int:
    """A deadline."""
    return clock.monotonic_ns() + 5_000_000_000


class Counted:
    """A job that counts its runs, and an event for the one that was waited for."""

    def __init__(self, enough: int) -> None:
        self.runs = 0
        self.enough = enough
        self.reached = threading.Event()

    def __call__(self) -> None:
        self.runs += 1
        if self.runs >= self.enough:
            self.reached.set()


def test_a_first_run_may_be_sooner_than_a_period() -> None:
    """It comes when the job says; the next one a whole period later."""
    soonest, usual = Counted(1), Counted(1)
    ticker = Ticker([Job("soonest", 3600, soonest, first_seconds=0.005), Job("usual", 3600, usual)])
    ticker.start()
    assert soonest.reached.wait(5)
    ticker.stop(soon())
    assert (soonest.runs, usual.runs) == (1, 0)


def test_jobs_run_at_their_own_pace() -> None:
    """A job of a short period runs again and again, one of a long period not once, and none at the start."""
    often, seldom = Counted(5), Counted(1)
    ticker = Ticker([Job("often", 0.005, often), Job("seldom", 3600, seldom)])
    ticker.start()
    assert often.reached.wait(5)
    ticker.stop(soon())
    runs = often.runs
    assert seldom.runs == 0
    assert not any(thread.name == "otel_perf-ticker" for thread in threading.enumerate())
    assert often.runs == runs


def test_a_job_that_raises_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    """A failure is counted under the job's name, each time, and told once."""

    def fail() -> None:
        raise ValueError("no")

    other = Counted(5)
    ticker = Ticker([Job("failing job", 0.005, fail), Job("other", 0.005, other)])
    ticker.start()
    assert other.reached.wait(5)
    ticker.stop(soon())
    assert guard.counts["failing job"] >= 4
    assert sum("failing job" in message for message in caplog.messages) <= 1


def test_a_slow_job_is_not_made_up_for() -> None:
    """A job that overran several of its periods runs once, not once for each."""
    release = threading.Event()
    runs: list[int] = []
    done = Counted(20)

    def slow() -> None:
        runs.append(clock.monotonic_ns())
        if len(runs) == 1:
            release.wait(5)

    ticker = Ticker([Job("slow", 0.04, slow), Job("beat", 0.005, done)])
    ticker.start()
    pause = threading.Timer(0.2, release.set)  # five periods
    pause.start()
    assert done.reached.wait(10)
    ticker.stop(soon())
    pause.join()
    gaps = [(later - earlier) / 1e6 for earlier, later in pairwise(runs[1:])]
    assert all(gap >= 39 for gap in gaps), gaps


def test_without_jobs_there_is_no_thread() -> None:
    """Nothing to do costs nothing; stopping what never started is fine."""
    before = threading.active_count()
    ticker = Ticker([])
    ticker.start()
    assert threading.active_count() == before
    ticker.stop(soon())


def test_stopping_waits_no_longer_than_the_deadline() -> None:
    """A job that hangs holds up its own thread only; afterwards no further job begins."""
    release, begun = threading.Event(), threading.Event()
    after = Counted(1)

    def hang() -> None:
        begun.set()
        release.wait(30)

    ticker = Ticker([Job("hang", 0.005, hang), Job("after", 0.02, after)])
    ticker.start()
    assert begun.wait(5)
    runs = after.runs
    before = clock.monotonic_ns()
    ticker.stop(before + 50_000_000)
    assert clock.monotonic_ns() - before < 2_000_000_000
    release.set()
    ticker.stop(soon())
    assert after.runs == runs


def test_it_can_be_started_again() -> None:
    """After a stop, and in a forked child, the same jobs go on."""
    job = Counted(1)
    ticker = Ticker([Job("again", 0.005, job)])
    for begin in (ticker.start, ticker.start, ticker.after_fork_in_child):
        job.reached.clear()
        begin()
        assert job.reached.wait(5)
        ticker.stop(soon())
