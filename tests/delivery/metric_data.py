"""Metric data, made by hand."""

from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.metrics import Exemplar
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

CUMULATIVE = AggregationTemporality.CUMULATIVE
RESOURCE = Resource({"service.name": "tested"})
SCOPE = InstrumentationScope("app")


def number(value: Any, attributes: Any = None, exemplars: Sequence[Exemplar] = ()) -> NumberDataPoint:
    """One point of a counter or gauge."""
    return NumberDataPoint(attributes or {}, 1, 2, value, list(exemplars))


def counter(name: str, *points: NumberDataPoint, unit: str = "", description: str = "") -> Metric:
    """A counter."""
    return Metric(name, description, unit, Sum(list(points), CUMULATIVE, True))


def gauge(name: str, *points: NumberDataPoint, unit: str = "", description: str = "") -> Metric:
    """A gauge."""
    return Metric(name, description, unit, Gauge(list(points)))


def histogram(
    name: str,
    counts: Sequence[int],
    bounds: Sequence[float],
    attributes: Any = None,
    *,
    unit: str = "",
    total: float = 1.0,
    exemplars: Sequence[Exemplar] = (),
) -> Metric:
    """A histogram with one point."""
    point = HistogramDataPoint(
        attributes or {}, 1, 2, sum(counts), total, list(counts), list(bounds), 0.0, 1.0, list(exemplars)
    )
    return Metric(name, "", unit, Histogram([point], CUMULATIVE))


def data_of(*metrics: Metric, resource: Resource = RESOURCE, scope: InstrumentationScope = SCOPE) -> MetricsData:
    """Metrics of one scope."""
    return MetricsData([ResourceMetrics(resource, [ScopeMetrics(scope, list(metrics), "")], "")])


def merged(*parts: MetricsData) -> MetricsData:
    """Entries of several, as they are."""
    return MetricsData([entry for part in parts for entry in part.resource_metrics])
