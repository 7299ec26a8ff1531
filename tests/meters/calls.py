"""Ended calls, made by hand."""

from typing import Any

from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, TraceFlags

from otel_perf.core import tool_signals
from otel_perf.core.events import EventBalance
from otel_perf.core.ledger import CallBalance, DestinationBalance
from otel_perf.core.measurements import Measurement, MeasurementBalance
from otel_perf.core.records import Failure, Identity, Scope, Tool, ToolCall
from otel_perf.core.signals import METRICS
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.snapshot import FoldedMetrics
from otel_perf.meters.sources import MetricSources, OpenCalls

MILLISECOND = 1_000_000
SECOND = 1_000_000_000
UNSAMPLED = Scope(sampled=False)
SAMPLED = Scope(sampled=True)
FAILED = Failure("error", "ValueError")

RESOURCE = Resource({"service.name": "tested"})
SCOPE = InstrumentationScope("otel_perf", "0.0")
BESIDE_CALLS = [spec for spec in METRICS if spec not in tool_signals.METRICS]
"""Metrics that neither calls nor the ledger give."""


def ended_call(
    tool: Tool,
    duration_ns: int = MILLISECOND,
    *,
    failure: Failure | None = None,
    caller: ToolCall | None = None,
    scope: Scope = UNSAMPLED,
    start_ns: int = 0,
    context: Any = None,
) -> ToolCall:
    """A call as the worker gets it."""
    call = ToolCall.__new__(ToolCall)
    call.tool, call.caller, call.scope, call.failure, call.context = tool, caller, scope, failure, context
    call.start_ns, call.end_ns = start_ns, start_ns + duration_ns
    call.parent = call.details = call.readable = None
    return call


def by_agent(name: str) -> Scope:
    """A scope below ``agent(name)``."""
    return Scope(sampled=False, identity=Identity(name, {}))


def span_context(trace_id: int = 0xABC, span_id: int = 0xDEF) -> SpanContext:
    """Identifiers of a sampled span."""
    return SpanContext(trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def full_sources() -> MetricSources:
    """Sources that know everything."""
    return MetricSources(
        calls=lambda: CallBalance(calls=10, span_recorded=7, sampled_out=2, disabled=1, foreign_spans=4),
        destinations=lambda: [
            DestinationBalance(
                "localhost:4318", "traces", 11, 5, 1, 1, 1, 1, 0, {"http_4xx": 1}, {"queue_full": 1}, spool_bytes=4096
            )
        ],
        open_calls=lambda: {"running": OpenCalls(2, 1.5)},
        queue_items=lambda: 3,
        worker_cpu_seconds=lambda: 0.25,
        internal_errors=lambda: {"stage": 1},
        self_time_seconds=lambda: {"search": 0.5},
        measurements=lambda: MeasurementBalance(10, 7, 1, 1, 1),
        events=lambda: EventBalance(5, 3, 1, 1),
        observed=lambda: [
            Measurement(spec, 1, tuple("x" for _ in spec.attributes), 0)
            for spec in BESIDE_CALLS
            if not spec.synchronous
        ],
    )


def some_measurements() -> list[Measurement]:
    """One measurement of each metric that is recorded where it happens."""
    return [Measurement(spec, 1, tuple("x" for _ in spec.attributes), 0) for spec in BESIDE_CALLS if spec.synchronous]


def folded(meters: ToolMeters, sources: MetricSources | None = None) -> FoldedMetrics:
    """The fold with a resource and a scope."""
    return FoldedMetrics(meters, sources or MetricSources(), RESOURCE, SCOPE)


def points_of(data: MetricsData | None, name: str) -> list[Any]:
    """The data points of one metric, wherever it is."""
    return [
        point
        for entry in (() if data is None else data.resource_metrics)
        for scope in entry.scope_metrics
        for metric in scope.metrics
        if metric.name == name
        for point in metric.data.data_points
    ]


def values_of(data: MetricsData | None, name: str) -> dict[tuple[str, ...], Any]:
    """Values of one metric by the values of its attributes."""
    return {tuple(str(v) for v in point.attributes.values()): point.value for point in points_of(data, name)}
