"""Calls that have begun and not ended: seen while they hang, given up in number, told once."""

import logging

import pytest

from otel_perf.core import clock
from otel_perf.core.intake import Intake
from otel_perf.core.records import Identity, Scope
from otel_perf.pipeline.open_calls import SLACK, OpenCall, OpenCalls
from tests.pipeline.calls import SECOND, end, ended, running

TOLD = "otel_perf: 'hung' has been running for"


def watching(**options: float) -> tuple[Intake, OpenCalls]:
    """An intake and the watch over it."""
    intake = Intake()
    return intake, OpenCalls(intake, **options)  # type: ignore[arg-type]


def test_a_hung_call_is_listed_with_its_age_and_agent() -> None:
    """A call that does not end is listed from its start on, oldest first; one that ended is not."""
    intake, watch = watching()
    scope = Scope(sampled=True, identity=Identity("planner", {}))
    hung, other = running("hung", start_ns=1 * SECOND, scope=scope), running("other", start_ns=2 * SECOND)
    intake.started.extend([other, hung, ended("quick")])
    assert len(watch.take()) == 3
    assert watch.current(4 * SECOND) == [OpenCall("hung", "planner", 3.0), OpenCall("other", None, 2.0)]
    end(hung, 5 * SECOND)
    assert [call.tool for call in watch.current(6 * SECOND)] == ["other"]


def test_a_long_call_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """Past the limit one line says how long it has been running, and no second one; another call gets its own."""
    intake, watch = watching(warn_after_seconds=2.0)
    intake.started.extend([running("hung"), running("hung", start_ns=3 * SECOND)])
    watch.take()
    with caplog.at_level(logging.WARNING, "otel_perf"):
        for now in (1, 2, 3, 4, 5):
            watch.warn(now * SECOND)
    assert caplog.messages == [f"{TOLD} 3.0 s"]
    watch.warn(6 * SECOND)
    assert caplog.messages == [f"{TOLD} 3.0 s", f"{TOLD} 3.0 s"]


def test_a_call_that_ends_in_time_is_never_told(caplog: pytest.LogCaptureFixture) -> None:
    """A call that has ended gets no line, even when the watch has not let go of it yet."""
    intake, watch = watching(warn_after_seconds=2.0)
    call = running("done")
    intake.started.append(call)
    watch.take()
    end(call, 1 * SECOND)
    watch.warn(100 * SECOND)
    assert caplog.messages == []


def test_without_a_limit_nothing_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """No limit, no line."""
    intake, watch = watching()
    intake.started.append(running("hung"))
    watch.take()
    watch.warn(1_000_000 * SECOND)
    assert caplog.messages == []


def test_the_watch_is_bounded_and_the_surplus_counted() -> None:
    """Of 100,000 calls that never end the newest stay under watch, the others are counted, in a second or so."""
    intake, watch = watching(max_open=20_000)
    before = clock.process_cpu_ns()
    for number in range(0, 100_000, 16):
        intake.started.extend(running(start_ns=number + i) for i in range(16))
        watch.take()
    took_ns = clock.process_cpu_ns() - before
    open_calls = watch.current(100_000)
    assert 20_000 <= len(open_calls) <= 20_000 + 20_000 // SLACK
    assert watch.given_up == 100_000 - len(open_calls)
    assert open_calls[-1].age_seconds == 1e-9
    assert took_ns < 10 * SECOND


def test_a_flood_at_once_is_bounded_in_one_step() -> None:
    """The same when all 100,000 are taken together: looked through once, not once per call."""
    intake, watch = watching(max_open=20_000)
    intake.started.extend(running(start_ns=number) for number in range(100_000))
    before = clock.process_cpu_ns()
    watch.take()
    assert clock.process_cpu_ns() - before < 2 * SECOND
    assert watch.given_up == 80_000
    assert len(watch.current(0)) == 20_000


def test_ended_calls_make_room_before_running_ones_are_given_up() -> None:
    """A call that runs is only given up when there is no ended one to let go."""
    intake, watch = watching(max_open=16)
    hung = running("hung")
    intake.started.append(hung)
    for number in range(200):
        call = running("short", start_ns=number)
        intake.started.append(call)
        watch.take()
        end(call, number + 1)
    assert [call.tool for call in watch.current(300)] == ["hung"]
    assert watch.given_up == 0
