"""What a signal is made of: the types of the catalogue."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

__all__ = ["AttributeSpec", "EventSpec", "Instrument", "MetricSpec", "SpanSpec"]

Instrument: TypeAlias = Literal["counter", "updowncounter", "gauge", "histogram"]
Stability: TypeAlias = Literal["stable", "development"]
SpanKind: TypeAlias = Literal["internal", "client"]


@dataclass(frozen=True, slots=True)
class AttributeSpec:
    """One attribute of a signal.

    Attributes:
        name: OpenTelemetry name.
        meaning: One sentence, with the values where they are few.
        bounded_by: What bounds the number of its values, where it is the label of a metric.
        type: As the conventions write it: string, int, double, boolean, string[].
        source: Where the name comes from.
    """

    name: str
    meaning: str
    bounded_by: str = ""
    type: str = "string"
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class MetricSpec:
    """One metric. There is one object per metric, which is equal to itself alone.

    Attributes:
        name: OpenTelemetry name.
        instrument: Counter (monotonic sum), up-down counter (sum), gauge or histogram.
        unit: UCUM unit as OpenTelemetry writes it.
        meaning: One sentence.
        attributes: Its labels.
        bounds: Histogram bounds in ``unit``.
        synchronous: Recorded where it happens, not read when metrics are collected.
        stability: As OpenTelemetry uses the word.
        source: Where the name comes from.
    """

    name: str
    instrument: Instrument
    unit: str
    meaning: str
    attributes: tuple[AttributeSpec, ...] = ()
    bounds: tuple[float, ...] = ()
    synchronous: bool = False
    stability: Stability = "development"
    source: str = "otel_perf"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """One kind of event: an OpenTelemetry log record with this event name."""

    name: str
    meaning: str
    attributes: tuple[AttributeSpec, ...]
    stability: Stability = "development"
    source: str = "otel_perf"


@dataclass(frozen=True, slots=True)
class SpanSpec:
    """One kind of span; ``name`` holds the attributes it is made of in braces."""

    name: str
    kind: SpanKind
    meaning: str
    attributes: tuple[AttributeSpec, ...]
    stability: Stability = "development"
    source: str = "otel_perf"
