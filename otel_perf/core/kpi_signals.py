"""The signals of key performance indicators."""

from typing import Final

from otel_perf.core.signal_spec import EventSpec, MetricSpec

__all__ = ["EVENTS", "METRICS"]

METRICS: Final[tuple[MetricSpec, ...]] = ()

EVENTS: Final[tuple[EventSpec, ...]] = ()
