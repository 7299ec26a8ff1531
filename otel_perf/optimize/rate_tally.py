"""What a rate limiter counts about itself: for its ``stats()``, and what is new for the metrics."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from threading import RLock
from typing import Final

from otel_perf.core.measurements import Measurement
from otel_perf.core.rate_limit_signals import (
    CHECK_SECONDS,
    RATE_LIMIT_CHECKS,
    RATE_LIMIT_DECISIONS,
    RATE_LIMIT_FORGOTTEN,
    RATE_LIMIT_KEYS,
    RATE_LIMIT_WAITS,
    WAIT_SECONDS,
)
from otel_perf.core.signal_spec import MetricSpec
from otel_perf.core.tallies import Distribution, tallies

__all__ = ["RateLimitStatistics", "RateTally"]

NAME_LIMIT: Final = 100
"""Limiters with a label of their own: with two decisions each they fill the 200 series of a metric."""
PATIENCE_SECONDS: Final = 0.05
_names: Final = tallies.names(NAME_LIMIT)


@dataclass(frozen=True, slots=True)
class RateLimitStatistics:
    """A limiter in one moment, counted since it was made.

    Attributes:
        allowed: Decisions to let through, those after a wait included.
        denied: Decisions to refuse.
        waited: Callers that were let through after a wait.
        keys: Keys that it keeps count of.
        forgotten_keys: Keys given up for newer ones before their allowance was whole again.
    """

    allowed: int
    denied: int
    waited: int
    keys: int
    forgotten_keys: int

    @property
    def denied_ratio(self) -> float | None:
        """Refusals of all decisions, 0 to 1; ``None`` before the first."""
        decisions = self.allowed + self.denied
        return self.denied / decisions if decisions else None


class RateTally:
    """The counts of one limiter. Changed under the limiter's lock.

    Attributes:
        allowed, denied: Decisions.
        check_times: How long deciding took.
        wait_times: How long callers waited that were then let through.
        keys: Keys kept count of.
        forgotten: Keys given up too early.
    """

    def __init__(self, name: str, lock: "RLock") -> None:
        """Start at zero."""
        self._name: Final = name
        self.lock = lock
        self.allowed = self.denied = self.keys = self.forgotten = 0
        self.check_times = Distribution(CHECK_SECONDS)
        self.wait_times = Distribution(WAIT_SECONDS)
        self._handed: Counter[tuple[str, str | None]] = Counter()

    def statistics(self) -> RateLimitStatistics:
        """All counts, of one moment."""
        with self.lock:
            return RateLimitStatistics(self.allowed, self.denied, self.wait_times.count, self.keys, self.forgotten)

    def end(self) -> None:
        """The limiter is gone."""
        self.keys = 0

    def take(self, time_ns: int) -> list[Measurement]:
        """What is new since the last time."""
        if not self.lock.acquire(timeout=PATIENCE_SECONDS):
            return []
        try:
            return list(self._new(time_ns))
        finally:
            self.lock.release()

    def restart(self) -> None:
        """Leave out what has come up until now, but not what is held. In a forked child nobody can hold the lock."""
        locked = self.lock.acquire(timeout=PATIENCE_SECONDS)
        try:
            for _ in self._new(0):
                pass
            self._handed.pop((RATE_LIMIT_KEYS.name, None), None)
        finally:
            if locked:
                self.lock.release()

    def _new(self, time_ns: int) -> Iterator[Measurement]:
        name = _names.label(self._name)
        for metric, label, total in self._totals():
            new = total - self._handed[metric.name, label]
            if new:
                self._handed[metric.name, label] = total
                labels = (name,) if label is None else (name, label)
                yield Measurement(metric, new, labels, time_ns)
        yield from self.check_times.take(RATE_LIMIT_CHECKS, (name,), time_ns)
        yield from self.wait_times.take(RATE_LIMIT_WAITS, (name,), time_ns)

    def _totals(self) -> Iterator[tuple[MetricSpec, str | None, int]]:
        yield RATE_LIMIT_DECISIONS, "allow", self.allowed
        yield RATE_LIMIT_DECISIONS, "deny", self.denied
        yield RATE_LIMIT_KEYS, None, self.keys
        yield RATE_LIMIT_FORGOTTEN, None, self.forgotten
