"""Hits and misses of a cache of the application's own, with the time that each took."""

from collections import deque
from typing import Any, Final

from otel_perf import record_cache_access
from otel_perf.compat.amounts import known
from otel_perf.compat.forks import ForkSafeLock
from otel_perf.compat.summary_statistics import describe_seconds

__all__ = ["CachePerformanceTracker"]

DEFAULT_SIZE: Final = 10_000


class CachePerformanceTracker:
    """Counts what it is told, and hands it to the metrics ``otel_perf.cache.*`` while otel_perf is recording.

    >>> tracker = CachePerformanceTracker("prompts")
    >>> tracker.record_hit(0.0004)
    >>> tracker.hit_ratio
    1.0

    Thread-safe. Hits and misses are counted without end; times are kept for the last ones of each.
    """

    def __init__(self, name: str = "cache", *, max_samples: int = DEFAULT_SIZE) -> None:
        """Start at zero.

        Args:
            name: The cache's name; a metric label, so keep it of few values.
            max_samples: Times that are kept, of hits and of misses.

        Raises:
            ValueError: ``max_samples`` is not positive.
        """
        if max_samples < 1:
            raise ValueError(f"max_samples must be positive, not {max_samples}")
        self.name: Final = name
        self._lock = ForkSafeLock()
        self._counts = {True: 0, False: 0}
        self._seconds: dict[bool, deque[float]] = {hit: deque(maxlen=max_samples) for hit in (True, False)}

    def record_hit(self, seconds: float | None = None) -> None:
        """Record a look-up that found its value. Never raises.

        Args:
            seconds: How long it took, if that was measured.
        """
        self.record_access(hit=True, seconds=seconds)

    def record_miss(self, seconds: float | None = None) -> None:
        """Record a look-up that found nothing. Never raises.

        Args:
            seconds: How long it took, if that was measured, with what it took to make the value.
        """
        self.record_access(hit=False, seconds=seconds)

    def record_access(self, *, hit: bool, seconds: float | None = None) -> None:
        """Record one look-up. Never raises; a time that is none (negative, not finite) is left out.

        Args:
            hit: Whether the value was there.
            seconds: How long the look-up took, if that was measured.
        """
        hit = bool(hit)
        taken = known(seconds)
        with self._lock:
            self._counts[hit] += 1
            if taken is not None:
                self._seconds[hit].append(taken)
        record_cache_access(self.name, hit, seconds=taken)

    @property
    def hits(self) -> int:
        """Look-ups that found their value."""
        return self._counts[True]

    @property
    def misses(self) -> int:
        """Look-ups that found nothing."""
        return self._counts[False]

    @property
    def hit_ratio(self) -> float | None:
        """Hits by look-ups, 0 to 1; ``None`` before the first look-up."""
        with self._lock:
            hits, misses = self._counts[True], self._counts[False]
        return hits / (hits + misses) if hits + misses else None

    def get_statistics(self) -> dict[str, Any]:
        """Counts, ratio and times: see ``hit_ratio`` and ``summary_statistics.describe_seconds``.

        ``hit_duration`` and ``miss_duration`` are of the times that are kept, and were told.
        """
        with self._lock:
            hits, misses = self._counts[True], self._counts[False]
            times = {hit: tuple(seconds) for hit, seconds in self._seconds.items()}
        return {
            "name": self.name,
            "hits": hits,
            "misses": misses,
            "lookups": hits + misses,
            "hit_ratio": hits / (hits + misses) if hits + misses else None,
            "hit_duration": describe_seconds(times[True]),
            "miss_duration": describe_seconds(times[False]),
        }

    def reset(self) -> None:
        """Start at zero again; the metrics keep what they have."""
        with self._lock:
            self._counts = {True: 0, False: 0}
            for seconds in self._seconds.values():
                seconds.clear()

    def __repr__(self) -> str:
        """Its name and counts."""
        return f"CachePerformanceTracker({self.name!r}, hits={self.hits}, misses={self.misses})"
