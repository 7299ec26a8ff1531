"""Requests put together from encoded spans."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from otel_perf.delivery.foreign_spans import encode_foreign
from otel_perf.delivery.span_request import EncodedSpan, SpanGroup, build_request, encode_resource, encode_scope
from otel_perf.delivery.wire import length_delimited

GROUPS = [SpanGroup(encode_resource(Resource({"r": r})), encode_scope(s)) for r in range(2) for s in ("a", "b")]


def numbered(group: SpanGroup, number: int) -> EncodedSpan:
    """A span that can be told from others."""
    message = SpanMessage(name=str(number)).SerializeToString()
    return EncodedSpan(group, length_delimited(2, message), number)


@given(st.lists(st.sampled_from(range(4)), max_size=30))
def test_spans_stand_under_their_resource_and_scope(places: list[int]) -> None:
    """Each resource and each scope of it stands once; every span arrives once, in its place, in order."""
    request = ExportTraceServiceRequest.FromString(
        build_request([numbered(GROUPS[place], number) for number, place in enumerate(places)])
    )
    found: dict[tuple[int, str], list[str]] = {}
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            key = resource_spans.resource.attributes[0].value.int_value, scope_spans.scope.name
            assert key not in found
            found[key] = [span.name for span in scope_spans.spans]
    assert len(request.resource_spans) == len({place // 2 for place in places})
    expected = {
        (place // 2, "ab"[place % 2]): [str(number) for number, other in enumerate(places) if other == place]
        for place in places
    }
    assert found == expected


def test_size_is_that_of_the_body() -> None:
    """The size that is budgeted is what the span adds to a request."""
    one, two = numbered(GROUPS[0], 1), numbered(GROUPS[0], 2)
    assert len(build_request([one, two])) - len(build_request([one])) == two.size == len(two.body)


@pytest.mark.parametrize("schema_url", ["", "https://example.org/schema"])
@pytest.mark.parametrize(
    "attributes", [{}, {"service.name": "naïve", "n": -1, "f": 1.5, "b": True, "l": ["a", None, 2], "m": {"k": b"v"}}]
)
def test_resource_and_scope_equal_the_official_ones(attributes: dict[str, object], schema_url: str) -> None:
    """Byte for byte what the official encoder writes, so that our spans and foreign ones share a group."""
    provider = TracerProvider(resource=Resource(attributes, schema_url), shutdown_on_exit=False)  # type: ignore[arg-type]
    tracer = provider.get_tracer("naïve", "1.2", schema_url, attributes)  # type: ignore[arg-type]
    span = tracer.start_span("span")
    span.end()
    official = encode_spans([span]).resource_spans[0]  # type: ignore[list-item]
    ours = ResourceSpans.FromString(encode_resource(provider.resource))
    assert (ours.resource, ours.schema_url) == (official.resource, official.schema_url)
    scope = ScopeSpans.FromString(encode_scope("naïve", "1.2", schema_url, attributes))
    assert (scope.scope, scope.schema_url) == (official.scope_spans[0].scope, official.scope_spans[0].schema_url)
    group = SpanGroup(encode_resource(provider.resource), encode_scope("naïve", "1.2", schema_url, attributes))
    assert encode_foreign([span])[0][0].group == group  # type: ignore[list-item]


def test_resource_that_the_official_encoder_cannot_take() -> None:
    """A number beyond 64 bits, a lone surrogate: the attribute arrives as a text that says what it was."""
    message = ResourceSpans.FromString(encode_resource(Resource({"big": 2**70, "bad": "a\ud800"})))
    received = {pair.key: pair.value.string_value for pair in message.resource.attributes}
    assert received == {"big": str(2**70), "bad": "a\ufffd"}


def test_nothing_is_an_empty_request() -> None:
    """No spans: no bytes."""
    assert build_request([]) == b""
