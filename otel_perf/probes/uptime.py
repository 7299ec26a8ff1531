"""How much of the time that was watched the process was well."""

from collections.abc import Callable
from typing import Final

from otel_perf.probes.collected import Collected

__all__ = ["UptimeProbe"]

LATE: Final = 3
"""Looks this many periods apart leave a gap between them of which nothing is known."""


class UptimeProbe:
    """Adds up observed and healthy seconds, look by look. A time without a look belongs to neither."""

    name = "uptime"
    costly = False

    def __init__(self, healthy: Callable[[], bool | None], period_seconds: float) -> None:
        """Start with nothing observed.

        Args:
            healthy: Whether the process is well now; ``None`` when that is not known. Must not block.
            period_seconds: How often this is read.
        """
        self._healthy = healthy
        self._longest_ns = int(period_seconds * LATE * 1e9)
        self._last_ns: int | None = None
        self._observed_ns = 0
        self._healthy_ns = 0

    def read(self, found: Collected) -> None:
        """See the catalogue: ``otel_perf.uptime.*``. The time since the last look is what this look finds."""
        healthy = self._healthy()
        last, self._last_ns = self._last_ns, found.time_ns
        if last is not None and healthy is not None and 0 < found.time_ns - last <= self._longest_ns:
            self._observed_ns += found.time_ns - last
            self._healthy_ns += found.time_ns - last if healthy else 0
        if self._observed_ns:
            found.put("otel_perf.uptime.ratio", self._healthy_ns / self._observed_ns)
            found.put("otel_perf.uptime.observed_time", self._observed_ns / 1e9)
            found.put("otel_perf.uptime.healthy_time", self._healthy_ns / 1e9)
