"""Events as OTLP log records, without SDK or protobuf objects.

Field numbers: opentelemetry/proto/logs/v1/logs.proto. Resources, scopes and records nest as those of spans do, under
the same numbers, so that ``span_request.build_request`` makes the request.
"""

from typing import Final

from otel_perf.core.clock import Clock
from otel_perf.core.events import SEVERITY_NUMBERS, Event
from otel_perf.delivery.attribute_encoder import AttributeField, encode_text
from otel_perf.delivery.span_request import EncodedSpan, SpanGroup
from otel_perf.delivery.wire import fixed32_field, fixed64_field, length_delimited, varint_field

__all__ = ["LogEncoder"]

LOG_RECORD: Final = 2
"""A record in ``ScopeLogs``."""

TIME: Final = 1
SEVERITY_NUMBER: Final = 2
SEVERITY_TEXT: Final = 3
BODY: Final = 5
FLAGS: Final = 8
TRACE_ID: Final = 9
SPAN_ID: Final = 10
OBSERVED_TIME: Final = 11
EVENT_NAME: Final = 12

STRING: Final = 1
"""Text in ``AnyValue``."""

_attributes: Final = AttributeField(6)


class LogEncoder:
    """Encodes the events of one process.

    Attributes:
        group: Resource and scope of every record that comes out; a forked child sets its own.
    """

    def __init__(self, group: SpanGroup, clock: Clock) -> None:
        """Encode for a resource and a scope.

        Args:
            group: Both, as ``span_request.encode_resource`` and ``encode_scope`` give them.
            clock: Turns the events' monotonic times into Unix time.
        """
        self.group = group
        self._clock = clock

    def encode(self, event: Event) -> EncodedSpan:
        """One event as a field of ``ScopeLogs``. Raises for values that nobody has cleaned and that cannot be."""
        time_unix_ns = self._clock.unix_ns(event.time_ns)
        parts = [
            fixed64_field(TIME, time_unix_ns),
            varint_field(SEVERITY_NUMBER, SEVERITY_NUMBERS[event.severity]),
            length_delimited(SEVERITY_TEXT, event.severity.encode()),
        ]
        if event.body is not None:
            parts.append(length_delimited(BODY, length_delimited(STRING, encode_text(event.body))))
        parts.append(_attributes.encode(event.attributes.items()))
        if event.trace_flags:
            parts.append(fixed32_field(FLAGS, event.trace_flags))
        if event.trace_id:
            parts.append(length_delimited(TRACE_ID, event.trace_id.to_bytes(16, "big")))
        if event.span_id:
            parts.append(length_delimited(SPAN_ID, event.span_id.to_bytes(8, "big")))
        parts.append(fixed64_field(OBSERVED_TIME, time_unix_ns))
        parts.append(length_delimited(EVENT_NAME, encode_text(event.spec.name)))
        return EncodedSpan(self.group, length_delimited(LOG_RECORD, b"".join(parts)), event.trace_id)
