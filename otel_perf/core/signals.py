"""The one catalogue of every span, event, metric and attribute that the package emits.

Meters, the Prometheus names, dashboards, rules and the reference table are made from it.
Names of the OpenTelemetry semantic conventions are used where there is one; all others are ours, ``otel_perf.*``.
The parts stand beside this file, one per subject.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Final

from otel_perf.core import (
    alert_signals,
    cache_signals,
    compression_signals,
    conversation_signals,
    kpi_signals,
    model_signals,
    operation_signals,
    process_signals,
    rate_limit_signals,
    span_signals,
    system_signals,
    tool_signals,
)
from otel_perf.core.signal_spec import EventSpec, MetricSpec, SpanSpec

__all__ = ["EVENTS", "METRICS", "SPANS", "SUBJECTS", "metric"]

SUBJECTS: Final[Mapping[str, tuple[MetricSpec, ...]]] = {
    "Tools, agents and otel_perf itself": tool_signals.METRICS,
    "Model calls": model_signals.METRICS,
    "Operations": operation_signals.METRICS,
    "Key performance indicators": kpi_signals.METRICS,
    "Caches": cache_signals.METRICS,
    "Compression": compression_signals.METRICS,
    "Conversation memory": conversation_signals.METRICS,
    "Rate limits": rate_limit_signals.METRICS,
    "The machine": system_signals.METRICS,
    "This process": process_signals.METRICS,
}
"""Metrics by what they are about."""

METRICS: Final[tuple[MetricSpec, ...]] = tuple(chain.from_iterable(SUBJECTS.values()))
"""Every metric. Nothing is emitted that is not here, and a test emits each one."""

EVENTS: Final[tuple[EventSpec, ...]] = (*kpi_signals.EVENTS, *cache_signals.EVENTS, *alert_signals.EVENTS)
"""Every event."""

SPANS: Final[tuple[SpanSpec, ...]] = (*span_signals.SPANS, *operation_signals.SPANS)
"""Every span."""

_BY_NAME: Final = {spec.name: spec for spec in METRICS}


def metric(name: str) -> MetricSpec:
    """The specification of the metric ``name``; ``KeyError`` when the catalogue has none."""
    return _BY_NAME[name]
