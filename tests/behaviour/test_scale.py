"""Depth, width and calls that never end: memory stays bounded, and the account exact (T-52)."""

import contextlib
import tracemalloc

import otel_perf
from otel_perf.core import clock
from otel_perf.core.intake import intake
from otel_perf.core.records import Tool
from otel_perf.pipeline.open_calls import MAX_OPEN, OpenCalls
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording

DEEP = 2_000
WIDE = 10_000
NEVER_ENDED = 100_000
BYTES_PER_OPEN_CALL = 1024


def test_two_thousand_calls_inside_each_other(otel_perf_capture: Capture) -> None:
    """Each is the child of the one around it, in one trace, though the innermost identifier is asked for first."""
    with contextlib.ExitStack() as stack:
        spans = [stack.enter_context(otel_perf.tool_call("nested")) for _ in range(DEEP)]
        innermost = spans[-1].get_span_context()

    found = {span.context.span_id: span for span in otel_perf_capture.spans}
    span, depth = found[innermost.span_id], 1
    while span.parent is not None:
        span, depth = found[span.parent.span_id], depth + 1
    assert depth == DEEP == len(found)
    assert {span.context.trace_id for span in found.values()} == {innermost.trace_id}
    assert otel_perf_capture.balance.balanced


def test_ten_thousand_siblings(otel_perf_capture: Capture) -> None:
    """All are children of the one call around them, and are counted."""
    with otel_perf.tool_call("outer"):
        for _ in range(WIDE):
            with otel_perf.tool_call("inner"):
                pass

    outer = otel_perf_capture.span("execute_tool outer")
    parents = [span.parent.span_id for span in otel_perf_capture.spans if span.parent is not None]
    assert parents == [outer.context.span_id] * WIDE
    assert otel_perf_capture.balance.calls == WIDE + 1


def test_a_hundred_thousand_calls_that_never_end() -> None:
    """The watch over open calls is bounded; what is given up is counted; nothing of it is sent."""
    with recording() as capture:
        watch = OpenCalls(intake)
        lifecycle = intake.lifecycle
        never = Tool("never")
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(NEVER_ENDED):
            lifecycle.begin(never)
            if len(intake.started) >= WIDE:
                watch.take()
        watch.take()
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()

        assert len(watch.current(clock.monotonic_ns())) == MAX_OPEN
        assert watch.given_up == NEVER_ENDED - MAX_OPEN
        assert after - before < MAX_OPEN * BYTES_PER_OPEN_CALL
        assert capture.spans == []
        assert capture.balance.calls == 0
