"""A cache for the results of expensive calls: bounded, timed, and one computation for all who ask at once.

>>> from otel_perf.optimize.cache import ResultCache
>>> answers = ResultCache[str, str]("answers", max_entries=1000, ttl_seconds=300)
>>> answers.get_or_compute("question", lambda: "a costly answer")
'a costly answer'
>>> answers.stats().misses
1
"""

from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, Self, TypeVar, cast, overload

from otel_perf.core import clock
from otel_perf.core.guard import guard
from otel_perf.optimize.cache_core import CacheCore, CachePolicy, Computation
from otel_perf.optimize.cache_entries import CacheEntries, Entry, WhenFull
from otel_perf.optimize.cache_file import CacheFile
from otel_perf.optimize.cache_saving import CacheSaving
from otel_perf.optimize.cache_size import estimate_bytes
from otel_perf.optimize.cache_tally import CacheStatistics
from otel_perf.optimize.object_tallies import object_tallies
from otel_perf.optimize.single_flight import ABANDONED

__all__ = ["CacheFile", "CacheStatistics", "ResultCache"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
D = TypeVar("D")

SECOND_NS: Final = 1_000_000_000


class ResultCache(Generic[K, V]):
    """Values by key; the least recently used leave first, the old ones when their time has come.

    Safe to use from threads and from tasks at the same time, also for the same key. ``compute`` and ``size_of``
    never run under a lock. A forked child starts with a copy of the entries.

    Attributes:
        name: Its name in the metrics.
    """

    def __init__(  # noqa: PLR0913 - options of their own, by keyword
        self,
        name: str,
        *,
        max_entries: int | None = 1024,
        max_bytes: int | None = None,
        ttl_seconds: float | None = None,
        ttl_jitter: float = 0.0,
        negative_ttl_seconds: float | None = None,
        negative_errors: type[Exception] | tuple[type[Exception], ...] = Exception,
        when_full: WhenFull = "lru",
        size_of: Callable[[Any], int] | None = None,
        file: CacheFile | None = None,
        now_ns: Callable[[], int] = clock.monotonic_ns,
    ) -> None:
        """Make an empty cache, or one with what ``file`` holds (which is read here).

        Args:
            name: Label of its metrics. Caches of the same name are counted together.
            max_entries: At most so many; ``None`` for no bound.
            max_bytes: Estimated sizes of keys and values together are never more; ``None`` for no bound.
            ttl_seconds: How long a value counts; ``None`` for ever.
            ttl_jitter: Fraction of it, 0 to 1, that an entry may live shorter, by chance: what was made together then
                does not have to be made anew together.
            negative_ttl_seconds: How long ``None`` results and exceptions count. Without it ``None`` is a value like
                any other and an exception is not cached.
            negative_errors: The exceptions that are cached. A cached one is raised as the same object.
            when_full: Let the least recently used go, or ``"clear"``: all.
            size_of: Bytes of a key or value; ``estimate_bytes`` where ``max_bytes`` is given. Without either, sizes
                are not estimated.
            file: Where the values are kept beyond the process.
            now_ns: Monotonic nanoseconds.

        Raises:
            ValueError: A bound, a time or the jitter is out of its range.
        """
        _check(max_entries, max_bytes, (ttl_seconds, negative_ttl_seconds), ttl_jitter)
        self.name: Final = name
        policy = CachePolicy(
            ttl_ns=_nanoseconds(ttl_seconds),
            jitter=ttl_jitter,
            negative_ttl_ns=_nanoseconds(negative_ttl_seconds),
            negative_errors=negative_errors,
            size_of=estimate_bytes if size_of is None and max_bytes is not None else size_of,
            now_ns=now_ns,
        )
        self._now_ns = now_ns
        self._core = core = CacheCore(name, policy, CacheEntries[K, V](max_entries, max_bytes, when_full))
        self._find = core.find
        self._saving = None if file is None else CacheSaving(name, file, core)
        object_tallies.add(core, core.tally)

    # -- looking up ----------------------------------------------------------------------------------------------

    @overload
    def get(self, key: K) -> V | None: ...
    @overload
    def get(self, key: K, default: D) -> V | D: ...
    def get(self, key: K, default: Any = None) -> Any:
        """The value of ``key``, or ``default``. A cached exception is raised."""
        started_ns = self._now_ns()
        entry = self._find(key, started_ns)
        if entry is None:
            self._core.count_miss(started_ns)
            return default
        return entry.value if entry.error is None else _answer(entry)

    def get_or_compute(self, key: K, compute: Callable[[], V]) -> V:
        """The value of ``key``; if there is none, ``compute()`` makes it, once for all who ask meanwhile.

        What ``compute`` raises is raised, the same object in every caller that waited for it. If it is interrupted
        (``KeyboardInterrupt``), one of the others that wait computes. Called from within the computation of the same
        key, or on the thread whose event loop runs it, ``compute`` is called without waiting.
        """
        started_ns = self._now_ns()
        while True:
            found = self._core.seek(key, started_ns, in_task=False)
            if isinstance(found, Entry):
                return _answer(found)
            if isinstance(found, Computation):
                with found:
                    found.value = compute()
                self._save_if_due()
                return found.value
            landed: object = None
            try:
                landed = found.wait()
            finally:
                self._core.count_coalesced(landed, started_ns)
            if landed is not ABANDONED:
                return _landed(cast(Entry[V], landed))

    async def aget_or_compute(self, key: K, compute: Callable[[], Awaitable[V]]) -> V:
        """The same for a coroutine function. If its task is cancelled, one of the others that wait computes.

        A task that is cancelled while it waits leaves the computation and the others alone.
        """
        started_ns = self._now_ns()
        while True:
            found = self._core.seek(key, started_ns, in_task=True)
            if isinstance(found, Entry):
                return _answer(found)
            if isinstance(found, Computation):
                with found:
                    found.value = await compute()
                self._save_if_due()
                return found.value
            landed: object = None
            try:
                landed = await found.wait_in_task()
            finally:
                self._core.count_coalesced(landed, started_ns)
            if landed is not ABANDONED:
                return _landed(cast(Entry[V], landed))

    def count_bypass(self) -> None:
        """Count a call that did not look here, since its arguments make no key."""
        self._core.count_bypass()

    def __contains__(self, key: object) -> bool:
        """Whether ``key`` is held; this is no look-up, and no use."""
        return self._core.holds(key)

    def __len__(self) -> int:
        """Entries held."""
        return self._core.count()

    # -- what is held --------------------------------------------------------------------------------------------

    def set(self, key: K, value: V, *, ttl_seconds: float | None = None, seconds: float | None = None) -> None:
        """Hold ``value``. What a computation of ``key`` under way will give is out of date, and is not held.

        Args:
            key: Its key.
            value: The value.
            ttl_seconds: How long it counts, instead of the cache's own time.
            seconds: How long it took you to make, if you measured it: what a hit will have saved.

        Raises:
            ValueError: ``ttl_seconds`` is not above 0.
        """
        _check(None, None, (ttl_seconds,), 0.0)
        entry = self._core.policy.value(value, _nanoseconds(seconds) or 0, _nanoseconds(ttl_seconds))
        self._core.put(key, entry)
        self._save_if_due()

    def invalidate(self, key: K) -> bool:
        """Let go of ``key``, and of what a computation under way will give; False when it was not held."""
        return self._core.remove(key)

    def clear(self) -> int:
        """Let go of everything; how many entries there were. The counts stay."""
        return self._core.clear()

    def stats(self) -> CacheStatistics:
        """Hits, misses, evictions, sizes and saved seconds since the cache was made."""
        self._core.count()
        return self._core.tally.statistics()

    def __repr__(self) -> str:
        """Its name, how full it is, and how well it does."""
        found = self.stats()
        ratio = "no look-ups" if found.hit_ratio is None else f"{found.hit_ratio:.1%} of {found.lookups} look-ups hit"
        return f"<{type(self).__name__} {self.name!r}: {found.entries} entries, {ratio}>"

    # -- the file ------------------------------------------------------------------------------------------------

    @property
    def file(self) -> CacheFile | None:
        """Where the values are kept beyond the process."""
        return None if self._saving is None else self._saving.file

    def _save_if_due(self) -> None:
        if self._saving is not None:
            guard.call("cache.save", self._saving.save_if_due)

    def save(self) -> bool:
        """Write the file now, on this thread; False when there is none, or when it cannot be written."""
        return self._saving is not None and self._saving.save()

    def close(self) -> None:
        """Write what is not in the file yet, and wait for a save under way. The cache can be used on."""
        if self._saving is not None:
            self._saving.finish()

    def __enter__(self) -> Self:
        """The cache, to be closed at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()


def _answer(entry: Entry[V]) -> V:
    """What is held. A failure is raised again and again: its traceback would grow each time."""
    if entry.error is not None:
        raise entry.error.with_traceback(None)
    return entry.value


def _landed(entry: Entry[V]) -> V:
    """What was just made. The traceback of a failure is that of the caller who made it, too."""
    if entry.error is not None:
        raise entry.error
    return entry.value


def _nanoseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * SECOND_NS)


def _check(max_entries: int | None, max_bytes: int | None, times: tuple[float | None, ...], jitter: float) -> None:
    for bound in (max_entries, max_bytes):
        if bound is not None and bound < 1:
            raise ValueError(f"a bound is at least 1, not {bound}; None is no bound")
    for seconds in times:
        if seconds is not None and not seconds > 0:
            raise ValueError(f"a time to live is above 0 seconds, not {seconds}; None is for ever")
    if not 0 <= jitter <= 1:
        raise ValueError(f"ttl_jitter is a fraction from 0 to 1, not {jitter}")
