"""The span that the application sees while a tool runs: a real OpenTelemetry span, made late.

Identifiers are made when somebody first asks, by one thread only, and never change. Attributes, events, links and
status exist only once somebody sets one. Nothing here does I/O.
"""

import sysconfig
from collections.abc import Callable, Mapping, Sequence
from random import getrandbits
from types import TracebackType
from typing import Any, Final, Self, cast

from opentelemetry import trace
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState
from opentelemetry.util.types import Attributes
from opentelemetry.util.types import AttributeValue as ApiValue

from otel_perf.core.clock import system_clock
from otel_perf.core.guard import guard
from otel_perf.core.intake import intake
from otel_perf.core.records import AttributeValue, ParentSpan, SpanDetails, SpanEvent, SpanLink, ToolCall
from otel_perf.tracing.exceptions import describe_exception
from otel_perf.tracing.failure_text import message_of, stack_of
from otel_perf.tracing.values import INT64_MAX, INT64_MIN, clean_attributes, clean_text, clean_value, weight_of

__all__ = ["Origin", "ToolSpan", "origin"]

SHORT_TEXT: Final = 256
"""Text up to this length is stored as it is; longer text is cut to the limit and counted in the byte bound."""
KEY_LENGTH: Final = 1024
HAS_GIL: Final = not sysconfig.get_config_var("Py_GIL_DISABLED")
UINT64_MAX: Final = 2**64 - 1
"""What OTLP's ``fixed64`` times hold."""

_RANDOM: Final = TraceFlags(TraceFlags.RANDOM_TRACE_ID)
_SAMPLED_RANDOM: Final = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
_FLAGS: Final = {
    (True, True): _SAMPLED_RANDOM,
    (True, False): TraceFlags(TraceFlags.SAMPLED),
    (False, True): _RANDOM,
    (False, False): TraceFlags(TraceFlags.DEFAULT),
}
_LOCAL: Final = False
"""``is_remote`` of a span made here."""
_STATUS_CODES: Final = (StatusCode.UNSET, StatusCode.OK, StatusCode.ERROR)


class Origin:
    """What the spans of one provider share: resource, scope and limits. Set by ``instrument()``."""

    __slots__ = (
        "attribute_count_limit",
        "attribute_length_limit",
        "event_count_limit",
        "instrumentation_scope",
        "link_count_limit",
        "random_bits",
        "resource",
        "short_text",
    )

    def __init__(self) -> None:
        """Defaults of the OpenTelemetry specification, and 4,096 characters per text value."""
        self.resource: Any = None
        self.instrumentation_scope: Any = None
        self.attribute_count_limit = 128
        self.attribute_length_limit = 4096
        self.short_text = SHORT_TEXT
        self.event_count_limit = 128
        self.link_count_limit = 128
        self.random_bits: Callable[[int], int] = getrandbits

    @property
    def system_random_bits(self) -> Callable[[int], int]:
        """Where identifiers come from outside of tests."""
        return getrandbits


origin: Final = Origin()


