"""Caches of others, counted: ``functools.lru_cache`` from outside, ``cachetools`` classes from inside.

>>> import functools
>>> from otel_perf.optimize.observed_caches import observe_lru_cache
>>> @observe_lru_cache
... @functools.lru_cache(maxsize=100)
... def square(number: int) -> int:
...     return number * number
"""

import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from otel_perf.core import clock
from otel_perf.core.cache_signals import CACHE_ENTRIES, CACHE_REQUESTS
from otel_perf.core.measurements import Measurement
from otel_perf.optimize.cache_tally import CacheStatistics, CacheTally, label_of
from otel_perf.optimize.object_tallies import object_tallies

__all__ = ["CountedCache", "observe_lru_cache"]

F = TypeVar("F", bound=Callable[..., Any])


def observe_lru_cache(function: F, *, name: str | None = None) -> F:
    """Have the look-ups of an ``lru_cache`` counted; the same function is returned, and no call costs more.

    Its ``cache_info()`` is read once a second. ``cache_clear()`` sets that to zero: look-ups between the last
    reading and it are not seen, nor are the last ones of a function that goes away. There are no times and no
    evictions, since ``lru_cache`` knows none.

    Args:
        function: A function that ``functools.lru_cache`` or ``functools.cache`` has decorated.
        name: Label of the metrics; the function's name by default.

    Raises:
        TypeError: It has no ``cache_info``.
    """
    if not callable(getattr(function, "cache_info", None)):
        raise TypeError(f"{function!r} is not decorated with functools.lru_cache")
    label = name or str(getattr(function, "__qualname__", type(function).__qualname__))
    token = _Token()
    function.__dict__.setdefault("_otel_perf_tokens", []).append(token)
    object_tallies.add(token, _LruTally(label, function))
    return function


class _Token:
    """Strictly private: lives as long as the cache that holds it, which may have no hash or no place for methods."""

    def __init__(self, tally: CacheTally | None = None) -> None:
        self._tally = tally

    def after_fork_in_child(self) -> None:
        """A lock that no thread of the parent holds."""
        if self._tally is not None:
            self._tally.lock = threading.RLock()


class _LruTally:
    """Strictly private: the counts of one ``lru_cache``."""

    def __init__(self, name: str, function: Any) -> None:
        self._name = name
        self._function = weakref.ref(function)
        self._seen: Counter[tuple[str, str | None]] = Counter()
        self._entries = 0

    def end(self) -> None:
        """The function is gone."""

    def take(self, time_ns: int) -> list[Measurement]:
        """What is new since the last time."""
        return list(self._new(time_ns))

    def restart(self) -> None:
        """Leave out what has come up until now, but not what is held."""
        self.take(0)
        self._seen.pop((CACHE_ENTRIES.name, None), None)

    def _new(self, time_ns: int) -> Iterator[Measurement]:
        name = label_of(self._name)
        function = self._function()
        hits, misses, _, entries = (0, 0, None, 0) if function is None else function.cache_info()
        if function is not None:
            for result, total in (("hit", hits), ("miss", misses)):
                seen = self._seen[CACHE_REQUESTS.name, result]
                self._seen[CACHE_REQUESTS.name, result] = total
                new = total - seen if total >= seen else total  # cleared meanwhile
                if new:
                    yield Measurement(CACHE_REQUESTS, new, (name, result), time_ns)
        held = self._seen[CACHE_ENTRIES.name, None]
        self._seen[CACHE_ENTRIES.name, None] = entries
        if entries != held:
            yield Measurement(CACHE_ENTRIES, entries - held, (name,), time_ns)


class CountedCache:
    """Mix-in that counts a ``cachetools`` cache.

    ``class Prompts(CountedCache, cachetools.LRUCache): ...`` and then ``Prompts(100, cache_name="prompts")``. A look-up
    costs about 1 us more; ``in`` is no look-up. As with the plain class, threads need a lock around it.
    """

    def __init__(self, *args: Any, cache_name: str | None = None, **kwargs: Any) -> None:
        """Make the cache.

        Args:
            *args: For the cache.
            cache_name: Label of the metrics; the name of the class by default.
            **kwargs: For the cache.
        """
        self._evicted: Counter[str] = Counter()
        self._setting = False
        self._tally = CacheTally(cache_name or type(self).__name__, threading.RLock(), self._evicted, sized=False)
        self._token = _Token(self._tally)
        super().__init__(*args, **kwargs)
        object_tallies.add(self._token, self._tally)

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Of a cache whose entries grow old, those are counted that it drops because of that."""
        super().__init_subclass__(**kwargs)
        if callable(getattr(super(), "expire", None)):
            cls.expire = _expire  # type: ignore[attr-defined]

    def stats(self) -> CacheStatistics:
        """Hits, misses, evictions and size since the cache was made."""
        self._note_entries()
        return self._tally.statistics()

    def __getitem__(self, key: Any) -> Any:
        started_ns = clock.monotonic_ns()
        try:
            value = super().__getitem__(key)  # type: ignore[misc]
        except KeyError:
            self._count_miss(started_ns)
            raise
        with self._tally.lock:
            self._tally.hit_times.add(clock.monotonic_ns() - started_ns)
        return value

    def get(self, key: Any, default: Any = None) -> Any:
        """The value of ``key``, or ``default``."""
        started_ns = clock.monotonic_ns()
        if key in self:  # type: ignore[operator]
            return self[key]
        self._count_miss(started_ns)
        return default

    def _count_miss(self, started_ns: int) -> None:
        with self._tally.lock:
            self._tally.miss_times.add(clock.monotonic_ns() - started_ns)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._setting = True
        try:
            super().__setitem__(key, value)  # type: ignore[misc]
        finally:
            self._setting = False
            self._note_entries()

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)  # type: ignore[misc]
        if not self._setting:
            self._note_entries()

    def popitem(self) -> tuple[Any, Any]:
        """Take the entry out that is the next to go; the cache does this itself when it is full."""
        pair: tuple[Any, Any] = super().popitem()  # type: ignore[misc]
        if self._setting:
            with self._tally.lock:
                self._evicted["lru"] += 1
        return pair

    def clear(self) -> None:
        """Take everything out."""
        super().clear()  # type: ignore[misc]
        self._note_entries()

    def _note_entries(self) -> None:
        entries = len(self)  # type: ignore[arg-type]
        with self._tally.lock:
            self._tally.entries = entries


def _expire(self: Any, time: Any = None) -> Any:
    """Take out what has grown old."""
    expired = super(CountedCache, self).expire(time)
    if expired:
        with self._tally.lock:
            self._evicted["ttl"] += len(expired)
    return expired
