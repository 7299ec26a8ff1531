"""What is looked up in the measurements of a run: sums, values and names by metric and label."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from otel_perf.reports.metric_values import MetricValue

__all__ = ["MeasuredTable"]


class MeasuredTable:
    """The measurements of a run, by metric."""

    def __init__(self, values: Iterable[MetricValue]) -> None:
        """Sort them."""
        self._by_name: defaultdict[str, list[MetricValue]] = defaultdict(list)
        for value in values:
            self._by_name[value.name].append(value)

    def of(self, metric: str, labels: Mapping[str, str | None] | None = None) -> list[MetricValue]:
        """The values of a metric that have all these labels; a label that is ``None`` is not asked for."""
        wanted = {name: value for name, value in (labels or {}).items() if value is not None}
        return [found for found in self._by_name.get(metric, ()) if wanted.items() <= found.labels.items()]

    def sum(self, metric: str, labels: Mapping[str, str | None] | None = None) -> float | None:
        """The sum of counters, gauges, or of all values of histograms; ``None`` when there is none."""
        parts = [found.total if found.value is None else found.value for found in self.of(metric, labels)]
        return sum(part for part in parts if part is not None) if parts else None

    def count(self, metric: str, labels: Mapping[str, str | None] | None = None) -> int:
        """How many values the histograms hold."""
        return sum(found.count or 0 for found in self.of(metric, labels))

    def mean(self, metric: str, labels: Mapping[str, str | None] | None = None) -> float | None:
        """Mean of the histograms' values; ``None`` when there is none."""
        count, total = self.count(metric, labels), self.sum(metric, labels)
        return total / count if count and total is not None else None

    def names(self, metric: str, label: str) -> list[str]:
        """The values of a label, in the order in which they came up."""
        return list(dict.fromkeys(found.labels[label] for found in self.of(metric) if label in found.labels))

    def kpis(self) -> list[str]:
        """Names of the key performance indicators that were recorded."""
        return [
            name
            for name, found in self._by_name.items()
            if name.startswith("otel_perf.kpi.") and not found[0].unit.startswith("{")  # that one counts something
        ]
