"""The span encoder against the official one: random spans, made once by each."""

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
)
from opentelemetry.trace import Span as ApiSpan

from otel_perf.core.records import CANCELLED, Failure, Identity, Tool
from otel_perf.delivery.readable import to_readable
from otel_perf.tracing.span import ToolSpan, origin
from tests.delivery.tool_spans import CLOCK, Twin, begin, encoder, finish, request_of

TWIN = Twin(origin.attribute_length_limit)

texts = st.one_of(st.text(max_size=8), st.builds(lambda text: text * 2000, st.text(min_size=1, max_size=3)))
keys = st.one_of(
    st.sampled_from(("query", "n", "gen_ai.tool.name", "error.type", "otel_perf.outcome", "user.id")),
    st.text(min_size=1, max_size=5),
)
scalars = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.integers(-3, 2000), st.floats(), texts, st.binary()
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(st.none() | inner, max_size=4),
        st.lists(st.none() | inner, max_size=4).map(tuple),
        st.dictionaries(st.text(min_size=1, max_size=5), st.none() | inner, max_size=3),
    ),
    max_leaves=8,
)
attributes = st.dictionaries(keys, values, max_size=4)
static_attributes = st.dictionaries(keys, st.booleans() | st.integers(0, 9) | st.text(max_size=300), max_size=3)
times = st.integers(0, 2**62)

trace_states = st.one_of(
    st.just(TraceState()), st.just(TraceState([("vendor", "a=b"), ("other", "t61rcWkgMzE")])), st.none()
)
contexts = st.builds(
    SpanContext,
    st.integers(0, 2**128 - 1),
    st.integers(0, 2**64 - 1),
    st.booleans(),
    st.sampled_from((TraceFlags(0), TraceFlags(1), TraceFlags(3))),
    trace_states,
)
statuses = st.one_of(
    st.builds(Status, st.just(StatusCode.ERROR), st.none() | st.text(max_size=5)),
    st.just(Status(StatusCode.OK)),
    st.sampled_from(StatusCode),
)

Step = Callable[[ApiSpan], None]


def step(method: str, *arguments: Any) -> Step:
    """A use of the span API, the same on both spans."""
    return lambda span: getattr(span, method)(*arguments)


steps = st.lists(
    st.one_of(
        st.builds(step, st.just("set_attribute"), keys, values),
        st.builds(step, st.just("set_attributes"), attributes),
        st.builds(step, st.just("add_event"), texts.map(lambda text: text[:300]), st.none() | attributes, times),
        st.builds(step, st.just("add_link"), contexts, st.none() | attributes),
        st.builds(step, st.just("update_name"), st.text(max_size=300)),
        st.builds(step, st.just("set_status"), statuses),
    ),
    max_size=6,
)
failures = st.sampled_from((None, None, CANCELLED, Failure("error", "KeyError"), Failure("timeout", "x.ReadTimeout")))
parents = st.one_of(
    st.just("root"),
    st.just("previous"),
    st.just(NonRecordingSpan(INVALID_SPAN_CONTEXT)),
    contexts.map(NonRecordingSpan),
)
calls = st.lists(
    st.tuples(
        st.builds(Tool, st.text(min_size=1, max_size=20), attributes=static_attributes),
        parents,
        st.none() | st.builds(Identity, st.none(), static_attributes),
        steps,
        failures,
        st.tuples(times, times).map(sorted),
    ),
    min_size=1,
    max_size=4,
)


def by_key(span: SpanMessage) -> None:
    """Attributes are a map: their order says nothing."""
    ordered = sorted(span.attributes, key=lambda pair: pair.key)
    del span.attributes[:]
    span.attributes.extend(ordered)


def normalised(request: ExportTraceServiceRequest) -> bytes:
    """Messages that hold NaN are equal only as bytes."""
    for resource_spans in request.resource_spans:
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                by_key(span)
    return request.SerializeToString(deterministic=True)


def describe_failure(span: ApiSpan, failure: Failure | None, *, has_status: bool) -> None:
    """What an SDK span of a failed call is given at its end."""
    if failure is None:
        return
    span.set_attribute("otel_perf.outcome", failure.outcome)
    if failure.error_type is not None:
        span.set_attribute("error.type", failure.error_type)
        if not has_status:
            span.set_status(StatusCode.ERROR)


def play(recipe: list[Any]) -> tuple[list[ToolSpan], list[ReadableSpan]]:
    """The calls of a recipe, as tool spans and as SDK spans."""
    tool_spans: list[ToolSpan] = []
    sdk_spans: list[ReadableSpan] = []
    for tool, parent, identity, todo, failure, (start_ns, end_ns) in recipe:
        above = {"root": None, "previous": tool_spans[-1] if tool_spans else None}.get(parent, parent)
        span = begin(tool, above, identity, start_ns)
        made = TWIN.begin(span)
        for use in todo:
            use(span)
            use(made)
        describe_failure(made, failure, has_status=made.status.status_code is not StatusCode.UNSET)
        tool_spans.append(finish(span, end_ns, failure))
        sdk_spans.append(TWIN.finish(made, span))
    return tool_spans, sdk_spans


