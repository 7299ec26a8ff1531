"""The application's observable callbacks behind a runner of ours."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest
from opentelemetry.metrics import CallbackOptions, Observation

from otel_perf.meters.callbacks import THREAD_LIMIT, THREAD_NAME, CallbackRunner

OPTIONS = CallbackOptions()


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """Lets every hanging callback of the test return at its end."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def runner() -> Iterator[CallbackRunner]:
    """A runner whose threads end with the test."""
    runner = CallbackRunner()
    yield runner
    runner.rest()


def threads_of_the_runner() -> int:
    """Threads that run callbacks now."""
    return sum(thread.name == THREAD_NAME for thread in threading.enumerate())


def values_of(callback: object) -> list[float]:
    """What a collection would read."""
    return [observation.value for observation in callback(OPTIONS)]  # type: ignore[operator]


def test_a_refresh_brings_the_values_of_all_callbacks(runner: CallbackRunner) -> None:
    """Functions and generators, as OpenTelemetry allows both."""

    def generated() -> Iterator[list[Observation]]:
        yield []
        for number in range(10):
            yield [Observation(number)]

    plain = runner.add("plain", lambda options: [Observation(1), Observation(2, {"a": "b"})])
    generator = runner.add("generator", generated())
    runner.refresh()
    assert values_of(plain) == [1, 2]
    assert values_of(generator) == [0]
    runner.refresh()
    assert values_of(generator) == [1]
    assert runner.stale_seconds() == {}


def test_a_hanging_callback_holds_up_nobody(
    runner: CallbackRunner, released: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    """The others are fresh at every refresh, its last value stays, one thread is stuck however often it is asked."""
    count = iter(range(100))
    hang = threading.Event()

    def hanging(options: CallbackOptions) -> list[Observation]:
        if hang.is_set():
            released.wait(60)
        return [Observation(42)]

    first = runner.add("hanging", hanging)
    second = runner.add("counting", lambda options: [Observation(next(count))])
    runner.refresh()
    hang.set()
    for expected in range(1, 6):
        begun = time.monotonic()
        runner.refresh()
        assert time.monotonic() - begun < 0.6
        assert values_of(first) == [42]
        assert values_of(second) == [expected]
        assert threads_of_the_runner() <= 2
    assert list(runner.stale_seconds()) == ["hanging"]
    assert runner.stale_seconds()["hanging"] > 0
    assert [r.levelno for r in caplog.records if "'hanging'" in r.getMessage()] == [logging.WARNING]


def test_a_callback_that_comes_back_is_fresh_again(runner: CallbackRunner) -> None:
    """Once a slow callback has returned, its new value is read and it is stale no more."""
    go = threading.Event()
    numbers = iter(range(100))

    def slow(options: CallbackOptions) -> list[Observation]:
        go.wait(60)
        return [Observation(next(numbers))]

    cached = runner.add("slow", slow)
    runner.refresh(0.2)
    assert values_of(cached) == []
    assert runner.stale_seconds()
    go.set()
    while runner.stale_seconds():
        runner.refresh()
    runner.refresh()
    assert values_of(cached)
    assert runner.stale_seconds() == {}


def test_a_callback_that_raises_keeps_its_last_value(runner: CallbackRunner) -> None:
    """Also for exceptions that end a thread: the next refresh has a new one."""
    answers = iter(([Observation(1)], ValueError("no"), SystemExit(), [Observation(2)]))

    def failing(options: CallbackOptions) -> list[Observation]:
        answer = next(answers)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    cached = runner.add("failing", failing)
    seen = []
    for _ in range(4):
        runner.refresh()
        seen.append(values_of(cached))
    assert seen == [[1], [1], [1], [2]]


def test_many_hanging_callbacks_take_a_bounded_number_of_threads(
    runner: CallbackRunner, released: threading.Event
) -> None:
    """Twenty callbacks that hang for good: eight threads at most, and refreshes still end."""
    for number in range(20):
        runner.add(f"hanging {number}", lambda options: released.wait(60) and [])
    for _ in range(5):
        begun = time.monotonic()
        runner.refresh()
        assert time.monotonic() - begun < 0.8
    assert threads_of_the_runner() <= THREAD_LIMIT


def test_a_callback_behind_several_hanging_ones_is_run_in_the_end(
    runner: CallbackRunner, released: threading.Event
) -> None:
    """Each hanging callback costs the others a tenth of a second once, over as many refreshes as that takes."""
    for number in range(6):
        runner.add(f"hanging {number}", lambda options: released.wait(60) and [])
    fine = runner.add("fine", lambda options: [Observation(1)])
    for _ in range(4):
        runner.refresh()
    assert values_of(fine) == [1]


def test_a_reader_of_the_application_gets_fresh_values_too(runner: CallbackRunner) -> None:
    """A collection that we did not begin has the callbacks run, and waits a moment for them."""
    cached = runner.add("any", lambda options: [Observation(7)])
    assert values_of(cached) == [7]


def test_rest_ends_the_threads_and_a_later_refresh_starts_again(runner: CallbackRunner) -> None:
    """No thread is left between two lives."""
    numbers = iter(range(10))
    cached = runner.add("any", lambda options: [Observation(next(numbers))])
    runner.refresh()
    runner.rest()
    assert threads_of_the_runner() == 0
    runner.refresh()
    assert values_of(cached) == [1]


def test_without_callbacks_there_is_no_thread(runner: CallbackRunner) -> None:
    """A refresh costs nothing when the application observes nothing."""
    runner.refresh()
    assert threads_of_the_runner() == 0
