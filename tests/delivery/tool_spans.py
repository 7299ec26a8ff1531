"""Tool spans made by hand, and the SDK spans that they are compared with."""

from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, SpanContext, set_span_in_context

from otel_perf.core.clock import Clock
from otel_perf.core.records import Failure, Identity, Scope, Tool
from otel_perf.delivery.span_encoder import SpanEncoder
from otel_perf.delivery.span_request import EncodedSpan, build_request, encode_resource, encode_scope
from otel_perf.tracing.span import ToolSpan

EPOCH_NS = 1_700_000_000_000_000_000
CLOCK = Clock(now_ns=lambda: 0, wall_ns=lambda: EPOCH_NS)
"""Unix time is always ``EPOCH_NS`` more than monotonic time."""

RESOURCE = Resource({"service.name": "naïve", "process.pid": 12, "list": ("a", "b")}, "https://example.org/resource")
SCOPE = {"version": "1.2", "schema_url": "https://example.org/scope", "attributes": {"scope.key": True}}


def begin(
    tool: Tool | None = None, parent: Any = None, identity: Identity | None = None, start_ns: int = 5
) -> ToolSpan:
    """A sampled tool span that runs."""
    span = ToolSpan.__new__(ToolSpan)
    span.tool = tool or Tool("search")
    span.parent = parent
    span.caller = None
    span.scope = Scope(sampled=True, identity=identity)
    span.start_ns = start_ns
    span.end_ns = span.failure = span.context = span.details = span.readable = None
    return span


def finish(span: ToolSpan, end_ns: int = 9, failure: Failure | None = None) -> ToolSpan:
    """End it."""
    span.failure = failure
    span.end_ns = end_ns
    return span


def encoder() -> SpanEncoder:
    """The encoder under test, with the resource and scope of the SDK side."""
    return SpanEncoder(encode_resource(RESOURCE), encode_scope("tests", **SCOPE), CLOCK)


def request_of(*spans: ToolSpan) -> bytes:
    """One request with our encoding of the spans."""
    ours = encoder()
    return build_request(
        [EncodedSpan(ours.group, ours.encode(span), span.get_span_context().trace_id) for span in spans]
    )


class Ids(IdGenerator):
    """Gives the SDK the identifiers that a tool span has."""

    def __init__(self) -> None:
        self.following = INVALID_SPAN_CONTEXT

    def generate_span_id(self) -> int:
        return self.following.span_id

    def generate_trace_id(self) -> int:
        return self.following.trace_id


class Twin:
    """An SDK tracer that makes the same spans again."""

    def __init__(self, length_limit: int) -> None:
        self._ids = Ids()
        limits = SpanLimits(max_attribute_length=length_limit, max_span_attribute_length=length_limit)
        provider = TracerProvider(
            sampler=ALWAYS_ON, resource=RESOURCE, shutdown_on_exit=False, id_generator=self._ids, span_limits=limits
        )
        self._tracer = provider.get_tracer("tests", SCOPE["version"], SCOPE["schema_url"], SCOPE["attributes"])

    def begin(self, span: ToolSpan) -> Span:
        """An SDK span with the identifiers, parent, name, start and inherited attributes of a tool span."""
        self._ids.following = span.get_span_context()
        above: SpanContext = INVALID_SPAN_CONTEXT if span.parent is None else span.parent.get_span_context()
        made = self._tracer.start_span(
            span.tool.span_name,
            context=set_span_in_context(NonRecordingSpan(above)),
            attributes=dict(span.attributes),
            start_time=CLOCK.unix_ns(span.start_ns),
        )
        assert isinstance(made, Span)
        assert made.get_span_context().span_id == span.get_span_context().span_id
        return made

    def finish(self, made: Span, span: ToolSpan) -> ReadableSpan:
        """End it when the tool span ended."""
        made.end(CLOCK.unix_ns(span.end_ns or 0))
        return made