@given(calls)
def test_encoding_equals_the_official_one(recipe: list[Any]) -> None:
    """Whatever is done to a span, our bytes decode to what the official encoder makes of an SDK span."""
    tool_spans, sdk_spans = play(recipe)
    ours = ExportTraceServiceRequest.FromString(request_of(*tool_spans))
    assert normalised(ours) == normalised(encode_spans(sdk_spans))


@given(calls)
def test_sdk_picture_equals_the_sdk_span(recipe: list[Any]) -> None:
    """What other people's exporters get of a call encodes to what they get of an SDK span."""
    tool_spans, sdk_spans = play(recipe)
    pictures = [to_readable(span, CLOCK) for span in tool_spans]
    assert normalised(in_one_scope(pictures)) == normalised(in_one_scope(sdk_spans))


def in_one_scope(spans: list[ReadableSpan]) -> ExportTraceServiceRequest:
    """The spans alone, without resource and scope."""
    request = ExportTraceServiceRequest()
    scope_spans = request.resource_spans.add().scope_spans.add()
    for span in spans:
        scope_spans.spans.extend(encode_spans([span]).resource_spans[0].scope_spans[0].spans)
    return request


def decode(span: ToolSpan) -> SpanMessage:
    """A span as its receiver sees it."""
    return ExportTraceServiceRequest.FromString(request_of(span)).resource_spans[0].scope_spans[0].spans[0]


def picture_of(span: ToolSpan) -> SpanMessage:
    """A span as the official encoder writes its SDK picture."""
    return in_one_scope([to_readable(span, CLOCK)]).resource_spans[0].scope_spans[0].spans[0]


def test_call_that_an_sdk_span_carries_is_that_span() -> None:
    """The picture of a call that went through somebody's tracer is the span itself."""
    span = begin()
    made = TWIN.finish(TWIN.begin(span), span)
    span.readable = made
    assert to_readable(span, CLOCK) is made


def texts_of(span: SpanMessage) -> dict[str, str]:
    """Its text attributes."""
    return {pair.key: pair.value.string_value for pair in span.attributes if pair.value.HasField("string_value")}


def test_identifiers_stay_the_same_after_encoding() -> None:
    """A call that nobody had asked for its identifiers keeps those that were sent, and its late children use them."""
    span = finish(begin())
    sent = decode(span)
    context = span.get_span_context()
    assert sent.trace_id == context.trace_id.to_bytes(16, "big")
    assert sent.span_id == context.span_id.to_bytes(8, "big")
    late = decode(finish(begin(parent=span)))
    assert (late.trace_id, late.parent_span_id) == (sent.trace_id, sent.span_id)
    assert decode(span) == sent


def test_parents_encoded_after_their_children_share_the_trace() -> None:
    """Children end first: the whole line of ancestors gets its identifiers when the innermost is encoded."""
    root = begin()
    middle = begin(parent=root)
    leaf = finish(begin(parent=middle))
    first, second, third = (decode(span) for span in (leaf, finish(middle), finish(root)))
    assert first.trace_id == second.trace_id == third.trace_id
    assert (first.parent_span_id, second.parent_span_id, third.parent_span_id) == (second.span_id, third.span_id, b"")


def test_what_is_shared_is_encoded_once() -> None:
    """The wire form of a tool and of an identity is kept on them for the next call."""
    tool, identity = Tool("search"), Identity("bob", {"gen_ai.agent.name": "bob"})
    first = decode(finish(begin(tool, identity=identity)))
    kept = tool.encoded, identity.encoded
    second = decode(finish(begin(tool, identity=identity)))
    assert all(kept)
    assert tool.encoded is kept[0]
    assert identity.encoded is kept[1]
    assert (
        texts_of(first)
        == texts_of(second)
        == {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": "search",
            "gen_ai.agent.name": "bob",
        }
    )


