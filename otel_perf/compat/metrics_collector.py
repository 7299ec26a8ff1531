"""A collector that keeps its numbers in memory: no page, no pipeline, no package beyond the standard library needed."""

import math
from collections.abc import Callable
from typing import Any, Final

from otel_perf.compat.alerting import AlertJudge, AlertRecord, AlertThresholds
from otel_perf.compat.amounts import known
from otel_perf.compat.background_look import BackgroundLook
from otel_perf.compat.cache_tracker import CachePerformanceTracker
from otel_perf.compat.command_run import CommandRun, CommandTallies, MonitoredCommand
from otel_perf.compat.compression_tally import Compression, CompressionTallies
from otel_perf.compat.forks import ForkSafeLock
from otel_perf.compat.metrics_summary import (
    alert_values,
    cache_values,
    command_values,
    compression_values,
    pipeline_values,
    system_values,
)
from otel_perf.compat.system_metrics import SystemLook, SystemMetrics
from otel_perf.core import clock
from otel_perf.core.cache_signals import CACHE_EVICTIONS
from otel_perf.core.recording import record
from otel_perf.core.tallies import Names
from otel_perf.probes.interactions import InteractionBlock
from otel_perf.probes.occurrence import label_text

__all__ = ["MetricsCollector"]

DEFAULT_INTERVAL_SECONDS: Final = 5.0
DEFAULT_SAMPLES: Final = 1_000
DEFAULT_ALERTS: Final = 1_000
DEFAULT_PORT: Final = 9464
"""The port that OpenTelemetry gives to Prometheus pages."""
CACHE_LIMIT: Final = 200
LONGEST_WAIT_SECONDS: Final = 0.02
"""How long a start that will be short is waited for, so that the caller's next command has its span already."""
EVICTION_REASONS: Final = ("lru", "bytes", "ttl", "too_large", "cleared")


