"""What the application attaches to us may raise or hang: calls, other destinations and the end go on (T-54)."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import quantiles
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

import otel_perf
from otel_perf.core.guard import guard
from tests.sinks.http_sink import free_port, http_sink

CALLS = 3000


@otel_perf.tool
def leaf() -> None:
    """The tool under test."""


class Attached(SpanExporter):
    """An exporter that does what it is told for every batch."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._act()
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Nothing to do."""


@pytest.fixture
def hang() -> Iterator[Callable[..., Any]]:
    """A callable that does not come back before the test is over."""
    over = threading.Event()
    yield lambda *arguments: over.wait(60)
    over.set()


def fail(*arguments: object) -> None:
    """A callable that is broken."""
    raise LookupError("broken")


def percentile_99_us() -> float:
    """Of the time that a call takes here, in microseconds."""
    times = []
    for _ in range(CALLS):
        began = time.perf_counter_ns()
        leaf()
        times.append(time.perf_counter_ns() - began)
    return quantiles(times, n=100)[98] / 1000


@pytest.mark.serial
def test_t54_what_hangs_beside_a_call_does_not_slow_it(hang: Callable[..., Any]) -> None:
    """T-54: an exporter and a callback that hang, a backend that is away: 99 % of calls at most 0.1 ms slower."""
    with http_sink() as sink, otel_perf.instrument(endpoint=sink.url, set_global=False) as handle:
        percentile_99_us()  # warm
        alone = min(percentile_99_us() for _ in range(3))
        assert handle.flush(20)
    parts: dict[str, Any] = {
        "endpoint": f"http://127.0.0.1:{free_port()}",
        "exporters": [Attached(hang)],
        "on_export_error": hang,
    }
    with otel_perf.instrument(set_global=False, shutdown_timeout_seconds=0.5, spool=False, **parts) as handle:
        percentile_99_us()
        beside = min(percentile_99_us() for _ in range(3))
        assert handle.status().balanced
    assert beside <= alone + 100


@pytest.mark.parametrize("broken", ["hangs", "raises"])
def test_t54_the_other_destinations_get_everything(broken: str, hang: Callable[..., Any]) -> None:
    """T-54: beside an exporter that hangs or raises, and such a callback, a healthy backend gets every span."""
    act = hang if broken == "hangs" else fail
    before = guard.total()
    settings: dict[str, Any] = {"set_global": False, "shutdown_timeout_seconds": 2.0}
    with (
        http_sink() as sink,
        otel_perf.instrument(endpoint=sink.url, exporters=[Attached(act)], on_export_error=act, **settings) as handle,
    ):
        for _ in range(100):
            leaf()
        assert sink.wait_until(lambda: sink.spans == 100)
        began = time.monotonic()
        assert handle.shutdown() is (broken == "raises")  # what a broken one refused is settled
        assert time.monotonic() - began <= 2.5
        status = handle.status()
        assert status.balanced
        (healthy,) = (each for each in status.destinations if each.signal == "traces" and each.exported)
        assert healthy.exported == 100
    if broken == "raises":
        assert guard.total() > before
