"""What a cache holds and when it gives it up: by age, by number and by bytes. No lock, no clock, no counting."""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from heapq import heapify, heappop, heappush
from itertools import count
from typing import Final, Generic, Literal, TypeAlias, TypeVar

__all__ = ["NEVER_NS", "CacheEntries", "Entry", "EvictionReason", "WhenFull"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

EvictionReason: TypeAlias = Literal["lru", "bytes", "ttl", "too_large", "cleared"]
WhenFull: TypeAlias = Literal["lru", "clear"]

NEVER_NS: Final = 1 << 62
"""Expiry of what does not grow old."""
SLACK: Final = 64
"""Outdated appointments for the end of entries that were replaced, beyond as many as there are entries."""


class Entry(Generic[V]):
    """One value.

    Attributes:
        value: What was cached; of a cached failure ``None``.
        error: The exception that was cached in place of a value.
        expires_ns: Monotonic time from which it counts as absent.
        cost_ns: How long making it took, as measured; 0 where nobody measured.
        size_bytes: Estimated size of key and value; 0 where sizes are not estimated.
    """

    __slots__ = ("cost_ns", "error", "expires_ns", "size_bytes", "value")

    def __init__(
        self,
        value: V,
        expires_ns: int = NEVER_NS,
        *,
        cost_ns: int = 0,
        size_bytes: int = 0,
        error: Exception | None = None,
    ) -> None:
        """Hold a value."""
        self.value = value
        self.expires_ns = expires_ns
        self.cost_ns = cost_ns
        self.size_bytes = size_bytes
        self.error = error


class CacheEntries(Generic[K, V]):
    """Entries, the least recently used first. For one thread at a time.

    After each method there are at most ``max_entries`` entries of together at most ``max_bytes``.

    Attributes:
        by_key: The entries, the least recently used first; who reads one moves it to the end.
        size_bytes: Sum of their sizes.
        evicted: How many entries were given up, by reason.
    """

    def __init__(self, max_entries: int | None, max_bytes: int | None, when_full: WhenFull = "lru") -> None:
        """Start empty; ``None`` is no bound."""
        self._max_entries = NEVER_NS if max_entries is None else max_entries
        self._max_bytes = NEVER_NS if max_bytes is None else max_bytes
        self._when_full = when_full
        self.by_key: OrderedDict[K, Entry[V]] = OrderedDict()
        self.size_bytes = 0
        self.evicted: Counter[EvictionReason] = Counter()
        self._ends: list[tuple[int, int, K, Entry[V]]] = []
        self._order = count()

    def put(self, key: K, entry: Entry[V], now_ns: int) -> bool:
        """Take an entry in, in place of one with the same key; False when it is too large for the cache."""
        self.expire(now_ns)
        self.remove(key)
        if entry.size_bytes > self._max_bytes or self._max_entries < 1:
            self.evicted["too_large"] += 1
            return False
        self._make_room(entry.size_bytes)
        self.by_key[key] = entry
        self.size_bytes += entry.size_bytes
        if entry.expires_ns != NEVER_NS:
            heappush(self._ends, (entry.expires_ns, next(self._order), key, entry))
            self._forget_old_ends()
        return True

    def _make_room(self, size_bytes: int) -> None:
        many = len(self.by_key) >= self._max_entries
        if (many or self.size_bytes + size_bytes > self._max_bytes) and self._when_full == "clear":
            self.evicted["cleared"] += self.clear()
        while len(self.by_key) >= self._max_entries:
            self._drop_oldest("lru")
        while self.size_bytes + size_bytes > self._max_bytes:
            self._drop_oldest("bytes")

    def _drop_oldest(self, reason: EvictionReason) -> None:
        _, entry = self.by_key.popitem(last=False)
        self.size_bytes -= entry.size_bytes
        self.evicted[reason] += 1

    def expire(self, now_ns: int) -> None:
        """Give up everything whose time has come."""
        ends = self._ends
        while ends and ends[0][0] <= now_ns:
            _, _, key, entry = heappop(ends)
            if self.by_key.get(key) is entry:
                self.remove(key)
                self.evicted["ttl"] += 1

    def _forget_old_ends(self) -> None:
        if len(self._ends) > 2 * len(self.by_key) + SLACK:
            self._ends = [end for end in self._ends if self.by_key.get(end[2]) is end[3]]
            heapify(self._ends)

    def remove(self, key: K) -> bool:
        """Take an entry out; False when there is none."""
        entry = self.by_key.pop(key, None)
        if entry is None:
            return False
        self.size_bytes -= entry.size_bytes
        return True

    def clear(self) -> int:
        """Take all entries out; how many there were."""
        removed = len(self.by_key)
        self.by_key.clear()
        self._ends.clear()
        self.size_bytes = 0
        return removed

    def recount(self) -> None:
        """Add the sizes up again: a fork may have come between two steps of another thread."""
        self.size_bytes = sum(entry.size_bytes for entry in self.by_key.values())
