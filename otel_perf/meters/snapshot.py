"""Readings as the SDK's ``MetricsData``: what exporters and the Prometheus page take."""

import threading
from collections.abc import Iterable
from typing import Any, Final, cast
from weakref import WeakSet

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

from otel_perf.core.signal_spec import MetricSpec
from otel_perf.meters.cell import NANOSECONDS, CallExemplar
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.interval import Interval, Temporality, is_delta
from otel_perf.meters.readings import Readings, read_metrics
from otel_perf.meters.sources import MetricSources
from otel_perf.meters.values import HistogramReading, NumberReading

__all__ = ["FoldedMetrics", "FoldedReader", "merge_metrics"]

CUMULATIVE: Final = AggregationTemporality.CUMULATIVE
DELTA: Final = AggregationTemporality.DELTA


class FoldedMetrics:
    """Our own metrics, for any number of readers.

    Attributes:
        meters: The folded calls.
        sources: Everything else.
        resource: The resource of the process; a forked child sets its own.
        scope: The instrumentation scope of our metrics.
    """

    def __init__(
        self, meters: ToolMeters, sources: MetricSources, resource: Resource, scope: InstrumentationScope
    ) -> None:
        """Hold what is collected from."""
        self.meters = meters
        self.sources = sources
        self.resource = resource
        self.scope = scope
        self._readers: WeakSet[FoldedReader] = WeakSet()

    def reader(self, temporality: Temporality = "cumulative", *, repeat_exemplars: bool = False) -> "FoldedReader":
        """A new reader, which knows what it has already seen.

        Args:
            temporality: What counters and histograms count from.
            repeat_exemplars: Give every bucket's newest exemplar each time (a page that several servers scrape),
                not only those that are new to this reader (an exporter).
        """
        reader = FoldedReader(self, temporality, repeat_exemplars=repeat_exemplars)
        self._readers.add(reader)
        return reader

    def after_fork_in_child(self, resource: Resource) -> None:
        """Start at zero, fold and readers, with the child's resource."""
        self.resource = resource
        self.meters.forget()
        for reader in self._readers:
            reader.forget()


class FoldedReader:
    """One consumer's view of our metrics: it remembers what it has collected."""

    def __init__(self, source: FoldedMetrics, temporality: Temporality, *, repeat_exemplars: bool) -> None:
        """See ``FoldedMetrics.reader``."""
        self._source = source
        self._temporality: Temporality = temporality
        self._repeat_exemplars = repeat_exemplars
        self.forget()

    def forget(self) -> None:
        """Start again: what a forked child does, after ``ToolMeters.forget()``."""
        self._lock = threading.Lock()
        self._start_unix_ns = self._source.meters.start_unix_ns
        self._interval = Interval(self._start_unix_ns)
        self._exemplars_until_ns = 0

    def collect(self, now_unix_ns: int) -> MetricsData:
        """Every metric of the catalogue that has a value now. Concurrent calls take turns.

        Args:
            now_unix_ns: Unix time in nanoseconds, the time of all points.
        """
        with self._lock:
            readings = read_metrics(self._source.meters, self._source.sources)
            metrics = list(self._metrics(readings, now_unix_ns))
            self._exemplars_until_ns = _last_exemplar_ns(readings, self._exemplars_until_ns)
        scope = ScopeMetrics(self._source.scope, metrics, self._source.scope.schema_url or "")
        return MetricsData([ResourceMetrics(self._source.resource, [scope], self._source.resource.schema_url)])

    def _metrics(self, readings: Readings, now_unix_ns: int) -> Iterable[Metric]:
        for spec in readings.metrics():
            data: Any = (
                self._histogram(spec, readings.histograms[spec], now_unix_ns)
                if spec.instrument == "histogram"
                else self._number(spec, readings.numbers[spec], now_unix_ns)
            )
            if data.data_points:
                yield Metric(spec.name, spec.meaning, spec.unit, data)

    def _number(self, spec: MetricSpec, values: list[NumberReading], now: int) -> Sum | Gauge:
        if spec.instrument == "gauge":
            return Gauge([_number_point(value, self._start_unix_ns, now) for value in values])
        if spec.instrument == "updowncounter":
            return Sum([_number_point(value, self._start_unix_ns, now) for value in values], CUMULATIVE, False)  # noqa: FBT003
        if not is_delta(spec, self._temporality):
            return Sum([_number_point(value, self._start_unix_ns, now) for value in values], CUMULATIVE, True)  # noqa: FBT003
        start = self._interval.begin(spec.name, now)
        grown = [self._interval.number_since(spec.name, value) for value in values]
        return Sum([_number_point(value, start, now) for value in grown if value is not None], DELTA, True)  # noqa: FBT003

    def _histogram(self, spec: MetricSpec, values: list[HistogramReading], now: int) -> Histogram:
        start, temporality = self._start_unix_ns, CUMULATIVE
        if is_delta(spec, self._temporality):
            start, temporality = self._interval.begin(spec.name, now), DELTA
            grown = [self._interval.histogram_since(spec.name, value) for value in values]
            values = [value for value in grown if value is not None]
        return Histogram([self._histogram_point(spec, value, start, now) for value in values], temporality)

    def _histogram_point(self, spec: MetricSpec, value: HistogramReading, start: int, now: int) -> HistogramDataPoint:
        after = 0 if self._repeat_exemplars else self._exemplars_until_ns
        return HistogramDataPoint(
            attributes=dict(value.labels),
            start_time_unix_nano=start,
            time_unix_nano=now,
            count=sum(value.counts),
            sum=value.total,
            bucket_counts=value.counts,
            explicit_bounds=spec.bounds,
            # The encoder leaves None out, as OTLP does with what is not known; the SDK's annotation has no word for it.
            min=cast(float, value.minimum),
            max=cast(float, value.maximum),
            exemplars=[_exemplar(exemplar) for exemplar in value.exemplars if exemplar.time_unix_ns > after],
        )


def _number_point(reading: NumberReading, start: int, now: int) -> NumberDataPoint:
    return NumberDataPoint(dict(reading.labels), start, now, reading.value)


def _exemplar(exemplar: CallExemplar) -> Exemplar:
    return Exemplar({}, exemplar.duration_ns / NANOSECONDS, exemplar.time_unix_ns, exemplar.span_id, exemplar.trace_id)


def _last_exemplar_ns(readings: Readings, before: int) -> int:
    times = (
        exemplar.time_unix_ns
        for values in readings.histograms.values()
        for value in values
        for exemplar in value.exemplars
    )
    return max(times, default=before)


def merge_metrics(parts: Iterable[MetricsData | None]) -> MetricsData:
    """One ``MetricsData`` of several, one entry per resource: the public encoder keeps only the last of equal ones."""
    scopes: dict[Resource, list[ScopeMetrics]] = {}
    for part in parts:
        for entry in () if part is None else part.resource_metrics:
            scopes.setdefault(entry.resource, []).extend(entry.scope_metrics)
    return MetricsData([ResourceMetrics(resource, found, resource.schema_url) for resource, found in scopes.items()])
