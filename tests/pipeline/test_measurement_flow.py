"""Measurements from the application thread to the readers: order, validity, bounds, the account."""

import threading
from collections.abc import Sequence

import pytest

from otel_perf.core import clock, recording
from otel_perf.core.intake import Intake
from otel_perf.core.measurements import Measurement
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.pipeline.measurement_flow import ASSIST, MeasurementFlow

MADE = MetricSpec("test.made", "counter", "{thing}", "Things made.", synchronous=True)
STOCK = MetricSpec("test.stock", "updowncounter", "{thing}", "Things here.", synchronous=True)


class Kept:
    """A reader that keeps everything."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Keep the values."""
        self.values.extend(entry.value for entry in measurements)


@pytest.fixture
def intake(monkeypatch: pytest.MonkeyPatch) -> Intake:
    """An intake of its own, switched on."""
    made = Intake()
    made.accepting = True
    monkeypatch.setattr(recording, "intake", made)
    return made


def flow_of(intake: Intake, reader: Kept, max_waiting: int = 100) -> MeasurementFlow:
    """The flow out of the intake, open."""
    flow = MeasurementFlow(intake, max_waiting)
    flow.readers = [reader]
    flow.open(lambda: None, threading.RLock())
    return flow


def test_measurements_arrive_in_order(intake: Intake) -> None:
    """What was recorded first is read first, and the time is the monotonic clock's."""
    reader = Kept()
    flow = flow_of(intake, reader)
    before = clock.monotonic_ns()
    for value in range(40):
        recording.record(MADE, value)
    assert before <= intake.measurements[0].time_ns <= clock.monotonic_ns()
    assert flow.handle(30) == 30
    assert flow.handle(30) == 10
    assert reader.values == list(range(40))


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), float("-inf"), 10**400, "7", None, -1], ids=lambda value: repr(value)[:8]
)
def test_what_is_no_measurement_is_refused_and_counted(intake: Intake, value: object) -> None:
    """Neither raised to the caller nor folded: one invalid measurement."""
    reader = Kept()
    flow = flow_of(intake, reader)
    recording.record(MADE, value)  # type: ignore[arg-type]
    recording.record(MADE, 1)
    flow.handle()
    assert reader.values == [1]
    balance = flow.balance(0)
    assert (balance.recorded, balance.invalid, balance.balanced) == (1, 1, True)


def test_only_counters_refuse_to_fall(intake: Intake) -> None:
    """An up-down counter takes negative values."""
    reader = Kept()
    flow = flow_of(intake, reader)
    recording.record(STOCK, -3)
    flow.handle()
    assert reader.values == [-3]


def test_while_switched_off_measurements_are_only_counted(intake: Intake) -> None:
    """Nothing waits, nothing is lost unsaid."""
    flow = flow_of(intake, Kept())
    intake.accepting = False
    recording.record(MADE, 1)
    assert not intake.measurements
    assert (flow.balance(0).disabled, flow.balance(0).measurements) == (1, 1)


def test_a_full_queue_is_helped_along_by_whoever_fills_it(intake: Intake) -> None:
    """The thread that finds it full hands on a few, so nothing is lost and the queue stays at its bound."""
    reader = Kept()
    flow = flow_of(intake, reader, max_waiting=50)
    for value in range(500):
        recording.record(MADE, value)
        assert len(intake.measurements) <= 50 + ASSIST
    waiting = len(intake.measurements)
    assert len(reader.values) + waiting == 500
    assert flow.balance(waiting).dropped == 0


def test_a_full_queue_that_nobody_can_help_drops_the_newest_and_counts_it(intake: Intake) -> None:
    """While another thread holds the lock the caller waits half a millisecond at most."""
    reader = Kept()
    flow = MeasurementFlow(intake, 50)
    flow.readers = [reader]
    lock = threading.RLock()
    flow.open(lambda: None, lock)
    taken, give_back = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            give_back.wait(10)

    thread = threading.Thread(target=hold)
    thread.start()
    assert taken.wait(10)
    for value in range(60):
        recording.record(MADE, value)
    give_back.set()
    thread.join()
    assert len(intake.measurements) == 50
    balance = flow.balance(50)
    assert (balance.dropped, balance.measurements, balance.balanced) == (10, 60, True)
    flow.handle(100)
    assert reader.values == list(range(50))


def test_eight_threads_lose_nothing(intake: Intake) -> None:
    """Every measurement of every thread is recorded once, whoever handles it."""
    reader = Kept()
    flow = flow_of(intake, reader, max_waiting=100_000)
    threads = [threading.Thread(target=lambda: [recording.record(MADE, 1) for _ in range(1_000)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        flow.handle()
    for thread in threads:
        thread.join()
    while flow.handle():
        pass
    assert len(reader.values) == 8_000
    assert flow.balance(0).recorded == 8_000
