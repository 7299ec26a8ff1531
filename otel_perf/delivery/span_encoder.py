"""Finished tool calls as OTLP spans, without SDK or protobuf objects.

What is the same for all calls of a tool or an identity is encoded once; a call without attributes of its own is then
a handful of joined byte strings. What comes out decodes to what the official encoder makes of an SDK span.
Field numbers: opentelemetry/proto/trace/v1/trace.proto.
"""

import struct
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from opentelemetry.trace import DEFAULT_TRACE_STATE

from otel_perf.core.clock import Clock
from otel_perf.core.records import Failure, Identity, SpanContext, SpanDetails, SpanEvent, SpanLink, Tool, ToolCall
from otel_perf.delivery.attribute_encoder import AttributeField, encode_text
from otel_perf.delivery.call_attributes import failure_attributes, merge_attributes, status_code
from otel_perf.delivery.span_request import SpanGroup
from otel_perf.delivery.wire import (
    TABLE_SIZE,
    UINT64_MAX,
    fixed32_field,
    fixed64_field,
    heads,
    length_delimited,
    varint_field,
)
from otel_perf.tracing.values import clean_value

__all__ = ["SpanEncoder"]

TRACE_STATE: Final = 3
NAME: Final = 5
ATTRIBUTES: Final = 9
DROPPED_ATTRIBUTES: Final = 10
EVENTS: Final = 11
DROPPED_EVENTS: Final = 12
LINKS: Final = 13
DROPPED_LINKS: Final = 14
STATUS: Final = 15

EVENT_TIME: Final = 1
EVENT_NAME: Final = 2
EVENT_ATTRIBUTES: Final = 3
EVENT_DROPPED: Final = 4

LINK_TRACE_ID: Final = 1
LINK_SPAN_ID: Final = 2
LINK_ATTRIBUTES: Final = 4
LINK_DROPPED: Final = 5
LINK_FLAGS: Final = 6

STATUS_MESSAGE: Final = 2
STATUS_CODE: Final = 3

FLAGS_TAG: Final = b"\x85\x01"
HAS_IS_REMOTE: Final = 0x100
IS_REMOTE: Final = 0x200
LOCAL: Final = FLAGS_TAG + HAS_IS_REMOTE.to_bytes(4, "little")
REMOTE: Final = FLAGS_TAG + (HAS_IS_REMOTE | IS_REMOTE).to_bytes(4, "little")

KIND_INTERNAL: Final = b"\x30\x01"
STATUS_UNSET: Final = b"\x7a\x00"
"""Present and empty, as the official encoder writes it."""
_STATUSES: Final = (STATUS_UNSET, b"\x7a\x02\x18\x01", b"\x7a\x02\x18\x02")

FAILURE_KEYS: Final = dict.fromkeys(("error.type", "otel_perf.outcome"))
TRACE_ID_MAX: Final = 2**128 - 1

SPAN: Final = 2
"""A span in ``ScopeSpans``."""

_heads: Final = heads(SPAN)
_attributes: Final = AttributeField(ATTRIBUTES)
_event_attributes: Final = AttributeField(EVENT_ATTRIBUTES)
_link_attributes: Final = AttributeField(LINK_ATTRIBUTES)

# Trace id (1), span id (2), start (7), end (8); with a parent id (4) the second.
_pack_root: Final = struct.Struct("<2s16s2s8sBQBQ").pack
_pack_child: Final = struct.Struct("<2s16s2s8s2s8sBQBQ").pack


class SpanEncoder:
    """Encodes the finished calls of one provider. Not shared by threads that encode at the same time.

    Attributes:
        group: Resource and scope of every span that comes out.
    """

    def __init__(self, resource_bytes: bytes, scope_bytes: bytes, clock: Clock) -> None:
        """Encode for a resource and a scope (``span_request.encode_resource`` and ``encode_scope``).

        Args:
            resource_bytes: The resource, as the fields of ``ResourceSpans`` that hold it.
            scope_bytes: The scope, as the fields of ``ScopeSpans`` that hold it.
            clock: Turns the calls' monotonic times into Unix time.
        """
        self.group = SpanGroup(resource_bytes, scope_bytes)
        self._clock = clock

    def encode(self, call: ToolCall) -> bytes:
        """One finished ``ToolSpan`` as a field of ``ScopeSpans``: tag, length, message.

        A call that an SDK span carries (``call.readable``) belongs to ``foreign_spans``.

        Raises:
            struct.error: A time lies outside of 64 bits of nanoseconds since 1970.
        """
        static = call.tool.encoded or _encode_tool(call.tool)
        context: SpanContext = call.context or call.get_span_context()  # type: ignore[attr-defined] # a ToolSpan
        parent = call.parent
        offset_ns = self._clock.offset_ns
        start_ns = call.start_ns + offset_ns
        end_ns = 0 if call.end_ns is None else call.end_ns + offset_ns
        trace_id = context.trace_id.to_bytes(16, "big")
        span_id = context.span_id.to_bytes(8, "big")
        flags = LOCAL
        above = None if parent is None else parent.get_span_context()
        if above is None or not above.is_valid:
            head = _pack_root(b"\x0a\x10", trace_id, b"\x12\x08", span_id, 0x39, start_ns, 0x41, end_ns)
        else:
            parent_id = above.span_id.to_bytes(8, "big")
            head = _pack_child(
                b"\x0a\x10", trace_id, b"\x12\x08", span_id, b"\x22\x08", parent_id, 0x39, start_ns, 0x41, end_ns
            )
            if above.is_remote:
                flags = REMOTE
        if context.trace_state is not DEFAULT_TRACE_STATE:
            head += _encode_trace_state(context)
        if call.details is None and call.failure is None and call.scope.identity is None:
            body = head + static + STATUS_UNSET + flags
        else:
            body = head + _encode_rest(call, static) + flags
        size = len(body)
        return _heads[size] + body if size < TABLE_SIZE else length_delimited(SPAN, body)


