"""The span of a piece of work that is begun, entered, left and ended by hand, each when its owner says so."""

from collections.abc import Mapping
from contextvars import Token
from typing import Any, cast

from opentelemetry.context import Context, attach

from otel_perf.core.guard import guard
from otel_perf.core.intake import Begun, Lifecycle, intake
from otel_perf.core.records import AttributeValue, Identity, Tool
from otel_perf.tracing.capture import record_failure
from otel_perf.tracing.lifecycle import current_call, leave
from otel_perf.tracing.span import origin
from otel_perf.tracing.values import clean_attributes

__all__ = ["OpenSpan", "extended_identity", "inherited_attribute"]


class OpenSpan:
    """A call, its span and the OpenTelemetry context in which it is current. Nothing of it raises.

    While recording is off (or inside ``suppress()``) there is none, and every method does nothing.

    Attributes:
        start_ns: Monotonic start in nanoseconds.
    """

    __slots__ = ("_begun", "_ended", "_lifecycle", "_token", "start_ns")

    def __init__(self, described: Tool, identity: Identity | None = None) -> None:
        """Begin the call, below what is current; it is not current itself yet."""
        self._lifecycle: Lifecycle = intake.lifecycle
        self._begun: Begun | None = self._lifecycle.begin(described, identity)
        self._token: Token[Context] | None = None
        self._ended = False
        self.start_ns = intake.now_ns() if self._begun is None else self._begun[0].start_ns

    @property
    def recorded(self) -> bool:
        """Whether there is a call: false while recording is off."""
        return self._begun is not None

    @property
    def identifiers(self) -> tuple[str, str] | None:
        """Trace and span id in hexadecimal digits, after the end too; ``None`` when recording was off."""
        if self._begun is None:
            return None
        context = self._begun[1].get_span_context()
        return f"{context.trace_id:032x}", f"{context.span_id:016x}"

    def enter(self) -> None:
        """Make the span the current one of this execution context."""
        if self._begun is not None:
            self._token = attach(self._begun[2])

    def leave(self) -> None:
        """Make the span around it the current one again."""
        if self._begun is not None and self._token is not None:
            leave(self._begun[2], self._token)
            self._token = None

    def set_attributes(self, attributes: Mapping[str, Any]) -> None:
        """Set attributes of the application; what no span can hold is made safe or left out."""
        if self._begun is not None:
            guard.call("operation.attributes", self._set_cleaned, self._begun[1], attributes)

    def set_measured(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Set attributes of ours, which any span can hold as they are."""
        if self._begun is not None:
            guard.call("operation.attributes", self._begun[1].set_attributes, cast("Any", attributes))

    def _set_cleaned(self, span: Any, attributes: Mapping[str, Any]) -> None:
        span.set_attributes(self._cleaned(attributes))

    def add_event(self, name: str, attributes: Mapping[str, Any], time_unix_ns: int) -> None:
        """Add an event, with attributes that any span can hold."""
        if self._begun is not None:
            guard.call("operation.event", self._begun[1].add_event, name, cast("Any", attributes), time_unix_ns)

    @staticmethod
    def _cleaned(attributes: Mapping[str, Any]) -> Any:
        return clean_attributes(attributes, origin.attribute_count_limit, origin.attribute_length_limit)[0]

    def end(self, error: BaseException | None, end_ns: int) -> None:
        """End the call at a monotonic time that was read before; ``error`` is what left it, if anything."""
        begun = self._begun
        if begun is None or self._ended:
            return
        self._ended = True
        if error is not None:
            record_failure(begun[1], error)
        self._lifecycle.end(begun[0], error, end_ns)


def inherited_attribute(name: str) -> "AttributeValue | None":
    """What the calls around this one hand down under ``name``."""
    around = current_call()
    identity = None if around is None else around.scope.identity
    return None if identity is None else identity.attributes.get(name)


def extended_identity(attributes: Mapping[str, AttributeValue]) -> Identity:
    """The identity that is current, with more attributes to hand down."""
    around = current_call()
    identity = None if around is None else around.scope.identity
    if identity is None:
        return Identity(None, attributes)
    return Identity(identity.agent_name, {**identity.attributes, **attributes})
