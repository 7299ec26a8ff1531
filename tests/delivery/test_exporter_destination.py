"""A user's own exporter: whatever it does, its thread lives, and every span is on its account."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otel_perf.delivery.exporter_destination import ExporterDestination
from otel_perf.delivery.queues import QueueLimits
from otel_perf.delivery.sender_hooks import SenderSettings
from tests.delivery.sending import balanced, quick, settled, within


class Recorder(SpanExporter):
    """Does what ``then`` says, one entry per call, and takes everything afterwards."""

    def __init__(self, *then: Callable[[], SpanExportResult]) -> None:
        self.then = list(then)
        self.calls: list[list[str]] = []
        self.names: list[str] = []
        self.threads: set[int] = set()
        self.shutdowns = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.calls.append([span.name for span in spans])
        self.threads.add(threading.get_ident())
        result = self.then.pop(0)() if self.then else SpanExportResult.SUCCESS
        if result is SpanExportResult.SUCCESS:
            self.names += self.calls[-1]
        return result

    def shutdown(self) -> None:
        self.shutdowns += 1
        self.threads.add(threading.get_ident())


def failing() -> SpanExportResult:
    """The exporter gave up."""
    return SpanExportResult.FAILURE


def raising(kind: type[BaseException]) -> Callable[[], SpanExportResult]:
    """The exporter breaks."""

    def raise_() -> SpanExportResult:
        raise kind("from the exporter")

    return raise_


def readable(count: int) -> list[ReadableSpan]:
    """Finished SDK spans."""
    return [ReadableSpan(name=f"span {number}") for number in range(count)]


@contextmanager
def exporting(exporter: SpanExporter, settings: SenderSettings | None = None) -> Iterator[ExporterDestination]:
    """A destination that is shut down at the end of the block."""
    destination = ExporterDestination("mine", exporter, settings or quick())
    try:
        yield destination
    finally:
        destination.shutdown(within(5))


@pytest.mark.parametrize("kind", [RuntimeError, MemoryError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_t14_an_exporter_that_raises_kills_nothing(kind: type[BaseException]) -> None:
    """T-14: it raises on the first of three batches: the thread lives, the batch is given again, 30 of 30 arrive."""
    exporter = Recorder(raising(kind))
    with exporting(exporter, quick(limits=QueueLimits(batch_items=10))) as destination:
        for _ in range(3):
            destination.offer(readable(10))
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 30}
    assert len(exporter.names) == 30
    assert len(exporter.threads) == 1


@pytest.mark.parametrize("kind", [RuntimeError, SystemExit])
def test_t14_an_exporter_that_always_raises_is_counted(kind: type[BaseException]) -> None:
    """T-14: each batch is given to it twice, then rejected; the next one is tried all the same."""
    exporter = Recorder(*[raising(kind)] * 4)
    with exporting(exporter) as destination:
        destination.offer(readable(10))
        assert not destination.flush(within(10))
        destination.offer(readable(5))
        assert not destination.flush(within(10))
        destination.offer(readable(1))
        assert destination.flush(within(10))
        assert settled(destination.account) == {"exported": 1, "rejected exporter_error": 15}
    assert [len(call) for call in exporter.calls] == [10, 10, 5, 5, 1]


def test_a_result_of_failure_is_final() -> None:
    """FAILURE means that the exporter has given the batch up: counted, not repeated."""
    exporter = Recorder(failing)
    with exporting(exporter) as destination:
        destination.offer(readable(10))
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"rejected exporter_error": 10}
    assert len(exporter.calls) == 1


@pytest.mark.parametrize("answer", [None, True, "SUCCESS"])
def test_an_answer_that_is_no_result_is_not_taken_for_success(answer: Any) -> None:
    """Only SUCCESS is success."""
    exporter = Recorder(lambda: answer)
    with exporting(exporter) as destination:
        destination.offer(readable(2))
        assert not destination.flush(within(10))
        assert settled(destination.account) == {"rejected exporter_error": 2}


def test_the_exporter_is_shut_down_once_and_on_its_own_thread() -> None:
    """An exporter may rely on one thread, as it may with the SDK's batch processor."""
    exporter = Recorder()
    with exporting(exporter) as destination:
        destination.offer(readable(2))
        assert destination.shutdown(within(5))
        destination.shutdown(within(5))
    assert exporter.shutdowns == 1
    assert threading.get_ident() not in exporter.threads
    assert len(exporter.threads) == 1


def test_an_exporter_that_hangs_holds_nobody_up() -> None:
    """Flush and shutdown keep to their deadlines; what it was given is uncertain, what it was not is dropped."""
    release = threading.Event()

    def hang() -> SpanExportResult:
        release.wait(30)
        return SpanExportResult.SUCCESS

    exporter = Recorder(hang)
    destination = ExporterDestination("mine", exporter, quick(limits=QueueLimits(batch_items=10)))
    destination.offer(readable(30))
    try:
        assert not destination.flush(within(0.2))
        began = time.monotonic()
        assert not destination.shutdown(within(0.2))
        assert time.monotonic() - began < 1
        assert settled(destination.account) == {"uncertain": 10, "dropped shutdown_timeout": 20}
    finally:
        release.set()


def test_the_queue_of_an_exporter_is_bounded_by_count() -> None:
    """SDK spans have no size of their own; the oldest give way."""
    release = threading.Event()

    def wait() -> SpanExportResult:
        release.wait(30)
        return SpanExportResult.SUCCESS

    exporter = Recorder(wait)
    with exporting(exporter, quick(limits=QueueLimits(batch_items=10, queue_items=50))) as destination:
        destination.offer(readable(10))
        destination.flush(within(0.1))
        for _ in range(10):
            destination.offer(readable(10))
        balance = balanced(destination.account)
        assert (balance.in_flight, balance.queued, dict(balance.dropped)) == (10, 50, {"queue_full": 50})
        release.set()
        destination.flush(within(10))
        assert settled(destination.account) == {"exported": 60, "dropped queue_full": 50}
