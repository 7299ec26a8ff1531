"""Whatever a span is given, its request can be decoded and the rest of the span is there."""

from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.trace import SpanContext, Status, StatusCode

from otel_perf.core.records import Identity, Tool
from otel_perf.tracing.span import ToolSpan
from tests.delivery.tool_spans import EPOCH_NS, begin, finish, request_of
from tests.tracing.nasty_values import NASTY

MAX_SPAN_BYTES = 1_000_000
NO_ATTRIBUTE = {"plain object", "none"}
"""Values that the SDK stores as ``None``; whether their key arrives is the span's choice."""


def received(span: ToolSpan) -> SpanMessage:
    """A span and a plain one after it, sent together; the plain one must have arrived too."""
    body = request_of(span, finish(begin(Tool("plain"))))
    assert len(body) < MAX_SPAN_BYTES
    first, second = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    assert second.name == "execute_tool plain"
    return first


def keys_of(holder: Any) -> set[str]:
    """The keys of a span, event or link."""
    return {pair.key for pair in holder.attributes}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_attribute_value(name: str) -> None:
    """As an attribute of span, event and link: the key arrives, and so do its neighbours."""
    span = begin()
    value = NASTY[name]()
    span.set_attribute("nasty", value)
    span.set_attribute("good", 1)
    span.add_event("event", {"nasty": value, "good": 1})
    span.add_link(SpanContext(1, 2, False), {"nasty": value, "good": 1})
    sent = received(finish(span))
    assert "good" in keys_of(sent)
    assert "nasty" in keys_of(sent) or (name in NO_ATTRIBUTE and sent.dropped_attributes_count == 1)
    assert keys_of(sent.events[0]) == keys_of(sent.links[0]) == {"nasty", "good"}


@pytest.mark.parametrize("name", NASTY)
def test_nasty_name_and_description(name: str) -> None:
    """As the name of the span, of an event, as a key and as attributes of the wrong kind."""
    span = begin()
    value = NASTY[name]()
    span.update_name(value)
    span.add_event(value, value)
    if name != "50 MB of text":  # as a key it is kept whole
        span.set_attribute(value, 1)
    span.set_attributes(value)
    span.set_status(value)
    sent = received(finish(span))
    assert len(sent.events) == 1
    assert sent.parent_span_id == b""


@pytest.mark.parametrize("name", [name for name in NASTY if name not in {"50 MB of text", "50 MB of bytes"}])
def test_nasty_static_value(name: str) -> None:
    """As an attribute of a tool or an identity, which nobody has cleaned before the encoder."""
    tool = Tool("t", attributes={"nasty": NASTY[name](), "good": 1})
    identity = Identity(None, {"whose": NASTY[name]()})
    sent = received(finish(begin(tool, identity=identity)))
    assert keys_of(sent) == {"gen_ai.operation.name", "gen_ai.tool.name", "nasty", "good", "whose"}


def test_surrogates_are_replaced_everywhere() -> None:
    """Lone surrogates in every text of a span arrive as replacement characters, and cost no other span."""
    bad = "a\ud800"
    span = begin(Tool(bad, attributes={bad: bad}), identity=Identity(bad, {"who": bad}))
    span.set_attribute("short", bad)
    span.add_event(bad, {bad: bad}, 1)
    span.set_status(Status(StatusCode.ERROR, bad))
    sent = received(finish(span))
    good = "a\ufffd"
    assert sent.name == f"execute_tool {good}"
    assert {pair.key: pair.value.string_value for pair in sent.attributes} == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": good,
        good: good,
        "who": good,
        "short": good,
    }
    assert (sent.events[0].name, sent.status.message) == (good, good)
    span.update_name(bad)


def test_event_time_that_does_not_fit() -> None:
    """An event before 1970 or after 2554 is told at the nearest time that OTLP can carry."""
    span = begin()
    for time in (-1, 2**64, EPOCH_NS):
        span.add_event("event", None, EPOCH_NS)
        assert span.details is not None
        assert span.details.events is not None
        span.details.events[-1].timestamp = time  # the span itself lets no such time in
    assert [event.time_unix_nano for event in received(finish(span)).events] == [0, 2**64 - 1, EPOCH_NS]


def test_link_to_identifiers_that_do_not_fit() -> None:
    """A link whose identifiers are too long keeps their last bytes; the span is not lost."""
    span = begin()
    span.add_link(SpanContext(2**128 + 5, 2**64 + 6, True), {"why": "because"})
    link = received(finish(span)).links[0]
    assert (link.trace_id, link.span_id, keys_of(link)) == (bytes(15) + b"\x05", bytes(7) + b"\x06", {"why"})


def test_attribute_set_by_another_thread_meanwhile() -> None:
    """An attribute that arrives while the span is encoded does not break the encoding."""
    span = finish(begin())
    details = span._open()  # noqa: SLF001 - a thread in the middle of set_attribute() holds it

    class Late:
        def __str__(self) -> str:
            details["late"] = 1
            return "text"

    details.update(first=Late(), second=2)  # type: ignore[dict-item]
    assert keys_of(received(span)) >= {"first", "second"}
