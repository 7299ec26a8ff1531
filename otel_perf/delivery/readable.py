"""Finished tool calls as SDK spans, for exporters and processors that are not ours."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext, Status, StatusCode

from otel_perf.core.clock import Clock
from otel_perf.core.records import SpanDetails, SpanEvent, SpanLink, ToolCall
from otel_perf.delivery.call_attributes import merge_attributes, status_code
from otel_perf.tracing.span import ToolSpan

__all__ = ["to_readable"]

_STATUS_CODES: Final = {code.value: code for code in StatusCode}


def to_readable(call: ToolCall, clock: Clock) -> ReadableSpan:
    """The SDK's picture of a finished call: what our encoder sends, as an object.

    Args:
        call: A finished ``ToolSpan``, or a call that an SDK span carries, which is then returned as it is.
        clock: Turns the call's monotonic times into Unix time.
    """
    if call.readable is not None:
        return cast(ReadableSpan, call.readable)
    span = cast(ToolSpan, call)
    details = SpanDetails() if call.details is None else call.details
    return ReadableSpan(
        name=span.name,
        context=span.get_span_context(),
        parent=_parent_context(call),
        resource=span.resource,
        attributes=_bounded(merge_attributes(call), details.dropped_attributes),
        events=_list(map(_event, list(details.events or ())), details.dropped_events),
        links=_list(map(_link, list(details.links or ())), details.dropped_links),
        kind=span.kind,
        status=Status(_STATUS_CODES[status_code(call)], details.status_description),
        start_time=clock.unix_ns(call.start_ns),
        end_time=None if call.end_ns is None else clock.unix_ns(call.end_ns),
        instrumentation_scope=span.instrumentation_scope,
    )


def _event(event: SpanEvent) -> Event:
    return Event(event.name, _bounded(event.attributes, event.dropped_attributes), event.timestamp)


def _link(link: SpanLink) -> Link:
    return Link(cast(SpanContext, link.context), _bounded(link.attributes, link.dropped_attributes))


def _parent_context(call: ToolCall) -> SpanContext | None:
    context = None if call.parent is None else call.parent.get_span_context()
    return cast(SpanContext, context) if context is not None and context.is_valid else None


def _bounded(attributes: Mapping[str, Any], dropped: int) -> BoundedAttributes:
    """Attributes in the class that the SDK's exporters ask for the number of dropped ones."""
    bounded = BoundedAttributes(attributes=attributes)
    bounded.dropped = dropped
    return bounded


def _list(items: Iterable[Any], dropped: int) -> BoundedList[Any]:
    bounded = BoundedList.from_seq(None, items)
    bounded.dropped = dropped
    return bounded
