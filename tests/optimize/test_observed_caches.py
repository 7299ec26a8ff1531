"""Caches of others: ``functools.lru_cache`` seen from outside, ``cachetools`` counted from inside."""

import functools
import gc
from typing import Any

import cachetools
import pytest

from otel_perf.optimize.observed_caches import CountedCache, observe_lru_cache
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording


def numbers(capture: Capture, metric: str, cache: str) -> dict[Any, Any]:
    """Values of a metric of one cache by its second label."""
    return {
        next((value for name, value in point.attributes.items() if name != "otel_perf.cache.name"), None): point.value
        for point in capture.metrics().get(metric, [])
        if point.attributes["otel_perf.cache.name"] == cache
    }


def test_an_lru_cache_is_counted_from_outside(otel_perf_capture: Capture) -> None:
    """The same object; hits, misses and entries are those of ``cache_info``, over readings and clears."""

    @functools.lru_cache(maxsize=3)
    def square(number: int) -> int:
        return number * number

    assert observe_lru_cache(square, name="squares") is square
    for number in (1, 1, 2, 3, 4):
        square(number)
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "squares") == {"hit": 1, "miss": 4}
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "squares") == {None: 3}
    square(4)
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "squares") == {"hit": 2, "miss": 4}
    square.cache_clear()
    square(1)
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "squares") == {"hit": 2, "miss": 5}
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "squares") == {None: 1}
    assert "otel_perf.cache.lookup.duration" not in otel_perf_capture.metrics()
    del square
    gc.collect()
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "squares") == {None: 0}


def test_an_lru_cache_that_was_used_before_begins_with_the_recording() -> None:
    """Its name is the function's; entries that were there are there."""

    @observe_lru_cache
    @functools.cache
    def cube(number: int) -> int:
        return number**3

    cube(1)
    for _ in range(2):
        with recording() as capture:
            cube(1)
            assert numbers(capture, "otel_perf.cache.requests", cube.__qualname__) == {"hit": 1}
            assert numbers(capture, "otel_perf.cache.entries", cube.__qualname__) == {None: 1}


def test_what_is_no_lru_cache_is_refused() -> None:
    """At once."""
    with pytest.raises(TypeError, match="lru_cache"):
        observe_lru_cache(len)


class CountedLRU(CountedCache, cachetools.LRUCache[Any, Any]):
    """As a user writes it."""


class CountedTTL(CountedCache, cachetools.TTLCache[Any, Any]):
    """One whose entries grow old."""


def test_a_cachetools_cache_is_counted_from_inside(otel_perf_capture: Capture) -> None:
    """Look-ups of every kind, evictions and size; ``in`` counts nothing; it behaves as the plain class does."""
    cache = CountedLRU(3, cache_name="tools")
    plain: cachetools.LRUCache[Any, Any] = cachetools.LRUCache(3)
    for each in (cache, plain):
        for number in range(5):
            each[number] = number * 10
        assert [each[4], each.get(3), each.get(0), each.get(0, "no"), each.setdefault(2, "x")] == [
            40,
            30,
            None,
            "no",
            20,
        ]
        with pytest.raises(KeyError):
            each[0]
        assert (0 in each, len(each), each.currsize, list(each)) == (False, 3, 3, list(plain) or [2, 3, 4])
    found = cache.stats()
    assert (found.hits, found.misses, found.evictions, found.entries) == (3, 3, {"lru": 2}, 3)
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "tools") == {"hit": 3, "miss": 3}
    assert numbers(otel_perf_capture, "otel_perf.cache.evictions", "tools") == {"lru": 2}
    cache.popitem()
    assert cache.stats().evictions == {"lru": 2}
    cache.clear()
    assert cache.stats().entries == 0
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "tools") == {None: 0}


def test_a_cachetools_cache_whose_entries_grow_old() -> None:
    """Expired entries are no evictions for want of space."""
    now = [0]
    cache = CountedTTL(10, 5, timer=lambda: now[0])
    cache["a"] = 1
    now[0] = 3
    cache["b"] = 2
    now[0] = 6
    cache["c"] = 3
    found = cache.stats()
    assert (found.evictions, found.entries, cache.get("a")) == ({"ttl": 1}, 2, None)


def test_the_decorator_of_cachetools_works_on_it() -> None:
    """One miss, then hits."""
    cache = CountedLRU(10)

    @cachetools.cached(cache)
    def double(number: int) -> int:
        return 2 * number

    assert [double(1), double(1), double(2)] == [2, 2, 4]
    found = cache.stats()
    assert (found.hits, found.misses, found.entries) == (1, 2, 2)
