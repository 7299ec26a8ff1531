"""The inside of a result cache: entries, computations under way and counts, all under one lock."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import RLock
from typing import Any, Final, Generic, TypeVar, cast

from otel_perf.core.guard import guard
from otel_perf.core.tallies import BATCH
from otel_perf.optimize.cache_entries import NEVER_NS, CacheEntries, Entry
from otel_perf.optimize.cache_tally import CacheTally
from otel_perf.optimize.single_flight import ABANDONED, Flight, Flights, following

__all__ = ["CacheCore", "CachePolicy", "Computation"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

ENTRY_BYTES: Final = 280
"""What the cache itself needs for one entry, about: the entry, its place in the order and in the table."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """How long what counts, and how it is measured.

    Attributes:
        ttl_ns: Life of a value; ``None`` for ever.
        jitter: Fraction of a life that an entry may live shorter.
        negative_ttl_ns: Life of ``None`` and of failures; ``None`` where they have none of their own.
        negative_errors: The failures that are held.
        size_of: Bytes of a key or value; ``None`` where nobody asks.
        now_ns: Monotonic nanoseconds.
    """

    ttl_ns: int | None
    jitter: float
    negative_ttl_ns: int | None
    negative_errors: type[Exception] | tuple[type[Exception], ...]
    size_of: Callable[[Any], int] | None
    now_ns: Callable[[], int]

    def value(self, value: V, cost_ns: int, ttl_ns: int | None = None) -> Entry[V]:
        """An entry of a value, made now."""
        negative = value is None and self.negative_ttl_ns is not None
        usual = self.negative_ttl_ns if negative else self.ttl_ns
        return Entry(value, self._end(usual if ttl_ns is None else ttl_ns), cost_ns=cost_ns)

    def failure(self, error: Exception, cost_ns: int) -> Entry[Any]:
        """An entry of a failure, met now."""
        return Entry(None, self._end(self.negative_ttl_ns), cost_ns=cost_ns, error=error)

    def holds(self, entry: Entry[Any]) -> bool:
        """Whether an entry is to be held."""
        if entry.error is None:
            return True
        return self.negative_ttl_ns is not None and isinstance(entry.error, self.negative_errors)

    def _end(self, ttl_ns: int | None) -> int:
        if ttl_ns is None:
            return NEVER_NS
        shorter = random.random() * self.jitter if self.jitter else 0.0  # noqa: S311 - chance, no secret
        return self.now_ns() + round(ttl_ns * (1.0 - shorter))

    def measure(self, key: object, entry: Entry[Any]) -> None:
        """Estimate the size of an entry. Not under a lock: it may take long, and may call the application."""
        if self.size_of is not None:
            sizes = [guard.call("cache.size_of", self.size_of, part) for part in (key, entry.value)]
            entry.size_bytes = ENTRY_BYTES + sum(max(0, size) for size in sizes if size is not None)


class CacheCore(Generic[K, V]):
    """What threads and tasks share.

    Attributes:
        policy: How long what counts.
        entries: What is held. For holders of the lock.
        tally: What is counted. For holders of the lock.
        unsaved: Values taken in since the file was written.
    """

    def __init__(self, name: str, policy: CachePolicy, entries: CacheEntries[K, V]) -> None:
        """Hold nothing yet."""
        self.policy = policy
        self.entries = entries
        self.unsaved = 0
        self._lock = RLock()
        self._by_key = entries.by_key
        self._flights = Flights()
        self._now_ns = policy.now_ns
        self.tally = CacheTally(name, self._lock, entries.evicted, sized=policy.size_of is not None)
        self._recent = self.tally.hit_times.recent

    # -- looking up ----------------------------------------------------------------------------------------------

    def find(self, key: K, started_ns: int) -> Entry[V] | None:
        """The entry of a key, counted as a hit. In line on purpose: this is what a hit costs."""
        tally, recent = self.tally, self._recent
        with self._lock:
            entry = self._by_key.get(key)
            if entry is None:
                return None
            if started_ns >= entry.expires_ns:
                self._expire(started_ns)
                return None
            self._by_key.move_to_end(key)
            tally.saved_ns += entry.cost_ns
            recent.append(self._now_ns() - started_ns)
            if len(recent) >= BATCH:
                tally.hit_times.sort()
            return entry

    def seek(self, key: K, started_ns: int, *, in_task: bool) -> "Entry[V] | Computation[K, V] | Flight":
        """The entry of a key, or the computation that the caller has to make, or the one that is under way."""
        with self._lock:
            entry = self.find(key, started_ns)
            if entry is not None:
                return entry
            flight = self._flights.under_way(key)
            if flight is None:
                return Computation(self, key, self._flights.begin(key), started_ns)
            if flight.would_hang(in_task=in_task):
                return Computation(self, key, None, started_ns)
            return flight

    def count_miss(self, started_ns: int) -> None:
        """Count a look-up that found nothing."""
        with self._lock:
            self.tally.miss_times.add(self._now_ns() - started_ns)

    def count_coalesced(self, landed: object, started_ns: int) -> None:
        """Count a look-up that waited for another's computation; one that has to begin anew is not over."""
        if landed is not ABANDONED:
            with self._lock:
                self.tally.coalesced_times.add(self._now_ns() - started_ns)

    def count_bypass(self) -> None:
        """Count a call whose arguments make no key."""
        with self._lock:
            self.tally.bypassed += 1

    # -- what is held --------------------------------------------------------------------------------------------

    def put(self, key: K, entry: Entry[V]) -> None:
        """Hold an entry; what a computation under way will give is out of date."""
        self.policy.measure(key, entry)
        with self._lock:
            self._flights.forsake(key)
            self._hold(key, entry)

    def settle(self, key: K, flight: Flight | None, entry: Entry[V] | None, started_ns: int) -> None:
        """A computation has ended; ``entry`` is ``None`` when it was cut short."""
        holds = entry is not None and self.policy.holds(entry)
        if entry is not None and holds:
            self.policy.measure(key, entry)
        with self._lock:
            self.tally.miss_times.add(self._now_ns() - started_ns)
            current = flight is not None and self._flights.leave(key, flight)
            if current and entry is not None and holds:
                self._hold(key, entry)
        if flight is not None:
            flight.land(ABANDONED if entry is None else entry)

    def _hold(self, key: K, entry: Entry[V]) -> None:
        if self.entries.put(key, entry, self._now_ns()) and entry.error is None:
            self.unsaved += 1
        self._note_size()

    def remove(self, key: K) -> bool:
        """Let go of a key, and of what a computation under way will give; False when it was not held."""
        with self._lock:
            self._flights.forsake(key)
            removed = self.entries.remove(key)
            self._note_size()
            return removed

    def clear(self) -> int:
        """Let go of everything; how many entries there were."""
        with self._lock:
            self._flights.forsake_all()
            removed = self.entries.clear()
            self._note_size()
            return removed

    def holds(self, key: object) -> bool:
        """Whether a key is held, without counting as a look-up or as a use."""
        with self._lock:
            entry = self._by_key.get(cast(K, key))
            return entry is not None and self._now_ns() < entry.expires_ns

    def values(self) -> list[tuple[K, Entry[V]]]:
        """All values that still count, the least recently used first."""
        with self._lock:
            self._expire(self._now_ns())
            return [(key, entry) for key, entry in self._by_key.items() if entry.error is None]

    def saved(self, values: int) -> None:
        """So many of the new values are in the file."""
        with self._lock:
            self.unsaved -= values

    def count(self) -> int:
        """Entries that still count."""
        with self._lock:
            self._expire(self._now_ns())
            return len(self._by_key)

    def _expire(self, now_ns: int) -> None:
        self.entries.expire(now_ns)
        self._note_size()

    def _note_size(self) -> None:
        self.tally.entries = len(self._by_key)
        self.tally.size_bytes = self.entries.size_bytes

    def after_fork_in_child(self) -> None:
        """The parent's threads, which may have held the lock or computed, are not here."""
        self._lock = self.tally.lock = RLock()
        self.entries.recount()
        self._note_size()
        self._flights.forsake_all()


