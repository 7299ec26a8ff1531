"""The worker under internal errors: restarted, counted, and nothing of what was recorded is lost."""

import threading
import time
from collections.abc import Callable

import pytest

import otel_perf
from otel_perf.runtime.engine import Engine
from tests.sinks.http_sink import http_sink


@pytest.mark.parametrize("error", [RuntimeError, MemoryError, SystemExit, KeyboardInterrupt, GeneratorExit])
def test_t14_an_internal_error_costs_no_span(
    error: type[BaseException], monkeypatch: pytest.MonkeyPatch, record_figure: Callable[..., None]
) -> None:
    """T-14: guarded, or ending the worker's loop, which runs again within a second: 30 of 30 spans arrive."""
    with http_sink() as sink, otel_perf.instrument(endpoint=sink.url, export_interval_seconds=0.05) as handle:
        engine = handle.engine
        assert isinstance(engine, Engine)
        struck = threading.Event()
        take = engine.open_calls.take

        def fail() -> list[object]:
            if not struck.is_set() and threading.current_thread().name == "otel_perf-worker":
                struck.set()
                raise error("injected")
            return take()

        monkeypatch.setattr(engine.open_calls, "take", fail)
        for _ in range(15):
            with otel_perf.tool_call("before"):
                pass
        assert struck.wait(5)
        started = time.monotonic()
        for _ in range(15):
            with otel_perf.tool_call("after"):
                pass
        assert sink.wait_until(lambda: sink.spans == 30, 5), f"{sink.spans} of 30"
        seconds = time.monotonic() - started
        status = handle.status()

    record_figure("T-14", error=error.__name__, restarted_seconds=round(seconds, 3))
    assert seconds <= 1, f"{seconds:.2f} s"
    guarded = issubclass(error, Exception)
    assert status.worker_restarts == (0 if guarded else 1)
    assert status.internal_errors["open calls" if guarded else "worker"] >= 1
    assert status.balanced


def test_a_call_is_never_seen_without_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever looks at running calls between any two steps of a call's beginning finds when it began."""
    from otel_perf.core.intake import intake

    seen: list[int] = []
    now_ns = intake.now_ns

    def look() -> int:
        seen.extend(call.start_ns for call in list(intake.started))
        return now_ns()

    @otel_perf.tool
    def leaf() -> None:
        seen.extend(call.start_ns for call in list(intake.started))

    with http_sink() as sink, otel_perf.instrument(endpoint=sink.url):
        monkeypatch.setattr(intake, "now_ns", look)
        for _ in range(20):
            leaf()
    assert seen