class ToolSpan(ToolCall):
    """A call that is a span. A virtual subclass of the API's ``Span``, so that it needs no instance dictionary."""

    __slots__ = ()

    # -- identity ----------------------------------------------------------------------------------------------

    def get_span_context(self) -> SpanContext:
        """The identifiers; made on first use, the same ever after."""
        return self.context or self._make_context()  # type: ignore[return-value] # cast() would be a call

    def _make_context(self) -> SpanContext:
        """Make the identifiers of this call and of the calls around it, outermost first (no recursion)."""
        pending: list[ToolSpan] = []
        span: ParentSpan | None = self
        while type(span) is ToolSpan and span.context is None:
            pending.append(span)
            span = span.parent
        context: Any = None if span is None else span.get_span_context()
        while pending:
            call = pending.pop()
            claimed = _contexts.setdefault(call, _child_context(context, sampled=call.scope.sampled))
            if call.context is None:
                call.context = claimed
            context = call.context
            _contexts.pop(call, None)
        return context  # type: ignore[no-any-return]

    # -- recording ---------------------------------------------------------------------------------------------

    def is_recording(self) -> bool:
        """True until the call has ended, when its trace is sampled."""
        return self.end_ns is None and self.scope.sampled

    def _open(self) -> SpanDetails:
        if self.details is not None:
            return self.details
        made = SpanDetails()
        if not HAS_GIL:
            return self._claim_details(made)
        # Several threads may come here. Between the look and the assignment of one line without a call no thread can
        # take over, so that the first one wins and the others find what it made. A lock would double the cost.
        self.details = made if self.details is None else self.details
        return self.details

    def _claim_details(self, made: SpanDetails) -> SpanDetails:
        claimed = _details.setdefault(self, made)
        if self.details is None:
            self.details = claimed
        details = self.details
        _details.pop(self, None)
        return details

    def set_attribute(self, key: str, value: ApiValue) -> None:
        """Set one attribute; values of no attribute type are made safe or left out, never raised about."""
        if self.end_ns is None and self.scope.sampled:
            details = self.details
            if details is None:
                details = self._open()
            kind = type(value)
            # Most values need no cleaning. In line, since a function for it would cost a third of the whole.
            if (
                type(key) is str
                and len(key) <= SHORT_TEXT
                and (
                    (kind is str and len(value) <= origin.short_text)  # type: ignore[arg-type]
                    or kind is bool
                    or kind is float
                    or (kind is int and INT64_MIN <= value <= INT64_MAX)  # type: ignore[operator]
                )
            ):
                details[key] = value  # type: ignore[assignment]
                if len(details) <= origin.attribute_count_limit:
                    return
                del details[key]  # it is new, or there would be no more than before
                details.dropped_attributes += 1
            else:
                guard.call("span.set_attribute", self._set_unusual, details, key, value)

    def _set_unusual(self, details: SpanDetails, key: object, value: object) -> None:
        cleaned = clean_value(value, origin.attribute_length_limit)
        if not isinstance(key, str) or not key or cleaned is None:
            details.dropped_attributes += 1
            return
        name = clean_text(str(key), KEY_LENGTH)
        if name not in details and len(details) >= origin.attribute_count_limit:
            details.dropped_attributes += 1
            return
        details[name] = cleaned
        _add_weight(details, weight_of(cleaned))

    def set_attributes(self, attributes: Mapping[str, ApiValue]) -> None:
        """Set several attributes."""
        with guard.block("span.set_attributes"):
            for key, value in attributes.items():
                self.set_attribute(key, value)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event; ``timestamp`` is Unix time in nanoseconds, now when left out."""
        if self.is_recording():
            guard.call("span.add_event", self._add_event, name, attributes, timestamp)

    def _add_event(self, name: str, attributes: Attributes, timestamp: int | None) -> None:
        details = self._open()
        if details.events is None:
            details.events = []
        if len(details.events) >= origin.event_count_limit:
            details.dropped_events += 1
            return
        cleaned, dropped, heavy = clean_attributes(
            attributes, origin.attribute_count_limit, origin.attribute_length_limit
        )
        given = isinstance(timestamp, int) and 0 <= timestamp <= UINT64_MAX
        when = int(cast("int", timestamp)) if given else system_clock.unix_ns(intake.now_ns())
        details.events.append(SpanEvent(clean_name(name), cleaned, when, dropped))
        _add_weight(details, heavy)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Add a link to another span; an invalid context without attributes is ignored."""
        if self.is_recording():
            guard.call("span.add_link", self._add_link, context, attributes)

    def _add_link(self, context: SpanContext, attributes: Attributes) -> None:
        if context is None or not (context.is_valid or attributes or context.trace_state):
            return
        details = self._open()
        if details.links is None:
            details.links = []
        if len(details.links) >= origin.link_count_limit:
            details.dropped_links += 1
            return
        cleaned, dropped, heavy = clean_attributes(
            attributes, origin.attribute_count_limit, origin.attribute_length_limit
        )
        details.links.append(SpanLink(cast("Any", context), cleaned, dropped))
        _add_weight(details, heavy)

    def update_name(self, name: str) -> None:
        """Rename the span; the tool's name, and so its metrics, stay."""
        if self.is_recording():
            self._open().name = clean_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Set the status; ``OK`` is final and ``UNSET`` is ignored, as the specification says."""
        if self.is_recording():
            guard.call("span.set_status", self._set_status, status, description)

    def _set_status(self, given: object, description: str | None) -> None:
        status = Status(given, description) if isinstance(given, StatusCode) else given
        if not isinstance(status, Status) or not isinstance(status.status_code, StatusCode):
            return
        details = self._open()
        if details.status_code == StatusCode.OK.value or status.status_code is StatusCode.UNSET:
            return
        details.status_code = status.status_code.value
        details.status_description = None if status.description is None else clean_name(status.description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,  # noqa: FBT001, FBT002 - the API's own signature
    ) -> None:
        """Record an exception as an event. Its message and stack are the caller's to give: this call is explicit."""
        if not self.is_recording():
            return
        with guard.block("span.record_exception"):
            if not isinstance(cast("object", exception), BaseException):
                self._open().dropped_events += 1
                return
            described: dict[str, Any] = {
                "exception.type": describe_exception(type(exception)),
                "exception.message": message_of(exception),
                "exception.stacktrace": stack_of(exception),
                "exception.escaped": str(escaped is True),
            }
            described.update(attributes if isinstance(attributes, Mapping) else {})
            self._add_event("exception", described, timestamp)

    def end(self, end_time: int | None = None) -> None:
        """Do nothing: the wrapper that began the call ends it."""

    def __enter__(self) -> Self:
        """Return the span; it is current already."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        """Do nothing: the wrapper that began the call ends it."""

    # -- what other libraries read off the current span ----------------------------------------------------------

    @property
    def name(self) -> str:
        """The span's name."""
        return self.tool.span_name if self.details is None or self.details.name is None else self.details.name

    @property
    def kind(self) -> SpanKind:
        """Always ``INTERNAL``: a tool runs in the process."""
        return SpanKind.INTERNAL

    @property
    def attributes(self) -> Mapping[str, AttributeValue]:
        """A copy of all attributes: the tool's, the identity's, and those set on this call."""
        identity = self.scope.identity
        return {
            **self.tool.attributes,
            **({} if identity is None else identity.attributes),
            **({} if self.details is None else self.details),
        }

    @property
    def status(self) -> Status:
        """The status as an OpenTelemetry object."""
        details = self.details
        if details is None:
            return Status(StatusCode.UNSET)
        return Status(_STATUS_CODES[details.status_code], details.status_description)

    @property
    def events(self) -> Sequence[SpanEvent]:
        """The events so far."""
        return () if self.details is None else tuple(self.details.events or ())

    @property
    def links(self) -> Sequence[SpanLink]:
        """The links so far."""
        return () if self.details is None else tuple(self.details.links or ())

    @property
    def start_time(self) -> int:
        """Start as Unix time in nanoseconds."""
        return system_clock.unix_ns(self.start_ns)

    @property
    def end_time(self) -> int | None:
        """End as Unix time in nanoseconds; ``None`` while the call runs."""
        return None if self.end_ns is None else system_clock.unix_ns(self.end_ns)

    @property
    def resource(self) -> Any:
        """The resource of the provider."""
        return origin.resource

    @property
    def instrumentation_scope(self) -> Any:
        """The scope of our spans."""
        return origin.instrumentation_scope