class Computation(Generic[K, V]):
    """A ``with`` block in which a value is made, and whose end the cache is told of.

    Attributes:
        value: To be set inside.
    """

    __slots__ = ("_begun_ns", "_core", "_flight", "_following", "_key", "_settled", "_started_ns", "value")

    def __init__(self, core: CacheCore[K, V], key: K, flight: Flight | None, started_ns: int) -> None:
        """Without a flight nobody waits for the value, and it is not held."""
        self._core = core
        self._key = key
        self._flight = flight
        self._started_ns = started_ns
        self._following = following(flight)
        self._settled = False
        self.value: V | None = None

    def __enter__(self) -> None:
        self._following.__enter__()
        self._begun_ns = self._core.policy.now_ns()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        policy = self._core.policy
        cost_ns = max(1, policy.now_ns() - self._begun_ns)
        self._following.__exit__(None, None, None)
        entry: Entry[V] | None = None
        if error is None:
            entry = policy.value(cast(V, self.value), cost_ns)
        elif isinstance(error, Exception):
            entry = policy.failure(error, cost_ns)
        self._settle(entry)

    def _settle(self, entry: Entry[V] | None) -> None:
        self._settled = True
        self._core.settle(self._key, self._flight, entry, self._started_ns)

    def __del__(self) -> None:
        """A ``KeyboardInterrupt`` came before the block began: nobody may wait for ever."""
        if not self._settled:
            self._settle(None)
