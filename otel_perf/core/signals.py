"""The one catalogue of every span, event, metric and attribute that the package emits.

Meters, the Prometheus names, dashboards, rules and the reference table are made from it.
Names of the OpenTelemetry semantic conventions are used where there is one; all others are ours, ``otel_perf.*``.
The parts stand beside this file, one per subject.
"""

from typing import Final

from otel_perf.core import (
    cache_signals,
    compression_signals,
    conversation_signals,
    kpi_signals,
    model_signals,
    operation_signals,
    process_signals,
    rate_limit_signals,
    system_signals,
    tool_signals,
)
from otel_perf.core.signal_spec import EventSpec, MetricSpec

__all__ = ["EVENTS", "METRICS", "metric"]

METRICS: Final[tuple[MetricSpec, ...]] = (
    *tool_signals.METRICS,
    *model_signals.METRICS,
    *operation_signals.METRICS,
    *kpi_signals.METRICS,
    *cache_signals.METRICS,
    *compression_signals.METRICS,
    *conversation_signals.METRICS,
    *rate_limit_signals.METRICS,
    *system_signals.METRICS,
    *process_signals.METRICS,
)
"""Every metric. Nothing is emitted that is not here, and a test emits each one."""

EVENTS: Final[tuple[EventSpec, ...]] = (*kpi_signals.EVENTS,)
"""Every event."""

_BY_NAME: Final = {spec.name: spec for spec in METRICS}


def metric(name: str) -> MetricSpec:
    """The specification of the metric ``name``; ``KeyError`` when the catalogue has none."""
    return _BY_NAME[name]
