"""A wall clock that jumps while calls run."""

import time

import pytest

import otel_perf
from otel_perf.core.clock import system_clock
from tests.sinks.http_sink import http_sink

HOUR = 3600


@pytest.mark.parametrize("jump_seconds", [-HOUR, 24 * HOUR, 0.5])
def test_t17_durations_are_monotonic(jump_seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-17: an hour back, a day ahead, half a second: the length on the wire is a stopwatch's within 1 %."""
    wall_ns = time.time_ns
    jumped = [0]
    monkeypatch.setattr(system_clock, "_wall_ns", lambda: wall_ns() + jumped[0])
    with http_sink() as sink, otel_perf.instrument(endpoint=sink.url) as handle:
        before = time.perf_counter_ns()
        with otel_perf.tool_call("jumping"):
            started = time.perf_counter_ns()
            # The worker measures the offset again meanwhile.
            time.sleep(0.1)
            jumped[0] = int(jump_seconds * 1e9)
            time.sleep(0.1)
            ended = time.perf_counter_ns()
        after = time.perf_counter_ns()
        assert handle.flush(5)
        (span,) = sink.traces[0].resource_spans[0].scope_spans[0].spans
    system_clock.calibrate()

    length = span.end_time_unix_nano - span.start_time_unix_nano
    assert 0.99 * (ended - started) <= length <= 1.01 * (after - before), f"{length / 1e6:.1f} ms"
