"""Monitoring in the background, with a Prometheus page: ``start_performance_monitoring()``.

>>> from otel_perf.compat.monitor import monitor
>>> with monitor.measure_command("my_command"):
...     total = sum(range(1000))
"""

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from otel_perf import instrument
from otel_perf.compat.alerting import AlertRecord, AlertThresholds
from otel_perf.compat.metrics_collector import (
    DEFAULT_ALERTS,
    DEFAULT_INTERVAL_SECONDS,
    DEFAULT_PORT,
    DEFAULT_SAMPLES,
    MetricsCollector,
)
from otel_perf.compat.system_metrics import SystemMetrics
from otel_perf.core.guard import guard
from otel_perf.runtime import active

if TYPE_CHECKING:
    from otel_perf.runtime.handle import Handle
    from otel_perf.runtime.metrics_out import MetricsOut

__all__ = [
    "AlertRecord",
    "AlertThresholds",
    "MetricsCollector",
    "PrometheusPerformanceMonitor",
    "SystemMetrics",
    "monitor",
    "start_performance_monitoring",
    "stop_performance_monitoring",
]


SHORTEST_SECONDS: Final = 0.1
LONGEST_SECONDS: Final = 3600.0
"""What the setting ``system_interval_seconds`` may be."""


class PrometheusPerformanceMonitor(MetricsCollector):
    """A ``MetricsCollector`` that also starts otel_perf's pipeline, and shows all metrics on a Prometheus page.

    The page needs no further package, and listens on 127.0.0.1 only.
    """

    _handle: "Handle | None" = None
    """The pipeline, if this object started it."""

    def __init__(
        self,
        *,
        thresholds: AlertThresholds | None = None,
        max_samples: int = DEFAULT_SAMPLES,
        max_alerts: int = DEFAULT_ALERTS,
    ) -> None:
        """Start at zero; nothing runs.

        Args:
            thresholds: When to alert; see ``AlertThresholds`` for what holds without.
            max_samples: Durations that are kept of each command, and times of each cache's hits and misses.
            max_alerts: Alerts that are kept.

        Raises:
            ValueError: A number is not positive.
        """
        super().__init__(thresholds=thresholds, max_samples=max_samples, max_alerts=max_alerts)
        self._opened: MetricsOut | None = None

    def start_monitoring(
        self, *, interval_seconds: float = DEFAULT_INTERVAL_SECONDS, port: int | None = None, **settings: Any
    ) -> None:
        """Start the pipeline (unless one runs) and look at the machine every so often. A repeated call does nothing.

        The pipeline is started on the monitor's own thread, so this call returns within 50 ms. The first start in a
        process takes some 0.3 s, most of it for imports: until then commands and operations are measured and kept,
        but have no span. ``wait_until_ready()`` waits; so does calling ``otel_perf.instrument()`` first.

        Args:
            interval_seconds: Time between two looks at the machine.
            port: Open the Prometheus page at this port of 127.0.0.1; 0 takes a free one, ``None`` opens none. A port
                that is in use is told in one warning, and there is no page.
            **settings: Handed to ``otel_perf.instrument()``: ``service_name``, ``endpoint`` and so on. They do not
                hold when a pipeline runs already.

        Raises:
            ValueError: The interval is not positive.
        """
        looked = {"system_interval_seconds": min(max(interval_seconds, SHORTEST_SECONDS), LONGEST_SECONDS)}
        super().start_monitoring(interval_seconds=interval_seconds, port=port, **{**looked, **settings})

    def _starts_fast(self) -> bool:
        return "otel_perf.runtime.engine" in sys.modules

    def _preparation(self, port: int | None, settings: dict[str, Any]) -> Callable[[], object]:
        return lambda: self._instrument(port, settings)

    def _instrument(self, port: int | None, settings: dict[str, Any], host: str = "127.0.0.1") -> "Handle":
        with active.lock():
            running = active.current()
            if running is None:
                page = {} if port is None else {"prometheus": (host, port)}
                running = self._handle = instrument(**{**page, **settings})
            elif port is not None:
                guard.call("monitor.page", self._open_page, running, host, port)
            return running

    def _open_page(self, running: "Handle", host: str, port: int) -> None:
        out = None if running.engine is None else running.engine.metrics_out
        if out is not None and (out.page is None or out.page.url is None):
            self._opened = out
            out.open_page(host, port)

    def start_metrics_server(self, port: int = DEFAULT_PORT, host: str = "127.0.0.1") -> str | None:
        """Open the Prometheus page, and start the pipeline first when none runs (some 0.3 s then). Never raises.

        A page that is open already stays where it is.

        Args:
            port: 0 takes a free one.
            host: An address of the loopback.

        Returns:
            The address; ``None`` when the page could not be opened, which is told in one warning.
        """
        self._instrument(port, {}, host)
        return self.metrics_url

    @property
    def metrics_url(self) -> str | None:
        """Where the Prometheus page is; ``None`` while there is none."""
        handle = active.current()
        page = None if handle is None or handle.engine is None else handle.engine.metrics_out.page
        return None if page is None else page.url

    def stop_monitoring(self, timeout: float = 5.0) -> bool:
        """End the thread and the page; shut the pipeline down if this object started it. The numbers stay.

        Args:
            timeout: Longest wait in seconds, for the thread and for the pipeline each.

        Returns:
            True when everything has ended, and everything was delivered.
        """
        ended = super().stop_monitoring(timeout)
        opened, self._opened = self._opened, None
        if opened is not None:
            guard.call("monitor.page", opened.close_page)
        handle, self._handle = self._handle, None
        return (handle is None or handle.shutdown(timeout)) and ended


monitor: Final = PrometheusPerformanceMonitor()
"""One for the whole process."""


def start_performance_monitoring(
    *, interval_seconds: float = DEFAULT_INTERVAL_SECONDS, port: int | None = None, **settings: Any
) -> PrometheusPerformanceMonitor:
    """Start the global ``monitor``: see ``PrometheusPerformanceMonitor.start_monitoring``. Returns it.

    Args:
        interval_seconds: Time between two looks at the machine.
        port: Port of the Prometheus page on 127.0.0.1; none without.
        **settings: Handed to ``otel_perf.instrument()``.

    Raises:
        ValueError: The interval is not positive.
    """
    monitor.start_monitoring(interval_seconds=interval_seconds, port=port, **settings)
    return monitor


def stop_performance_monitoring(timeout: float = 5.0) -> bool:
    """Stop the global ``monitor``: see ``PrometheusPerformanceMonitor.stop_monitoring``."""
    return monitor.stop_monitoring(timeout)
