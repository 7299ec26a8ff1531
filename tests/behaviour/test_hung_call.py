"""A call that hangs is seen while it hangs: in ``status()``, in the metric, and at the end of the process."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import otel_perf
from tests.behaviour.processes import REPOSITORY, run_python
from tests.sinks.http_sink import HttpSink, http_sink
from tests.sinks.received import Received

SEEN_WITHIN_SECONDS = 2.0


@contextmanager
def hanging(name: str) -> Iterator[None]:
    """A thread inside a call of a tool that does not come back before the end of the block."""
    begun, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        with otel_perf.agent("planner"), otel_perf.tool_call(name):
            begun.set()
            go_on.wait(60)

    thread = threading.Thread(target=hang)
    thread.start()
    try:
        assert begun.wait(10)
        yield
    finally:
        go_on.set()
        thread.join(10)


def points(sink: Received, metric_name: str) -> list[Any]:
    """All data points of one metric that have arrived."""
    return [
        point
        for request in list(sink.metrics)
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == metric_name
        for point in metric.gauge.data_points
    ]


def oldest(sink: HttpSink) -> float:
    """The age that the metric tells, in seconds; 0 before it has arrived."""
    return max((point.as_double for point in points(sink, "otel_perf.tool.oldest_call.age")), default=0.0)


def test_status_lists_it_with_its_age() -> None:
    """At once, with tool, agent and an age that grows; nothing is listed when it has come back."""
    with otel_perf.instrument() as handle:
        began = time.monotonic()
        with hanging("stuck"):
            (agent, first) = handle.status().open_calls
            looked = time.monotonic() - began
            assert looked < SEEN_WITHIN_SECONDS
            assert (agent.tool, first.tool, first.agent) == ("planner", "stuck", "planner")
            assert 0 <= first.age_seconds <= agent.age_seconds <= looked
            time.sleep(0.05)
            second = handle.status().open_calls[1]
            assert first.age_seconds + 0.05 <= second.age_seconds <= time.monotonic() - began
            assert [call.name for call in handle.summary().open_calls] == ["planner", "stuck"]
        assert handle.status().open_calls == ()


def test_the_metric_tells_its_age() -> None:
    """``otel_perf.tool.oldest_call.age`` arrives within two seconds of the call's start, and is right."""
    with http_sink() as sink, otel_perf.instrument(endpoint=sink.url, metric_interval_seconds=1) as handle:
        began = time.monotonic()
        with hanging("stuck"):
            assert sink.wait_until(lambda: oldest(sink) > 0, SEEN_WITHIN_SECONDS)
            assert oldest(sink) <= time.monotonic() - began
            (label,) = {
                attribute.value.string_value
                for point in points(sink, "otel_perf.tool.oldest_call.age")
                for attribute in point.attributes
            }
            assert label == "stuck"
        handle.flush(5)


def test_a_long_call_is_told_in_the_log(caplog: Any) -> None:
    """One line when it has been running longer than ``open_call_warning_seconds``, not one each second."""
    with caplog.at_level("WARNING", "otel_perf"), otel_perf.instrument(open_call_warning_seconds=0.1), hanging("stuck"):
        deadline = time.monotonic() + 10
        while not told(caplog) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(1.2)

        assert told(caplog) == 1


def told(caplog: Any) -> int:
    """Lines about the hanging tool."""
    return sum("'stuck' has been running" in record.getMessage() for record in caplog.records)


HANGS = """
import threading, otel_perf
begun = threading.Event()
@otel_perf.tool
def stuck():
    begun.set()
    threading.Event().wait(60)
threading.Thread(target=stuck, daemon=True).start()
begun.wait()
"""


def test_the_summary_at_exit_lists_it(tmp_path: Path) -> None:
    """``otel-perf run`` of a program that ends while a call hangs names the call at the end, with its age."""
    script, summary = tmp_path / "hangs.py", tmp_path / "summary.json"
    script.write_text(HANGS, encoding="utf-8")
    command = ["-m", "otel_perf", "run", "--json", str(summary), "--", sys.executable, str(script)]
    finished = run_python(*command, PYTHONPATH=str(REPOSITORY))

    assert finished.returncode == 0, finished.stderr
    (call,) = json.loads(summary.read_text(encoding="utf-8"))["open_calls"]
    assert call["name"] == "stuck"
    assert 0 < call["age_seconds"] < 60
    assert "stuck" in finished.stderr
