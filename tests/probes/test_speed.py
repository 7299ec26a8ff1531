"""Fast, moderate, slow: log lines, events, attributes, thresholds by operation."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import otel_perf
from otel_perf.core.intake import intake
from otel_perf.probes import speed
from otel_perf.probes.interactions import command
from otel_perf.probes.operation import measure
from otel_perf.probes.speed import SpeedThresholds, set_speed_thresholds, speed_log
from otel_perf.testing.capture import Capture


class Hands:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns

    def move(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += round(seconds * 1e9)


@pytest.fixture
def hands(otel_perf_capture: Capture, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hands]:
    """The package's clock, moved by hand; thresholds and log begin anew."""
    hands = Hands()
    intake.now_ns = hands  # the capture puts the real one back at its end
    monkeypatch.setattr(speed, "_default", [SpeedThresholds()])
    monkeypatch.setattr(speed, "_by_operation", {})
    speed_log.forget()
    yield hands
    speed_log.forget()


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    """What was logged about operations."""
    return [(record.levelno, record.getMessage()) for record in caplog.records if " operation: " in record.getMessage()]


def events_of(capture: Capture, name: str) -> list[Any]:
    """The attributes of the ``slow_operation`` events of all spans of a name."""
    spans = [span for span in capture.spans if span.name == name]
    return [event.attributes for span in spans for event in span.events if event.name == "slow_operation"]


@pytest.mark.feature("S4-10", "S4-11")
@pytest.mark.parametrize(
    ("seconds", "level", "category"),
    [
        (0.5, logging.DEBUG, "fast"),
        (1.0, logging.DEBUG, "fast"),
        (1.01, logging.INFO, "moderate"),
        (5.0, logging.INFO, "moderate"),
        (5.01, logging.WARNING, "slow"),
    ],
)
def test_the_level_and_the_category_follow_the_duration(
    otel_perf_capture: Capture,
    hands: Hands,
    caplog: pytest.LogCaptureFixture,
    seconds: float,
    level: int,
    category: str,
) -> None:
    """Up to 1 s DEBUG and fast, up to 5 s INFO and moderate, above WARNING and slow."""
    with caplog.at_level(logging.DEBUG, "otel_perf"), measure("turn") as run:
        hands.move(seconds)

    assert lines(caplog) == [(level, f"otel_perf: {category} operation: turn took {seconds:.2f} s")]
    assert (otel_perf_capture.span("turn").attributes or {})["otel_perf.speed"] == category
    assert run.result is not None
    assert (run.result.speed, run.result.duration_seconds) == (category, seconds)
    assert len(events_of(otel_perf_capture, "turn")) == (category == "slow")


@pytest.mark.feature("S4-14")
def test_one_warning_a_minute_per_operation_and_the_rest_is_counted(
    otel_perf_capture: Capture, hands: Hands, caplog: pytest.LogCaptureFixture
) -> None:
    """Each operation has its minute; the next line tells how many were left out, a metric counts them all."""
    with caplog.at_level(logging.WARNING, "otel_perf"):
        for _ in range(9):  # ends at 6, 12, … 54 s, each a slow one
            with measure("turn"):
                hands.move(6)
        with command("build"):
            hands.move(6)
        hands.move(6)
        with measure("turn"):
            hands.move(6)

    assert [text for _, text in lines(caplog)] == [
        "otel_perf: slow operation: turn took 6.00 s",
        "otel_perf: slow operation: command build took 6.00 s",
        "otel_perf: slow operation: turn took 6.00 s (8 more were slow since the last such line)",
    ]
    counted = {
        tuple(point.attributes.values()): point.value
        for point in otel_perf_capture.metrics()["otel_perf.operation.slow"]
    }
    assert counted == {("turn", "true"): 2, ("turn", "false"): 8, ("command build", "true"): 1}
    assert len(events_of(otel_perf_capture, "turn")) == 10


@pytest.mark.feature("S4-09", "S4-12")
def test_thresholds_are_set_for_one_operation_or_for_all(otel_perf_capture: Capture, hands: Hands) -> None:
    """2 s for a critical operation, set by name, on the object, or for everything else."""
    set_speed_thresholds("critical", slow_seconds=2.0)
    set_speed_thresholds(moderate_seconds=10, slow_seconds=20)

    def category(name: str, seconds: float, thresholds: SpeedThresholds | None = None) -> str:
        with measure(name, memory=False, thresholds=thresholds) as run:
            hands.move(seconds)
        assert run.result is not None
        return run.result.speed

    assert category("critical", 2.0) == "moderate"
    assert category("critical", 2.01) == "slow"
    assert category("other", 6.0) == "fast"
    assert category("other", 21.0) == "slow"
    assert category("critical", 0.6, SpeedThresholds(moderate_seconds=0.1, slow_seconds=0.5)) == "slow"


@pytest.mark.feature("S4-12", "S4-13")
def test_the_event_tells_operation_duration_memory_and_thread(otel_perf_capture: Capture, hands: Hands) -> None:
    """The fields of the event, without a stack as long as nobody asks for it."""
    with otel_perf.tool_call("around"), measure("turn"):
        hands.move(7.25)

    (event,) = events_of(otel_perf_capture, "turn")
    assert event["otel_perf.operation.name"] == "turn"
    assert event["otel_perf.operation.duration"] == 7.25
    assert event["otel_perf.speed"] == "slow"
    assert event["otel_perf.memory.rss"] > 1_000_000
    assert event["thread.name"] == "MainThread"
    assert isinstance(event["thread.id"], int)
    assert "code.stacktrace" not in event


@pytest.mark.feature("S4-12", "S4-13")
def test_debug_mode_tells_of_moderate_operations_too_with_their_stack(otel_perf_capture: Capture, hands: Hands) -> None:
    """The stack names the application's function, and no frame of ours."""
    set_speed_thresholds(debug=True)

    def my_function() -> None:
        with measure("turn"):
            hands.move(1.5)

    my_function()

    (event,) = events_of(otel_perf_capture, "turn")
    assert event["otel_perf.speed"] == "moderate"
    assert "my_function" in event["code.stacktrace"]
    assert event["code.stacktrace"].rstrip().endswith('with measure("turn"):')


def test_names_without_end_share_a_minute(hands: Hands, caplog: pytest.LogCaptureFixture) -> None:
    """The table of operations is bounded."""
    with caplog.at_level(logging.CRITICAL):
        told = [speed_log.tell(f"operation {number}", 6, "slow", hands()) for number in range(2100)]
    assert sum(told) == 2001


@pytest.mark.parametrize(("moderate", "slow"), [(-1, 5), (6, 5), (float("nan"), 5), (1, float("inf"))])
def test_thresholds_that_make_no_sense_are_refused(moderate: float, slow: float) -> None:
    """Said when they are set, not when something is slow."""
    with pytest.raises(ValueError, match="moderate_seconds"):
        SpeedThresholds(moderate_seconds=moderate, slow_seconds=slow)
