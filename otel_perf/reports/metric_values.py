"""The measurements of a run as plain values: what every report, terminal or JSON, is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from otel_perf.core import tool_signals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from otel_perf.core.signal_spec import MetricSpec
    from otel_perf.meters.readings import Readings

__all__ = ["MetricValue", "metric_values"]

_OF_CALLS: Final = frozenset(spec.name for spec in tool_signals.METRICS)
"""What the call tree and the ledger tell already."""


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One metric with one set of labels.

    Attributes:
        name: OpenTelemetry name.
        unit: UCUM unit.
        value: Of a counter, up-down counter or gauge; ``None`` for a histogram.
        count: Values in a histogram; ``None`` for all others.
        total: Their sum, in ``unit``.
        minimum: The smallest of them; ``None`` when not known.
        maximum: The largest of them; ``None`` when not known.
        labels: Attribute names and values.
    """

    name: str
    unit: str
    value: float | None = None
    count: int | None = None
    total: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def mean(self) -> float | None:
        """Mean of a histogram's values; ``None`` without any."""
        return self.total / self.count if self.count and self.total is not None else None


def metric_values(readings: Readings) -> tuple[MetricValue, ...]:
    """All measurements in the order of the catalogue, those of calls and of the ledger left out."""
    specs = (spec for spec in readings.metrics() if spec.name not in _OF_CALLS)
    return tuple(value for spec in specs for value in _values(spec, readings))


def _values(spec: MetricSpec, readings: Readings) -> list[MetricValue]:
    if spec.instrument != "histogram":
        return [
            MetricValue(spec.name, spec.unit, value=found.value, labels=dict(found.labels))
            for found in readings.numbers[spec]
        ]
    return [
        MetricValue(
            spec.name,
            spec.unit,
            count=sum(found.counts),
            total=found.total,
            minimum=found.minimum,
            maximum=found.maximum,
            labels=dict(found.labels),
        )
        for found in readings.histograms[spec]
    ]