@pytest.mark.parametrize(
    ("own", "failure", "expected"),
    [
        ({}, None, {"a": "tool", "b": "identity", "c": "identity"}),
        ({"b": "call", "d": "call"}, None, {"a": "tool", "b": "call", "c": "identity", "d": "call"}),
        ({"a": "call"}, None, {"a": "call", "b": "identity", "c": "identity"}),
        (
            {"error.type": "mine", "otel_perf.outcome": "mine"},
            Failure("error", "KeyError"),
            {"a": "tool", "b": "identity", "c": "identity", "error.type": "KeyError", "otel_perf.outcome": "error"},
        ),
    ],
)
def test_a_key_is_sent_once_and_the_nearest_wins(
    own: dict[str, str], failure: Failure | None, expected: dict[str, str]
) -> None:
    """Failure before call before identity before tool; no key twice, as the span itself shows it."""
    span = begin(
        Tool("t", attributes={"a": "tool", "b": "tool"}), identity=Identity(None, {"b": "identity", "c": "identity"})
    )
    span.set_attributes(own)
    sent = decode(finish(span, failure=failure))
    assert len({pair.key for pair in sent.attributes}) == len(sent.attributes)
    conventional = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "t"}
    assert texts_of(sent) == {**conventional, **expected}


@pytest.mark.parametrize(
    ("failure", "status", "attributes_sent"),
    [
        (None, 0, {}),
        (Failure("error", "KeyError"), 2, {"error.type": "KeyError", "otel_perf.outcome": "error"}),
        (Failure("timeout", "TimeoutError"), 2, {"error.type": "TimeoutError", "otel_perf.outcome": "timeout"}),
        (CANCELLED, 0, {"otel_perf.outcome": "cancelled"}),
    ],
)
def test_outcome_is_told(failure: Failure | None, status: int, attributes_sent: dict[str, str]) -> None:
    """Errors and timeouts set the status, without the exception's text; a cancelled call only says so."""
    sent = decode(finish(begin(), failure=failure))
    told = {key: text for key, text in texts_of(sent).items() if not key.startswith("gen_ai.")}
    assert (sent.status.code, sent.status.message, told) == (status, "", attributes_sent)


@pytest.mark.parametrize(
    ("status", "expected"),
    [(Status(StatusCode.OK), (1, "")), (Status(StatusCode.ERROR, "quota"), (2, "quota"))],
)
def test_status_set_by_the_application_stays(status: Status, expected: tuple[int, str]) -> None:
    """A failed call whose status the application has set keeps that status."""
    span = begin()
    span.set_status(status)
    sent = decode(finish(span, failure=Failure("error", "KeyError")))
    assert (sent.status.code, sent.status.message) == expected


def test_dropped_items_are_counted() -> None:
    """What went over a limit is told in the span's counts."""
    span = begin()
    for number in range(origin.attribute_count_limit + 2):
        span.set_attribute(f"key{number}", number)
    for _ in range(origin.event_count_limit + 3):
        span.add_event("event")
    for _ in range(origin.link_count_limit + 4):
        span.add_link(SpanContext(1, 2, False))
    sent = decode(finish(span))
    assert (sent.dropped_attributes_count, sent.dropped_events_count, sent.dropped_links_count) == (2, 3, 4)
    assert (len(sent.events), len(sent.links)) == (origin.event_count_limit, origin.link_count_limit)
    assert picture_of(span) == sent


def test_dropped_attributes_of_events_and_links_are_counted() -> None:
    """What went over the limit of one event or link is told in its own count."""
    span = begin()
    many = {f"key{number}": number for number in range(origin.attribute_count_limit + 5)}
    span.add_event("event", many)
    span.add_link(SpanContext(1, 2, False), {**many, "one more": 1})
    sent = decode(finish(span))
    assert (sent.events[0].dropped_attributes_count, sent.links[0].dropped_attributes_count) == (5, 6)
    assert len(sent.events[0].attributes) == len(sent.links[0].attributes) == origin.attribute_count_limit
    assert picture_of(span) == sent


@pytest.mark.parametrize("size", [0, 1, 100, 900, 1000, 1015, 1019, 1023, 1024, 1025, 4000, 16_383, 16_384, 70_000])
def test_every_length_is_written_right(size: int) -> None:
    """Texts and spans around the borders of the length tables and of the length's own length come out whole."""
    span = begin(Tool("t", attributes={"static": "x" * size, "bytes": b"y" * size}))
    span.set_attribute("own", ["z" * min(size, origin.attribute_length_limit)])
    sent = decode(finish(span))
    received = {pair.key: pair.value for pair in sent.attributes}
    assert received["static"].string_value == "x" * size
    assert received["bytes"].bytes_value == b"y" * size
    assert received["own"].array_value.values[0].string_value == "z" * min(size, origin.attribute_length_limit)


def test_time_before_1970_is_refused() -> None:
    """A time that OTLP cannot carry raises, so that the caller counts the span; it is never made up."""
    span = finish(begin(start_ns=-(2**62)))
    with pytest.raises(struct.error):
        encoder().encode(span)


def test_call_without_an_end_has_no_end_time() -> None:
    """A call that still runs can be encoded; its end is absent."""
    assert decode(begin()).end_time_unix_nano == 0
