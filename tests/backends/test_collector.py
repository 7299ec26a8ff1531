"""The collector of the tests starts, takes both protocols, writes down what came, and is gone when it is stopped."""

from collections.abc import Callable
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter
from opentelemetry.util.types import AttributeValue

from tests.backends.collector import CollectorFailedError, RunningCollector

ExporterFor = Callable[[RunningCollector], SpanExporter]


def http_exporter(collector: RunningCollector) -> SpanExporter:
    """The official exporter for OTLP/HTTP."""
    return HttpExporter(endpoint=f"{collector.http_endpoint}/v1/traces")


def grpc_exporter(collector: RunningCollector) -> SpanExporter:
    """The official exporter for OTLP/gRPC."""
    return GrpcExporter(endpoint=collector.grpc_endpoint, insecure=True)


@pytest.mark.parametrize("exporter_for", [http_exporter, grpc_exporter])
def test_a_span_of_the_official_exporter_is_read_back(
    running_collector: RunningCollector, exporter_for: ExporterFor
) -> None:
    """Ids, name, times, parent, attributes, event and resource arrive as they were sent."""
    provider = TracerProvider(resource=Resource({"service.name": "smoke"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter_for(running_collector)))
    tracer = provider.get_tracer("scope", "1.2")
    sent: dict[str, AttributeValue] = {"text": "ä", "count": 3, "ratio": 0.5, "on": True, "list": ["a", "b"]}
    with (
        tracer.start_as_current_span("parent") as parent,
        tracer.start_as_current_span("child", attributes=sent) as child,
    ):
        child.add_event("happened", {"n": 1})
    provider.shutdown()

    arrived = {span["name"]: span for span in running_collector.wait_for_spans(2)}

    assert isinstance(parent, ReadableSpan)
    assert isinstance(child, ReadableSpan)
    assert arrived["child"]["traceId"] == f"{parent.get_span_context().trace_id:032x}"
    assert arrived["child"]["spanId"] == f"{child.get_span_context().span_id:016x}"
    assert arrived["child"]["parentSpanId"] == arrived["parent"]["spanId"]
    assert arrived["parent"]["parentSpanId"] == ""
    assert arrived["child"]["attributes"] == sent
    assert arrived["child"]["startTimeUnixNano"] == child.start_time
    assert arrived["child"]["endTimeUnixNano"] == child.end_time
    assert [(event["name"], event["attributes"]) for event in arrived["child"]["events"]] == [("happened", {"n": 1})]
    assert arrived["child"]["resource"]["service.name"] == "smoke"
    assert (arrived["child"]["scope"]["name"], arrived["child"]["scope"]["version"]) == ("scope", "1.2")


def test_it_comes_back_on_the_same_ports(running_collector: RunningCollector) -> None:
    """After stop() nobody listens; after start() the same endpoint takes spans again, beside the old ones."""
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(http_exporter(running_collector)))
    provider.get_tracer("t").start_span("before").end()
    running_collector.wait_for_spans(1)

    running_collector.stop()
    running_collector.start()
    provider.get_tracer("t").start_span("after").end()
    names = [span["name"] for span in running_collector.wait_for_spans(2)]
    provider.shutdown()

    assert names == ["before", "after"]


def test_a_collector_that_cannot_start_says_why(collector_binary: Path, tmp_path: Path) -> None:
    """A wrong configuration is told with the collector's own words."""
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("receivers: {no_such_receiver: {}}\n", encoding="utf-8")

    with pytest.raises(CollectorFailedError, match="no_such_receiver"):
        RunningCollector(collector_binary, tmp_path, wrong).start()
