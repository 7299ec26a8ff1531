"""The encoder of events against the official one: random events, made once by each."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry._logs import LogRecord as ApiLogRecord
from opentelemetry._logs import SeverityNumber
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from otel_perf.core.clock import Clock
from otel_perf.core.events import SEVERITY_NUMBERS, Event, Severity
from otel_perf.core.signal_spec import EventSpec
from otel_perf.delivery.log_encoder import LogEncoder
from otel_perf.delivery.span_request import SpanGroup, build_request, encode_resource, encode_scope
from otel_perf.tracing.values import clean_value

EPOCH = 1_700_000_000_000_000_000
CLOCK = Clock(now_ns=lambda: 0, wall_ns=lambda: EPOCH)
RESOURCE = Resource({"service.name": "tested", "n": 1}, "https://example.org/resource")
SCOPE = InstrumentationScope("otel_perf", "0.1", "https://example.org/scope", {"a": True})
GROUP = SpanGroup(
    encode_resource(RESOURCE), encode_scope(SCOPE.name, SCOPE.version, SCOPE.schema_url, SCOPE.attributes)
)

texts = st.text(max_size=12) | st.text(min_size=1, max_size=3).map(lambda text: text * 700)
scalars = st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | texts
values = (
    scalars
    | st.lists(scalars, max_size=3).map(tuple)
    | st.dictionaries(st.text(min_size=1, max_size=4), scalars, max_size=2)
)
events = st.builds(
    Event,
    st.builds(EventSpec, st.text(min_size=1, max_size=30), st.just("meaning"), st.just(())),
    st.dictionaries(st.text(min_size=1, max_size=8), values, max_size=4),
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(0, 255),
    st.integers(0, 2**60),
    st.sampled_from(get_args(Severity)),
    st.none() | texts,
)  # fmt: skip


def ours(*sent: Event) -> ExportLogsServiceRequest:
    """What our bytes decode to."""
    encoder = LogEncoder(GROUP, CLOCK)
    request = ExportLogsServiceRequest()
    request.ParseFromString(build_request([encoder.encode(event) for event in sent]))
    return request


def official(event: Event) -> ExportLogsServiceRequest:
    """What the SDK's exporter sends."""
    context = SpanContext(event.trace_id, event.span_id, is_remote=True, trace_flags=TraceFlags(event.trace_flags))
    record = ApiLogRecord(
        timestamp=EPOCH + event.time_ns,
        observed_timestamp=EPOCH + event.time_ns,
        context=set_span_in_context(NonRecordingSpan(context)),
        severity_text=event.severity,
        severity_number=SeverityNumber(SEVERITY_NUMBERS[event.severity]),
        body=event.body,
        attributes={name: clean_value(value, 10**6) for name, value in event.attributes.items()},
        event_name=event.spec.name,
    )
    request: ExportLogsServiceRequest = encode_logs([ReadableLogRecord(record, RESOURCE, SCOPE)])
    return request


def bare(record: Any) -> Any:
    """Without what the SDK writes for an id of 0 and for a body that is not there."""
    if record.body.WhichOneof("value") is None:
        record.ClearField("body")
    for field in ("trace_id", "span_id"):
        if not any(getattr(record, field)):
            record.ClearField(field)
    return record


@given(events)
def test_an_event_decodes_to_what_the_official_encoder_gives(event: Event) -> None:
    """Times, severity, name, body, attributes, ids and flags; resource and scope around it."""
    mine, theirs = ours(event), official(event)
    (my_resource,), (their_resource,) = mine.resource_logs, theirs.resource_logs
    assert my_resource.resource == their_resource.resource
    assert my_resource.schema_url == their_resource.schema_url
    (my_scope,), (their_scope,) = my_resource.scope_logs, their_resource.scope_logs
    assert (my_scope.scope, my_scope.schema_url) == (their_scope.scope, their_scope.schema_url)
    (my_record,), (their_record,) = my_scope.log_records, their_scope.log_records
    # Protobuf's equality takes NaN for different from itself; the wire form does not.
    assert my_record.SerializeToString(deterministic=True) == bare(their_record).SerializeToString(deterministic=True)


def test_events_of_one_resource_and_scope_stand_together() -> None:
    """One ``ResourceLogs`` and one ``ScopeLogs``, records in their order."""
    spec = EventSpec("e", "meaning", ())
    request = ours(*(Event(spec, {"number": number}, time_ns=number) for number in range(3)))
    ((scope,),) = (resource.scope_logs for resource in request.resource_logs)
    assert [record.attributes[0].value.int_value for record in scope.log_records] == [0, 1, 2]


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\U0001f600" * 50])
def test_text_that_is_hard_to_encode_is_carried(text: str) -> None:
    """Lone surrogates are replaced, everything else arrives as it is."""
    spec = EventSpec("e", "meaning", ())
    (record,) = ours(Event(spec, {"text": text}, body=text)).resource_logs[0].scope_logs[0].log_records
    wanted = text.encode("utf-8", "replace").decode() if text != "\ud800" else "\ufffd"
    assert record.attributes[0].value.string_value == wanted
    assert record.body.string_value == wanted
