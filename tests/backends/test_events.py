"""A real collector receives a late score with the ids of its trace, by both protocols."""

import time
from typing import Any

import pytest

import otel_perf
from tests.backends.collector import RunningCollector
from tests.backends.exported import spans


def log_records(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The log records of all requests."""
    return [
        record
        for request in requests
        for resource in request.get("resourceLogs", ())
        for scope in resource["scopeLogs"]
        for record in scope["logRecords"]
    ]


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_score_arrives_with_its_trace_id(running_collector: RunningCollector, protocol: Any) -> None:
    """The span was delivered long before; the event names its trace and span."""
    collector = running_collector
    endpoint = collector.grpc_endpoint if protocol == "grpc" else collector.http_endpoint
    with otel_perf.instrument(endpoint=endpoint, protocol=protocol) as handle:
        with otel_perf.tool_call("answer") as call:
            pass
        assert handle.flush(20)
        otel_perf.record_score("relevance", 0.75, label="pass", trace=call)
        assert handle.flush(20)
        assert handle.status().balanced
    deadline = time.monotonic() + 20
    while not (found := log_records(collector.requests())) and time.monotonic() < deadline:
        time.sleep(0.02)
    (span,) = spans(collector.requests())
    (record,) = found
    assert (record["traceId"], record["spanId"]) == (span["traceId"], span["spanId"])
    assert record["eventName"] == "gen_ai.evaluation.result"
    assert record["severityText"] == "INFO"
    attributes = {each["key"]: each["value"] for each in record["attributes"]}
    assert attributes["gen_ai.evaluation.score.value"] == {"doubleValue": 0.75}
    assert attributes["gen_ai.evaluation.score.label"] == {"stringValue": "pass"}
