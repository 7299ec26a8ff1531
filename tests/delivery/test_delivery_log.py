"""What is said of a destination in trouble: few lines, with the right numbers."""

import logging

import pytest

from otel_perf.delivery.delivery_log import DeliveryLog


class FakeTime:
    """A clock that is set."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> int:
        return int(self.seconds * 1e9)


@pytest.fixture
def time() -> FakeTime:
    """The clock of the log."""
    return FakeTime()


@pytest.fixture
def log(time: FakeTime, caplog: pytest.LogCaptureFixture) -> DeliveryLog:
    """A log on that clock."""
    caplog.set_level(logging.DEBUG, "otel_perf")
    return DeliveryLog("backend (traces)", now_ns=time)


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines so far, without their common beginning; they are forgotten."""
    lines = [record.getMessage().removeprefix("otel_perf: backend (traces): ") for record in caplog.records]
    caplog.clear()
    return lines


def test_one_failure_is_no_outage(log: DeliveryLog, caplog: pytest.LogCaptureFixture) -> None:
    """A single failed attempt is not worth a line."""
    log.fail("HTTP 503", 10)
    log.succeed(relieved=True)
    assert said(caplog) == []


def test_an_outage_without_loss_has_two_lines(log: DeliveryLog, caplog: pytest.LogCaptureFixture) -> None:
    """However many attempts it has."""
    for _ in range(50):
        log.fail("connection refused", 10)
    assert said(caplog) == ["delivery interrupted (connection refused); 10 items wait, nothing is lost yet"]
    log.succeed(relieved=True)
    log.succeed(relieved=True)
    assert said(caplog) == ["recovered (0 lost)"]


def test_an_outage_with_loss_has_three(log: DeliveryLog, caplog: pytest.LogCaptureFixture) -> None:
    """Interrupted, loss started, recovered with the sum; the next one starts from zero."""
    log.fail("refused", 10)
    log.fail("refused", 10)
    log.lose(5, "queue_full")
    log.fail("refused", 10)
    log.lose(7, "byte_budget")
    log.fail("refused", 10)
    log.succeed(relieved=False)
    log.succeed(relieved=True)
    assert said(caplog) == [
        "delivery interrupted (refused); 10 items wait, nothing is lost yet",
        "loss started (queue_full 5)",
        "recovered (12 lost: byte_budget 7, queue_full 5)",
    ]


def test_a_flapping_destination_is_announced_once_a_minute(
    log: DeliveryLog, time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    """What is lost meanwhile is in the next line, not forgotten."""
    for _ in range(59):
        log.lose(1, "http_5xx")
        log.succeed(relieved=True)
        time.seconds += 1
    assert said(caplog) == ["loss started (http_5xx 1)", "recovered (1 lost: http_5xx 1)"]
    time.seconds += 2
    log.lose(1, "http_5xx")
    log.succeed(relieved=True)
    assert said(caplog) == ["loss started (http_5xx 59)", "recovered (59 lost: http_5xx 59)"]


def test_a_hint_is_repeated_after_five_minutes(
    log: DeliveryLog, time: FakeTime, caplog: pytest.LogCaptureFixture
) -> None:
    """Each kind on its own; the server's words do not make a new kind."""
    for number in range(100):
        log.hint(f"HTTP 401: request {number}", "check the headers")
        log.hint("HTTP 404", "check the endpoint")
    assert said(caplog) == ["HTTP 401: request 0; check the headers", "HTTP 404; check the endpoint"]
    time.seconds += 299
    log.hint("HTTP 401", "check the headers")
    assert said(caplog) == []
    time.seconds += 1
    log.hint("HTTP 401", "check the headers")
    assert said(caplog) == ["HTTP 401; check the headers"]


def test_the_end_names_what_is_open(log: DeliveryLog, caplog: pytest.LogCaptureFixture) -> None:
    """Losses that no recovery has told of, and requests without an answer; nothing when all is well."""
    log.end(0)
    assert said(caplog) == []
    log.lose(3, "shutdown_timeout")
    log.end(512)
    assert said(caplog) == ["ended with 3 lost (shutdown_timeout 3), 512 without an answer"]
    log.end(0)
    assert said(caplog) == []