trace.Span.register(ToolSpan)

# What several threads may make at the same moment is claimed here first, by one atomic step; a lock would cost more
# than all the rest. A claim is withdrawn only after what was claimed is in place, so whoever claims later sees it.
_contexts: Final[dict[ToolCall, SpanContext]] = {}
_details: Final[dict[ToolCall, SpanDetails]] = {}


def _child_context(parent: SpanContext | None, *, sampled: bool) -> SpanContext:
    """Identifiers of a span below ``parent``, or of a new trace."""
    if parent is None or not parent.is_valid:
        return SpanContext(
            origin.random_bits(128) or 1, origin.random_bits(64) or 1, _LOCAL, _SAMPLED_RANDOM if sampled else _RANDOM
        )
    random = bool(parent.trace_flags & TraceFlags.RANDOM_TRACE_ID)
    state: TraceState = parent.trace_state
    return SpanContext(parent.trace_id, origin.random_bits(64) or 1, _LOCAL, _FLAGS[sampled, random], state)


def clean_name(name: object) -> str:
    """A span, event or status text that can be encoded, whatever was passed."""
    cleaned = clean_value(name, origin.attribute_length_limit)
    return cleaned if isinstance(cleaned, str) else repr(cleaned)


def _add_weight(details: SpanDetails, size: int) -> None:
    if size:
        details.heavy_bytes += size
        intake.add_weight(size)