def _encode_trace_state(context: SpanContext) -> bytes:
    header = context.trace_state.to_header()
    return length_delimited(TRACE_STATE, encode_text(header)) if header else b""


def _encode_tool(tool: Tool) -> bytes:
    """Name, kind and attributes of a tool's spans; made once."""
    attributes = _attributes.encode(_cleaned(tool.attributes))
    tool.encoded = _encode_name(tool.span_name) + attributes
    return tool.encoded


def _cleaned(attributes: Mapping[str, object]) -> list[tuple[str, object]]:
    """Attributes of a tool or an identity may not have come through the span's door."""
    return [(key, clean_value(value, sys.maxsize)) for key, value in attributes.items()]


def _encode_name(name: str) -> bytes:
    return length_delimited(NAME, encode_text(name)) + KIND_INTERNAL


def _encode_identity(identity: Identity) -> bytes:
    identity.encoded = _attributes.encode(_cleaned(identity.attributes))
    return identity.encoded


@lru_cache(maxsize=1024)
def _encode_failure(failure: Failure) -> bytes:
    """Attributes of a failure; one object per exception class is shared by its calls."""
    return _attributes.encode(failure_attributes(failure).items())


def _encode_rest(call: ToolCall, static: bytes) -> bytes:
    """All but identifiers, times and flags of a call that is more than its tool."""
    details, identity = call.details, call.scope.identity
    if _must_merge(call):
        name = call.tool.span_name if details is None or details.name is None else details.name
        body = _encode_name(name) + _attributes.encode(_cleaned(merge_attributes(call)))
    else:
        body = static
        if identity is not None:
            body += identity.encoded or _encode_identity(identity)
        if details:
            # Taken out in one step: another thread may still be in the middle of set_attribute().
            body += _attributes.encode(list(details.items()))
        if call.failure is not None:
            body += _encode_failure(call.failure)
    if details is None:
        return body + _STATUSES[status_code(call)]
    return body + _encode_lists(details) + _encode_status(status_code(call), details.status_description)


def _must_merge(call: ToolCall) -> bool:
    """Whether the span has a name of its own, or a key stands in two of the places that attributes come from."""
    details, identity = call.details, call.scope.identity
    places: list[Mapping[str, object]] = [call.tool.attributes]
    if identity is not None:
        places.append(identity.attributes)
    if call.failure is not None:
        places.append(FAILURE_KEYS)
    if details is not None:
        if details.name is not None:
            return True
        places.append(details)
    while places:
        keys = places.pop().keys()
        for other in places:
            if not keys.isdisjoint(other):
                return True
    return False


def _encode_status(code: int, description: str | None) -> bytes:
    if not description:
        return _STATUSES[code]
    message = length_delimited(STATUS_MESSAGE, encode_text(description))
    return length_delimited(STATUS, message + varint_field(STATUS_CODE, code))


def _encode_lists(details: SpanDetails) -> bytes:
    """Events, links and the counts of what was dropped; nothing for most calls."""
    body = b""
    if details.events:
        body = b"".join([length_delimited(EVENTS, _encode_event(event)) for event in list(details.events)])
    if details.links:
        body += b"".join([length_delimited(LINKS, _encode_link(link)) for link in list(details.links)])
    if details.dropped_attributes:
        body += varint_field(DROPPED_ATTRIBUTES, details.dropped_attributes)
    if details.dropped_events:
        body += varint_field(DROPPED_EVENTS, details.dropped_events)
    if details.dropped_links:
        body += varint_field(DROPPED_LINKS, details.dropped_links)
    return body


def _encode_event(event: SpanEvent) -> bytes:
    encoded = fixed64_field(EVENT_TIME, event.timestamp) + length_delimited(EVENT_NAME, encode_text(event.name))
    encoded += _event_attributes.encode(event.attributes.items())
    if event.dropped_attributes:
        encoded += varint_field(EVENT_DROPPED, event.dropped_attributes)
    return encoded


def _encode_link(link: SpanLink) -> bytes:
    """A link; like the official encoder's, it carries no trace state."""
    context = link.context
    encoded = length_delimited(LINK_TRACE_ID, (context.trace_id & TRACE_ID_MAX).to_bytes(16, "big"))
    encoded += length_delimited(LINK_SPAN_ID, (context.span_id & UINT64_MAX).to_bytes(8, "big"))
    encoded += _link_attributes.encode(link.attributes.items())
    if link.dropped_attributes:
        encoded += varint_field(LINK_DROPPED, link.dropped_attributes)
    flags = HAS_IS_REMOTE | IS_REMOTE if context.is_remote else HAS_IS_REMOTE
    return encoded + fixed32_field(LINK_FLAGS, flags)
