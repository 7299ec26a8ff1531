"""The event: something that happened once, sent as an OpenTelemetry log record with an event name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from otel_perf.core.intake import intake
from otel_perf.core.records import AttributeValue
from otel_perf.core.signal_spec import EventSpec

__all__ = ["SEVERITY_NUMBERS", "Event", "EventBalance", "Severity", "emit"]

Severity: TypeAlias = Literal["INFO", "WARN", "ERROR", "FATAL"]

SEVERITY_NUMBERS: Final[Mapping[Severity, int]] = {"INFO": 9, "WARN": 13, "ERROR": 17, "FATAL": 21}
"""The lowest number of each range of the OpenTelemetry logs data model."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event. All values are already safe to encode.

    Attributes:
        spec: Which event of the catalogue.
        attributes: By their OpenTelemetry names; those that do not apply are left out.
        trace_id: The trace that it belongs to; 0 for none.
        span_id: The span that it belongs to; 0 for none.
        trace_flags: W3C flags of that span; 0 where they are not known.
        time_ns: When it happened, on the monotonic clock.
        severity: How bad it is.
        body: A sentence for people; ``None`` where the attributes say all.
    """

    spec: EventSpec
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    trace_id: int = 0
    span_id: int = 0
    trace_flags: int = 0
    time_ns: int = field(default_factory=lambda: intake.now_ns())  # noqa: PLW0108 - the clock may be exchanged
    severity: Severity = "INFO"
    body: str | None = None

    @property
    def name(self) -> str:
        """Its OpenTelemetry event name."""
        return self.spec.name

    def __repr__(self) -> str:
        return (
            f"Event({self.spec.name!r}, {dict(self.attributes)!r}, trace_id=0x{self.trace_id:032x}, "
            f"span_id=0x{self.span_id:016x}, severity={self.severity!r}, body={self.body!r})"
        )


@dataclass(frozen=True, slots=True)
class EventBalance:
    """Events in one snapshot.

    Attributes:
        events: All that were handed in.
        recorded: Handed on to their readers, or waiting for it.
        dropped: Lost, because too many waited.
        disabled: Made while recording was off.
    """

    events: int
    recorded: int
    dropped: int
    disabled: int

    @property
    def balanced(self) -> bool:
        """Whether every event is accounted for."""
        return self.events == self.recorded + self.dropped + self.disabled


def emit(event: Event) -> None:
    """Hand in one event. Never raises, never waits; without a pipeline it is only counted."""
    intake.take_event(event)
