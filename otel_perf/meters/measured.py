"""Measurements folded: sums, last values and distributions, per metric and set of labels; some 0.5 us each."""

import threading
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, TypeAlias

from otel_perf.core.measurements import Measurement
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.meters.roster import OTHER
from otel_perf.meters.values import HistogramReading, Labels, NumberReading, labels_of

__all__ = ["MeasuredMeters"]

SERIES_LIMIT: Final = 200
"""Sets of labels per metric. Beyond, all labels of a new one are ``_OTHER``."""

RawKey: TypeAlias = tuple[MetricSpec, tuple[str | None, ...]]


class _Series:
    """Strictly private: one metric with one set of labels."""

    __slots__ = ("counts", "labels", "maximum", "metric", "minimum", "total")

    def __init__(self, metric: MetricSpec, labels: Labels) -> None:
        self.metric = metric
        self.labels = labels
        self.counts = [0] * (len(metric.bounds) + 1) if metric.instrument == "histogram" else []
        self.total: float = 0
        self.minimum: float | None = None
        self.maximum: float | None = None

    def add(self, value: float, count: int) -> None:
        """Take a value in, as the instrument has it; in a histogram it stands for ``count`` of one bucket."""
        if self.metric.instrument == "gauge":
            self.total = value
            return
        self.total += value * count
        if self.counts:
            self.counts[bisect_left(self.metric.bounds, value)] += count
            if self.minimum is None or value < self.minimum:
                self.minimum = value
            if self.maximum is None or value > self.maximum:
                self.maximum = value

    def distribution(self) -> HistogramReading:
        """The present values of a histogram."""
        return HistogramReading(self.labels, tuple(self.counts), self.total, self.minimum, self.maximum, ())


class MeasuredMeters:
    """What the metrics know of measurements.

    ``on_measurements`` is for one thread at a time (the worker); ``readings`` may be called from any thread.
    """

    def __init__(self) -> None:
        """Start at zero."""
        self.forget()

    def forget(self) -> None:
        """Start again at zero: what a forked child does."""
        self._lock = threading.Lock()
        self._shortcuts: dict[RawKey, _Series] = {}
        self._families: dict[MetricSpec, dict[Labels, _Series]] = {}

    def on_measurements(self, measurements: Sequence[Measurement]) -> None:
        """Fold values that were found valid."""
        shortcuts = self._shortcuts
        with self._lock:
            for metric, value, labels, _, count in measurements:
                series = shortcuts.get((metric, labels))
                if series is None:
                    series = self._find(metric, labels)
                series.add(value, count)

    def labels_of(self, measurement: Measurement) -> Labels:
        """The bounded labels of a measurement that was folded."""
        with self._lock:
            known = self._shortcuts.get((measurement.metric, measurement.labels))
            return (known or self._find(measurement.metric, measurement.labels)).labels

    def _find(self, metric: MetricSpec, raw: tuple[str | None, ...]) -> _Series:
        family = self._families.setdefault(metric, {})
        labels = labels_of(metric.attributes, raw)
        if labels not in family and len(family) >= SERIES_LIMIT:
            labels = tuple((name, OTHER) for name, _ in labels)
        series = family.setdefault(labels, _Series(metric, labels))
        if len(self._shortcuts) < SERIES_LIMIT * 100:
            self._shortcuts[metric, raw] = series
        return series

    def numbers(self) -> dict[MetricSpec, list[NumberReading]]:
        """Sums and last values of every metric that was measured."""
        with self._lock:
            return {
                metric: [NumberReading(labels, series.total) for labels, series in family.items()]
                for metric, family in self._families.items()
                if metric.instrument != "histogram"
            }

    def histograms(self) -> dict[MetricSpec, list[HistogramReading]]:
        """Distributions of every metric that was measured."""
        with self._lock:
            return {
                metric: [series.distribution() for series in family.values()]
                for metric, family in self._families.items()
                if metric.instrument == "histogram"
            }
