"""Spans of other libraries: encoded one by one, and a poisonous one harms no other."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, set_span_in_context

from otel_perf.delivery.foreign_spans import encode_foreign
from otel_perf.delivery.span_request import EncodedSpan, build_request

PROVIDERS = [TracerProvider(resource=Resource({"r": number}), shutdown_on_exit=False) for number in range(2)]


def make_span(provider: TracerProvider, scope: str, parent: Any = None) -> Any:
    """A span with some of everything."""
    context = None if parent is None else set_span_in_context(parent)
    tracer = provider.get_tracer(scope, "1", "https://example.org/schema")
    span = tracer.start_span(
        "GET", context, SpanKind.CLIENT, {"http.status_code": 200}, [Link(SpanContext(1, 2, True))]
    )
    span.add_event("event", {"list": [1, 2]})
    span.set_status(Status(StatusCode.ERROR, "bad"))
    span.end()
    return span


def readable(number: int, **changes: Any) -> ReadableSpan:
    """A span made by hand, which may be one that cannot be encoded."""
    description: dict[str, Any] = {
        "name": f"span {number}",
        "context": SpanContext(1, number + 1, False),
        "resource": PROVIDERS[0].resource,
        "start_time": 1,
        "end_time": 2,
    }
    return ReadableSpan(**{**description, **changes})


POISONS: dict[str, dict[str, Any]] = {
    "surrogate in the name": {"name": "\ud800"},
    "name that is no text": {"name": 5},
    "negative time": {"start_time": -1},
    "time beyond 64 bits": {"end_time": 2**64},
    "no identifiers": {"context": None},
    "surrogate in the status": {"status": Status(StatusCode.ERROR, "\ud800")},
    "surrogate in an event": {"events": (Event("\ud800", {}, 1),)},
    "event before 1970": {"events": (Event("event", {}, -1),)},
    "unknown kind": {"kind": "sideways"},
    "attributes that are a list": {"attributes": [1]},
}


def names_of(encoded: list[EncodedSpan]) -> list[str]:
    """The names of the spans in a request, in order."""
    request = ExportTraceServiceRequest.FromString(build_request(encoded))
    return [
        span.name
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def test_request_equals_the_official_one() -> None:
    """Taken apart and put together again: the message that the official encoder makes."""
    spans = [make_span(provider, scope) for provider in PROVIDERS for scope in ("a", "b", "a")]
    spans.append(make_span(PROVIDERS[0], "b", spans[0]))
    encoded, rejected = encode_foreign(spans)
    assert not rejected
    assert ExportTraceServiceRequest.FromString(build_request(encoded)) == encode_spans(spans)
    assert {span.trace_id for span in encoded} == {span.get_span_context().trace_id for span in spans}


@pytest.mark.parametrize("name", POISONS)
def test_poisonous_span_is_found(name: str) -> None:
    """One span that the official encoder cannot take among good ones: it is rejected, they are encoded."""
    spans = [readable(number) for number in range(7)]
    bad = readable(9, **POISONS[name])
    encoded, rejected = encode_foreign([*spans[:3], bad, *spans[3:]])
    assert names_of(encoded) == [span.name for span in spans]
    assert rejected == [bad]


@given(st.lists(st.none() | st.sampled_from(sorted(POISONS)), max_size=20))
def test_every_span_is_encoded_or_rejected(recipe: list[str | None]) -> None:
    """However many are poisonous: each is rejected, each other one is encoded, none twice."""
    spans = [readable(number, **({} if name is None else POISONS[name])) for number, name in enumerate(recipe)]
    encoded, rejected = encode_foreign(spans)
    assert [span.context for span in rejected] == [
        span.context for span, name in zip(spans, recipe, strict=True) if name is not None
    ]
    assert names_of(encoded) == [f"span {number}" for number, name in enumerate(recipe) if name is None]


def test_nothing_gives_nothing() -> None:
    """No spans: nothing encoded, nothing rejected."""
    assert encode_foreign([]) == ([], [])
