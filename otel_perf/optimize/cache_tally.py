"""What a cache counts about itself: cumulative for its ``stats()``, and what is new for the metrics."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Final

from otel_perf.core.cache_signals import (
    CACHE_BYTES,
    CACHE_ENTRIES,
    CACHE_EVICTIONS,
    CACHE_LOOKUPS,
    CACHE_REQUESTS,
    CACHE_SAVED,
    LOOKUP_SECONDS,
)
from otel_perf.core.measurements import Measurement
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.core.tallies import Distribution, tallies

__all__ = ["CacheStatistics", "CacheTally", "label_of"]

NAME_LIMIT: Final = 40
"""Result caches with a label of their own: with five reasons each they fill the 200 series of a metric."""
PATIENCE_SECONDS: Final = 0.05
"""A cache is locked for microseconds. Whoever finds it locked for longer leaves its counts for the next time."""
FAST_SECONDS: Final = 0.001
_names: Final = tallies.names(NAME_LIMIT)


def label_of(name: str) -> str:
    """The label of a cache in the present recording: its name, or ``_OTHER`` beyond the first 40."""
    return _names.label(name)


@dataclass(frozen=True, slots=True)
class CacheStatistics:
    """A cache in one moment, counted since it was made.

    Attributes:
        hits: Look-ups that found a value.
        misses: Look-ups that found none; each was computed, or told so.
        coalesced: Look-ups that waited for another caller's computation of the same key.
        bypassed: Calls whose arguments make no key; they are no look-ups.
        evictions: Entries given up by the cache itself, by reason.
        entries: Entries held.
        size_bytes: Estimated size of them; ``None`` where it is not estimated.
        saved_seconds: Measured cost of the misses that made what the hits found; ``None`` where no hit had one.
        fast_hits: Hits that took at most 1 ms; ``None`` where hits are not timed.
    """

    hits: int
    misses: int
    coalesced: int = 0
    bypassed: int = 0
    evictions: dict[str, int] = field(default_factory=dict)
    entries: int = 0
    size_bytes: int | None = None
    saved_seconds: float | None = None
    fast_hits: int | None = None

    @property
    def lookups(self) -> int:
        """All look-ups."""
        return self.hits + self.misses + self.coalesced

    @property
    def hit_ratio(self) -> float | None:
        """Hits of all look-ups, 0 to 1; ``None`` before the first."""
        return self.hits / self.lookups if self.lookups else None

    @property
    def fast_hit_ratio(self) -> float | None:
        """Hits that took at most 1 ms of all hits, 0 to 1; ``None`` without any."""
        return self.fast_hits / self.hits if self.hits and self.fast_hits is not None else None


class CacheTally:
    """The counts of one cache. Changed under the cache's lock.

    Attributes:
        hit_times, miss_times, coalesced_times: Durations, which are the counts too.
        bypassed: Calls without a key.
        saved_ns: Measured cost of what hits found.
        evicted: Entries given up, by reason (the counter of the entries themselves).
        entries, size_bytes: What the cache holds.
        sized: Whether ``size_bytes`` is estimated.
    """

    def __init__(self, name: str, lock: "RLock", evicted: "Counter[Any]", *, sized: bool) -> None:
        """Start at zero."""
        self._name: Final = name
        self.lock = lock
        self.hit_times = Distribution(LOOKUP_SECONDS)
        self.miss_times = Distribution(LOOKUP_SECONDS)
        self.coalesced_times = Distribution(LOOKUP_SECONDS)
        self.bypassed = self.saved_ns = self.entries = self.size_bytes = 0
        self.evicted: Counter[str] = evicted
        self.sized = sized
        self._handed: Counter[tuple[str, str | None]] = Counter()

    def statistics(self) -> CacheStatistics:
        """All counts, of one moment."""
        with self.lock:
            return CacheStatistics(
                hits=self.hit_times.count,
                misses=self.miss_times.count,
                coalesced=self.coalesced_times.count,
                bypassed=self.bypassed,
                evictions=dict(self.evicted),
                entries=self.entries,
                size_bytes=self.size_bytes if self.sized else None,
                saved_seconds=self.saved_ns / 1e9 if self.saved_ns else None,
                fast_hits=self.hit_times.within(FAST_SECONDS),
            )

    def end(self) -> None:
        """The cache is gone."""
        self.entries = self.size_bytes = 0

    # -- for the metrics -----------------------------------------------------------------------------------------

    def take(self, time_ns: int) -> list[Measurement]:
        """What is new since the last time."""
        if not self.lock.acquire(timeout=PATIENCE_SECONDS):
            return []
        try:
            return [*self._new_numbers(time_ns), *self._new_times(time_ns)]
        finally:
            self.lock.release()

    def restart(self) -> None:
        """Leave out what has come up until now, but not what is held. In a forked child nobody can hold the lock."""
        locked = self.lock.acquire(timeout=PATIENCE_SECONDS)
        try:
            for _ in (*self._new_numbers(0), *self._new_times(0)):
                pass
            for metric in (CACHE_ENTRIES, CACHE_BYTES):
                self._handed.pop((metric.name, None), None)
        finally:
            if locked:
                self.lock.release()

    def _new_numbers(self, time_ns: int) -> Iterator[Measurement]:
        name = label_of(self._name)
        for metric, label, total in self._totals():
            new = total - self._handed[metric.name, label]
            if new:
                self._handed[metric.name, label] = total
                value = new / 1e9 if metric is CACHE_SAVED else new
                labels = (name,) if label is None else (name, label)
                yield Measurement(metric, value, labels, time_ns)

    def _totals(self) -> Iterator[tuple[MetricSpec, str | None, int]]:
        yield CACHE_ENTRIES, None, self.entries
        yield CACHE_BYTES, None, self.size_bytes if self.sized else 0
        yield CACHE_SAVED, None, self.saved_ns
        yield CACHE_REQUESTS, "hit", self.hit_times.count
        yield CACHE_REQUESTS, "miss", self.miss_times.count
        yield CACHE_REQUESTS, "coalesced", self.coalesced_times.count
        yield CACHE_REQUESTS, "bypass", self.bypassed
        for reason, evicted in self.evicted.items():
            yield CACHE_EVICTIONS, reason, evicted

    def _new_times(self, time_ns: int) -> Iterator[Measurement]:
        name = label_of(self._name)
        yield from self.hit_times.take(CACHE_LOOKUPS, (name, "hit"), time_ns)
        yield from self.miss_times.take(CACHE_LOOKUPS, (name, "miss"), time_ns)
        yield from self.coalesced_times.take(CACHE_LOOKUPS, (name, "coalesced"), time_ns)
