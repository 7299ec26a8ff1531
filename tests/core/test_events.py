"""Events: taken in, bounded, counted."""

import threading

import pytest

from otel_perf.core.events import Event, emit
from otel_perf.core.intake import Intake, intake
from otel_perf.core.kpi_signals import EVALUATION_RESULT
from otel_perf.pipeline.event_flow import EventFlow
from otel_perf.testing.capture import Capture


class Reader:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_events(self, events: list[Event]) -> None:
        self.events += events


def opened(most: int = 4096) -> tuple[Intake, EventFlow, Reader]:
    """A flow that lets events in."""
    queues, reader = Intake(), Reader()
    queues.accepting = True
    flow = EventFlow(queues, most)
    flow.readers = (reader,)  # type: ignore[assignment]
    flow.open()
    return queues, flow, reader


def test_events_reach_every_reader_in_order(otel_perf_capture: Capture) -> None:
    """As they were handed in, with the time of the pipeline's clock."""
    for number in range(50):
        emit(Event(EVALUATION_RESULT, {"number": number}))
    assert [event.attributes["number"] for event in otel_perf_capture.events] == list(range(50))
    times = [event.time_ns for event in otel_perf_capture.events]
    assert times == sorted(times)
    assert otel_perf_capture.events[0].name == "gen_ai.evaluation.result"
    assert "gen_ai.evaluation.result" in repr(otel_perf_capture.events[0])


def test_before_instrument_events_are_counted_only() -> None:
    """Nothing is kept that nobody will take."""
    before = intake.disabled_events
    emit(Event(EVALUATION_RESULT))
    assert intake.disabled_events == before + 1
    assert not intake.events


def test_too_many_are_dropped_and_counted() -> None:
    """Above the bound the newest are given up, each told to whoever keeps the accounts; the rest arrive."""
    queues, flow, reader = opened(most=10)
    lost: list[Event] = []
    flow.on_overflow = lost.append
    for number in range(25):
        queues.take_event(Event(EVALUATION_RESULT, {"number": number}))
    assert len(lost) == 15
    while flow.handle():
        pass
    assert [event.attributes["number"] for event in reader.events] == list(range(10))
    balance = flow.balance()
    assert (balance.events, balance.recorded, balance.dropped, balance.disabled) == (25, 10, 15, 0)
    assert balance.balanced


def test_what_waits_counts_as_recorded() -> None:
    """The account is exact at any moment."""
    queues, flow, _ = opened()
    queues.take_event(Event(EVALUATION_RESULT))
    assert (flow.balance().recorded, flow.balance().balanced) == (1, True)


@pytest.mark.parametrize("threads", [1, 8])
def test_the_first_event_prepares_once(threads: int) -> None:
    """Whoever comes first, and never again; a preparation that fails costs no event."""
    queues, flow, _ = opened()
    calls: list[int] = []
    ready = threading.Barrier(threads)

    def prepare() -> None:
        calls.append(1)
        raise RuntimeError("no thread can be started")

    def work() -> None:
        ready.wait()
        for _ in range(50):
            queues.take_event(Event(EVALUATION_RESULT))

    flow.prepare = prepare
    started = [threading.Thread(target=work) for _ in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    assert calls == [1]
    assert flow.balance().recorded == 50 * threads


def test_a_reader_that_raises_does_not_cost_the_others_anything() -> None:
    """Each reader is guarded on its own."""
    queues, flow, reader = opened()

    class Raising:
        def on_events(self, events: object) -> None:
            raise ValueError("a reader's own")

    flow.readers = (Raising(), reader)  # type: ignore[assignment]
    queues.take_event(Event(EVALUATION_RESULT))
    assert flow.handle() == 1
    assert len(reader.events) == 1
