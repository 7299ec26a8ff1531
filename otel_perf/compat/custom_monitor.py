"""A monitor that takes metrics of the application's own: ``CustomPerformanceMonitor``.

>>> from otel_perf.compat.custom_monitor import CustomPerformanceMonitor
>>> monitor = CustomPerformanceMonitor()
>>> monitor.record_custom_metric("docs_indexed", 3, tags={"source": "wiki"})
>>> monitor.custom_metrics["docs_indexed"]["value"]
3
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

import otel_perf
from otel_perf.compat.metrics_collector import MetricsCollector

__all__ = ["CustomPerformanceMonitor"]

MOST_NAMES: Final = 200
"""Names whose last value is kept; as many custom metrics as one process may have."""


class CustomPerformanceMonitor(MetricsCollector):
    """A ``MetricsCollector`` with metrics of the application's own.

    Attributes:
        custom_metrics: The last value of each, by name: ``value``, ``tags``, ``timestamp`` (UTC).
    """

    def __init__(self, **options: Any) -> None:
        """Start at zero; nothing runs.

        Args:
            **options: As of ``MetricsCollector``.

        Raises:
            ValueError: As there.
        """
        super().__init__(**options)
        self.custom_metrics: dict[str, dict[str, Any]] = {}

    def record_custom_metric(self, name: str, value: float, tags: Mapping[str, object] | None = None) -> None:
        """Keep the value with its tags and the time, and record it as a gauge. Never raises.

        Args:
            name: What OpenTelemetry does not allow in a name is made safe, with one warning.
            value: The value.
            tags: Labels: a few values each.
        """
        if name in self.custom_metrics or len(self.custom_metrics) < MOST_NAMES:
            kept = dict(tags) if isinstance(tags, Mapping) else {}
            self.custom_metrics[name] = {"value": value, "tags": kept, "timestamp": datetime.now(UTC)}
        otel_perf.record_custom_metric(name, value, tags)
