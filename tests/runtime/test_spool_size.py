"""What waits on disk, as people see it: its size as a metric, and what an earlier process has left."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import otel_perf
from otel_perf.core.ledger import DestinationBalance
from otel_perf.reports.facts import fact_lines
from otel_perf.runtime.handle import Handle
from tests.reports.runs import full_run
from tests.sinks.http_sink import free_port, http_sink


def sizes(handle: Handle) -> dict[str, float]:
    """The metric by signal."""
    engine = handle.engine
    assert engine is not None
    metrics = [
        metric
        for resource in engine.metrics_out.collect().resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == "otel_perf.self.spool.bytes"
    ]
    return {
        str(point.attributes["otel_perf.signal"]): point.value for each in metrics for point in each.data.data_points
    }


def spans_of(handle: Handle) -> DestinationBalance:
    """The account of spans."""
    return next(entry for entry in handle.status().destinations if entry.signal == "traces")


def wait_until(condition: Callable[[], bool]) -> None:
    """At most ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_the_size_of_the_spool_is_a_metric(tmp_path: Path) -> None:
    """Nothing in health, whole blocks of the disk in an outage, nothing again when all was delivered."""
    port = free_port()
    with otel_perf.instrument(
        endpoint=f"http://127.0.0.1:{port}", home=tmp_path, export_interval_seconds=0.05
    ) as handle:
        assert sizes(handle)["traces"] == 0
        with otel_perf.tool_call("waits"):
            pass
        wait_until(lambda: spans_of(handle).spooled == 1)
        (segment,) = tmp_path.glob("spool/*/*/*.segment")
        assert segment.stat().st_size <= sizes(handle)["traces"] < segment.stat().st_size + 4096
        with http_sink(port):
            assert handle.flush(10)
            assert sizes(handle)["traces"] == 0


def test_without_a_spool_there_is_no_size(tmp_path: Path) -> None:
    """A number that is not measured is absent."""
    with otel_perf.instrument(endpoint=f"http://127.0.0.1:{free_port()}", home=tmp_path, spool=False) as handle:
        assert sizes(handle) == {}
        handle.shutdown(0)


def line(balance: DestinationBalance) -> str:
    """What a summary says of a destination."""
    return next(fact.text for fact in fact_lines(replace(full_run(), destinations=(balance,))) if fact.label == "Sent")


def test_what_an_earlier_process_left_is_told() -> None:
    """The line of a destination says how many of its items are not of this process."""
    left = DestinationBalance("localhost:4318", "traces", 2100, 2100, 0, 0, 0, 0, 0, adopted=2000)
    own = DestinationBalance("localhost:4318", "traces", 100, 100, 0, 0, 0, 0, 0)
    assert line(left) == "localhost:4318: 2,100 spans (2,000 left by an earlier process) = 2,100 exported"
    assert line(own) == "localhost:4318: 100 spans = 100 exported"