class MetricsCollector:
    """Measures commands, counts what it is told of caches and compressions, looks at the machine, judges thresholds.

    Everything is kept here, whether otel_perf is recording or not; while it is, everything also goes to its metrics,
    spans and events. Thread-safe; usable from any number of tasks.
    """

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
        if min(max_samples, max_alerts) < 1:
            raise ValueError("max_samples and max_alerts must be positive")
        self._max_samples = max_samples
        self._judge = AlertJudge(thresholds or AlertThresholds(), max_alerts)
        self._commands = CommandTallies(max_samples)
        self._compressions = CompressionTallies()
        self._lock = ForkSafeLock()
        self._cache_names = Names(CACHE_LIMIT)
        self._caches: dict[str, CachePerformanceTracker] = {}
        self._evictions: dict[str, int] = {}
        self._system = SystemLook()
        self._background = BackgroundLook(self.check_thresholds)

    # -- life --------------------------------------------------------------------------------------------------------

    def start_monitoring(
        self, *, interval_seconds: float = DEFAULT_INTERVAL_SECONDS, port: int | None = None, **settings: Any
    ) -> None:
        """Look at the machine every so often, on one thread of this object's own. A repeated call changes nothing.

        Args:
            interval_seconds: Time between two looks.
            port: See ``PrometheusPerformanceMonitor``; this collector has no page.
            **settings: See there; this collector starts no pipeline.

        Raises:
            ValueError: The interval is not positive.
        """
        if not (math.isfinite(interval_seconds) and interval_seconds > 0):
            raise ValueError(f"interval_seconds must be positive, not {interval_seconds!r}")
        if self._background.start(self._preparation(port, settings), interval_seconds) and self._starts_fast():
            self._background.wait_until_ready(LONGEST_WAIT_SECONDS)

    def _starts_fast(self) -> bool:
        """Whether what the thread does first takes a few milliseconds only."""
        return True

    def _preparation(self, port: int | None, settings: dict[str, Any]) -> Callable[[], object]:
        """What the thread does first."""
        del port, settings
        return lambda: None

    def wait_until_ready(self, timeout: float = 5.0) -> bool:
        """Wait until what ``start_monitoring`` began is complete; false when it is not within ``timeout`` seconds."""
        return self._background.wait_until_ready(timeout)

    def stop_monitoring(self, timeout: float = 5.0) -> bool:
        """End the thread. The numbers stay. Safe without a start, and twice.

        Args:
            timeout: Longest wait in seconds.

        Returns:
            True when everything has ended.
        """
        return self._background.stop(timeout)

    @property
    def monitoring(self) -> bool:
        """Whether the machine is looked at."""
        return self._background.running

    def start_metrics_server(self, port: int = DEFAULT_PORT, host: str = "127.0.0.1") -> str | None:
        """See ``PrometheusPerformanceMonitor``; this collector has no page, so there is no address."""
        del port, host
        return self.metrics_url

    @property
    def metrics_url(self) -> str | None:
        """Where the Prometheus page is; ``None`` while there is none."""
        return None

    # -- what is measured --------------------------------------------------------------------------------------------

    def measure_command(self, name: str) -> InteractionBlock:
        """Measure a command, in ``with`` or ``async with``, or as a decorator of functions of every kind.

        It is a span ``command {name}`` below the current one, ``otel_perf.command.executions`` and ``.duration``. An
        exception passes as it is.

        Args:
            name: Name of the command, without its arguments: a metric label.
        """
        return MonitoredCommand(name, self._command_ended)

    def _command_ended(self, run: CommandRun, seconds: float, failed: bool) -> None:  # noqa: FBT001 - a callback
        name = self._commands.add(run.command_name, seconds, failed=failed)
        limit = self._judge.thresholds.response_time_seconds
        place = run.span.identifiers if limit is not None and seconds > limit else None
        self._judge.judge_response(name, seconds, place)

    def track_cache_access(self, cache: str, hit: bool, *, seconds: float | None = None) -> None:  # noqa: FBT001 - reads well by position
        """Count one look-up in a cache: here, and in ``otel_perf.cache.requests``. Never raises.

        Args:
            cache: The cache's name: a metric label.
            hit: Whether the value was there.
            seconds: How long it took, if that was measured.
        """
        self._tracker(cache).record_access(hit=hit, seconds=seconds)

    def track_cache_eviction(self, cache: str, reason: str = "lru", count: int = 1) -> None:
        """Count entries that a cache gave up: here, and in ``otel_perf.cache.evictions``. Never raises.

        Args:
            cache: The cache's name.
            reason: ``lru``, ``bytes``, ``ttl``, ``too_large`` or ``cleared``; any other is left out of the metric.
            count: How many; none when it is no positive number.
        """
        if not isinstance(count, int) or count < 1:
            return
        name = self._tracker(cache).name
        with self._lock:
            self._evictions[name] = self._evictions.get(name, 0) + count
        record(CACHE_EVICTIONS, count, name, reason if reason in EVICTION_REASONS else None)

    def _tracker(self, cache: str) -> CachePerformanceTracker:
        with self._lock:
            name = self._cache_names.label(label_text(cache))
            tracker = self._caches.get(name)
            if tracker is None:
                tracker = self._caches[name] = CachePerformanceTracker(name, max_samples=self._max_samples)
            return tracker

    def track_compression(  # noqa: PLR0913 - each is a number of its own
        self,
        technique: str,
        tokens_before: int | None = None,
        tokens_after: int | None = None,
        *,
        bytes_before: int | None = None,
        bytes_after: int | None = None,
        seconds: float | None = None,
        estimated: bool = True,
    ) -> None:
        """Count a compression that other code made: here, and in ``otel_perf.compression.*``. Never raises.

        Those of ``context_optimizer`` are in the metrics by themselves; told here, they would count twice there.

        Args:
            technique: Its name: a metric label.
            tokens_before: Tokens of the input, if known.
            tokens_after: Tokens of the output, if known.
            bytes_before: UTF-8 bytes of the input, if known.
            bytes_after: UTF-8 bytes of the output, if known.
            seconds: How long it took, if that was measured.
            estimated: Whether the tokens are estimates; false when a tokenizer counted them.
        """
        one = Compression(
            tokens_before=known(tokens_before),
            tokens_after=known(tokens_after),
            bytes_before=known(bytes_before),
            bytes_after=known(bytes_after),
            seconds=known(seconds),
            estimated=bool(estimated),
        )
        self._compressions.add(technique, one)

    # -- what is known -----------------------------------------------------------------------------------------------

    def collect_system_metrics(self) -> SystemMetrics:
        """The machine and the process now. Never raises; what is not available is ``None``."""
        return self._system.metrics()

    def check_thresholds(self) -> list[AlertRecord]:
        """Look at the machine and judge it; what the thread does every so often. The alerts that are kept."""
        self._judge.judge_system(self.collect_system_metrics())
        return self.get_alerts()

    def get_alerts(self) -> list[AlertRecord]:
        """The alerts that are kept, oldest first. Each is an event ``otel_perf.alert`` too."""
        return self._judge.records()

    def get_metrics_summary(self) -> dict[str, Any]:
        """Everything that is known, ready for JSON; the keys do not depend on what is installed or runs.

        Returns:
            ``system``, ``commands``, ``caches``, ``compression``, ``alerts``, and ``metrics``: what the pipeline
            measured, by OpenTelemetry name, empty without one. Every number is a mapping of ``value`` (``None`` when
            it was not measured), ``unit`` (UCUM) and ``timestamp`` (Unix seconds).
        """
        now = clock.wall_ns() / 1e9
        with self._lock:
            trackers, evictions = dict(sorted(self._caches.items())), dict(self._evictions)
        caches = {
            name: {**tracker.get_statistics(), "evictions": evictions.get(name, 0)}
            for name, tracker in trackers.items()
        }
        return {
            "system": system_values(self.collect_system_metrics()),
            "commands": command_values(self._commands.read(), now),
            "caches": cache_values(caches, now),
            "compression": compression_values(self._compressions.read(), now),
            "alerts": alert_values(self.get_alerts(), self._judge.total, now),
            "metrics": pipeline_values(),
        }

    def __repr__(self) -> str:
        """Whether it monitors."""
        return f"<{type(self).__name__}: {'monitoring' if self.monitoring else 'not monitoring'}>"
