"""The result cache: what it gives, what it gives up and when, what it counts, and what the metrics say of it."""

import gc
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

import otel_perf
from otel_perf.core.cache_signals import LOOKUP_SECONDS
from otel_perf.core.measurements import Measurement
from otel_perf.core.tallies import OTHER, Distribution, Names, tallies
from otel_perf.meters.adopted import AdoptedMeters
from otel_perf.meters.fold import ToolMeters
from otel_perf.meters.sources import MetricSources
from otel_perf.optimize.cache import ResultCache
from otel_perf.optimize.cache_size import estimate_bytes
from otel_perf.optimize.cache_tally import CacheStatistics
from otel_perf.testing.capture import Capture
from otel_perf.testing.recording import recording

SECOND = 1_000_000_000


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = SECOND

    def __call__(self) -> int:
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let some time go by."""
        self.now += round(seconds * SECOND)


@pytest.fixture
def time() -> Time:
    """A clock of the test's own."""
    return Time()


def numbers(capture: Capture, metric: str, cache: str) -> dict[Any, Any]:
    """Values of a metric of one cache by its second label."""
    return {
        next((value for name, value in point.attributes.items() if name != "otel_perf.cache.name"), None): point.value
        for point in capture.metrics().get(metric, [])
        if point.attributes["otel_perf.cache.name"] == cache
    }


def durations(capture: Capture, cache: str) -> dict[str, Any]:
    """Histograms of the look-ups of one cache by result."""
    return {
        point.attributes["otel_perf.cache.result"]: point
        for point in capture.metrics().get("otel_perf.cache.lookup.duration", [])
        if point.attributes["otel_perf.cache.name"] == cache
    }


# -- what it gives ---------------------------------------------------------------------------------------------


def test_a_value_is_computed_once_and_then_found() -> None:
    """The function runs on the miss; ``None`` without negative caching is a value like any other."""
    cache: ResultCache[str, int | None] = ResultCache("plain")
    calls: list[str] = []
    for _ in range(3):
        assert cache.get_or_compute("a", lambda: calls.append("a") or 1) == 1
        assert cache.get_or_compute("none", lambda: calls.append("none")) is None
    assert calls == ["a", "none"]
    assert (cache.get("b"), cache.get("b", 7), "a" in cache, "b" in cache, len(cache)) == (None, 7, True, False, 2)


def test_a_value_grows_old(time: Time) -> None:
    """It counts until its time, and then as absent; a time of its own goes before that of the cache."""
    cache: ResultCache[str, int] = ResultCache("old", ttl_seconds=10, now_ns=time)
    cache.set("a", 1)
    cache.set("b", 2, ttl_seconds=30)
    time.pass_by(9.999)
    assert cache.get("a") == 1
    time.pass_by(0.001)
    assert (cache.get("a"), cache.get("b"), len(cache)) == (None, 2, 1)
    assert cache.stats().evictions == {"ttl": 1}


def test_jitter_makes_lives_shorter_never_longer(time: Time) -> None:
    """Of a thousand entries made together some end early, none before its least life and none after its whole one."""
    cache: ResultCache[int, int] = ResultCache("jitter", ttl_seconds=10, ttl_jitter=0.5, max_entries=None, now_ns=time)
    for key in range(1000):
        cache.set(key, key)
    left = []
    for seconds in (4.999, 2.5, 2.501):
        time.pass_by(seconds)
        left.append(len(cache))
    assert left[0] == 1000
    assert 300 < left[1] < 700
    assert left[2] == 0


def test_negative_results_have_a_life_of_their_own(time: Time) -> None:
    """``None`` and the exceptions asked for are held for that time; the exception is the same object."""
    cache: ResultCache[str, str | None] = ResultCache(
        "negative", ttl_seconds=100, negative_ttl_seconds=5, negative_errors=LookupError, now_ns=time
    )
    calls: list[str] = []
    error = KeyError("no such city")

    def fail(what: Exception) -> Callable[[], str]:
        def compute() -> str:
            calls.append(type(what).__name__)
            raise what

        return compute

    for _ in range(3):
        assert cache.get_or_compute("none", lambda: calls.append("none")) is None
        with pytest.raises(KeyError) as caught:
            cache.get_or_compute("error", fail(error))
        assert caught.value is error
        with pytest.raises(ValueError, match="not this"):
            cache.get_or_compute("other", fail(ValueError("not this")))
    assert sorted(calls) == ["KeyError", "ValueError", "ValueError", "ValueError", "none"]
    with pytest.raises(KeyError):
        cache.get("error")
    time.pass_by(5)
    assert cache.get_or_compute("none", lambda: "found") == "found"
    assert cache.get("error", "gone") == "gone"


def test_the_least_recently_used_goes_first() -> None:
    """A look-up is a use, ``in`` is none."""
    cache: ResultCache[int, int] = ResultCache("lru", max_entries=3)
    for key in (1, 2, 3):
        cache.set(key, key)
    assert cache.get(1) == 1
    assert 2 in cache
    cache.set(4, 4)
    assert [key in cache for key in (1, 2, 3, 4)] == [True, False, True, True]
    assert cache.stats().evictions == {"lru": 1}


def test_bytes_are_bounded_and_what_is_too_large_is_not_let_in() -> None:
    """The sum of the estimates never exceeds the bound; a value beyond it is given to its caller all the same."""
    cache: ResultCache[int, str] = ResultCache("bytes", max_bytes=10_000)
    for key in range(100):
        cache.set(key, "x" * 1000)
        size = cache.stats().size_bytes
        assert size is not None
        assert size <= 10_000
    assert cache.get_or_compute(1000, lambda: "y" * 20_000) == "y" * 20_000
    found = cache.stats()
    assert 1000 not in cache
    assert found.evictions["too_large"] == 1
    assert found.evictions["bytes"] == 100 - found.entries
    assert 5 <= found.entries <= 9


def test_a_size_of_ones_own_is_asked_for_key_and_value_and_may_fail() -> None:
    """What it raises goes no further; without bounds and without it sizes are unknown, not zero."""
    cache: ResultCache[str, str] = ResultCache("sized", max_bytes=10_000, size_of=len)
    cache.set("12345", "123")
    assert cache.stats().size_bytes == 280 + 8
    cache.set("not sized", 5)  # type: ignore[arg-type] # len() of it raises
    assert cache.get("not sized") == 5
    assert ResultCache[str, str]("unsized").stats().size_bytes is None


@pytest.mark.parametrize(
    ("value", "least"),
    [
        ("x" * 1000, 1000),
        ([1.5] * 10, 8 * 10),
        ([float(number) for number in range(1000)], 32 * 1000),
        ({"a": ["x" * 500, {"b": b"y" * 500}]}, 1000),
        (bytearray(3000), 3000),
        (memoryview(b"x" * 3000), 3000),
        ([float(number) for number in range(100_000)], 32 * 100_000),
        ({str(n): [float(n * i) for i in range(200)] for n in range(300)}, 32 * 60_000),
    ],
    ids=[
        "text",
        "one object",
        "floats",
        "nested",
        "bytearray",
        "memoryview",
        "more than is looked at",
        "many large ones",
    ],
)
def test_sizes_are_estimated_with_what_values_hold(value: object, least: float) -> None:
    """Containers are followed with their places, and of large ones a part is enough."""
    assert least <= estimate_bytes(value) <= least * 1.7 + 500


def test_a_value_that_holds_itself_has_a_size() -> None:
    """Objects, slots and circles end."""
    circle: list[object] = ["x" * 1000]
    circle.append(circle)

    class Slotted:
        __slots__ = ("held", "unset")

        def __init__(self) -> None:
            self.held = circle

    class Plain:
        def __init__(self) -> None:
            self.slotted = Slotted()

    assert 1000 < estimate_bytes(Plain()) < 2500


def test_wrong_settings_are_refused() -> None:
    """At once, with what would be right."""
    for settings in (
        {"max_entries": 0},
        {"max_bytes": 0},
        {"ttl_seconds": 0},
        {"negative_ttl_seconds": -1},
        {"ttl_seconds": float("nan")},
        {"ttl_jitter": 1.5},
    ):
        with pytest.raises(ValueError, match="not"):
            ResultCache("wrong", **settings)  # type: ignore[arg-type]


def test_the_repr_says_how_it_does() -> None:
    """For a log line or a prompt."""
    cache: ResultCache[str, int] = ResultCache("shown")
    assert repr(cache) == "<ResultCache 'shown': 0 entries, no look-ups>"
    cache.set("a", 1)
    cache.get("a")
    cache.get("b")
    assert repr(cache) == "<ResultCache 'shown': 1 entries, 50.0% of 2 look-ups hit>"


def test_threads_do_what_they_like_and_the_books_are_right() -> None:
    """Eight threads set, get, compute and invalidate; look-ups and bounds are exact at the end."""
    cache: ResultCache[int, int] = ResultCache("busy", max_entries=50, max_bytes=40_000)
    start = threading.Barrier(8)

    def work(seed: int) -> int:
        start.wait(20)
        lookups = 0
        for step in range(2000):
            key = (step * (seed + 1)) % 100
            if step % 10 == 0:
                cache.set(key, key)
            elif step % 17 == 0:
                cache.invalidate(key)
            else:
                lookups += 1
                assert cache.get_or_compute(key, lambda value=key: value) == key  # type: ignore[misc]
        return lookups

    with ThreadPoolExecutor(8) as pool:
        lookups = sum(pool.map(work, range(8)))
    found = cache.stats()
    assert found.lookups == lookups
    assert found.entries <= 50
    assert found.size_bytes is not None
    assert 0 <= found.size_bytes <= 40_000


# -- what it counts ----------------------------------------------------------------------------------------------


@pytest.mark.feature("S0-18", "S1-34", "S1-19")
def test_700_hits_and_300_misses_are_a_ratio_of_exactly_seven_tenths(otel_perf_capture: Capture) -> None:
    """Before the first look-up there is no ratio at all; in the metrics too, counts and ratio are these."""
    cache: ResultCache[int, int] = ResultCache("ratio", max_entries=None)
    assert cache.stats().hit_ratio is None
    assert numbers(otel_perf_capture, "otel_perf.cache.hit_ratio", "ratio") == {}
    assert CacheStatistics(0, 0).hit_ratio is None
    for key in range(300):
        cache.get_or_compute(key, lambda: 1)
    for key in range(700):
        cache.get_or_compute(key % 300, lambda: 1)
    found = cache.stats()
    assert (found.hits, found.misses, found.hit_ratio) == (700, 300, 0.7)
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "ratio") == {"hit": 700, "miss": 300}
    assert numbers(otel_perf_capture, "otel_perf.cache.hit_ratio", "ratio") == {None: 0.7}
    for number in range(1000):
        otel_perf.record_cache_access("own ratio", number < 700)
    assert numbers(otel_perf_capture, "otel_perf.cache.hit_ratio", "own ratio") == {None: 0.7}


@pytest.mark.feature("S0-26", "S0-67")
def test_hits_misses_evictions_and_latency_are_there_for_each_cache(otel_perf_capture: Capture) -> None:
    """Two caches, each with its own series; hit and miss times in separate histograms whose counts are the counts."""
    caches = [ResultCache[int, int](name, max_entries=2) for name in ("first", "second")]
    for cache, lookups in zip(caches, (10, 20), strict=True):
        for step in range(lookups):
            cache.get_or_compute(step // 2, lambda: 1)
    for name, half in (("first", 5), ("second", 10)):
        assert numbers(otel_perf_capture, "otel_perf.cache.requests", name) == {"hit": half, "miss": half}
        assert numbers(otel_perf_capture, "otel_perf.cache.evictions", name) == {"lru": half - 2}
        assert numbers(otel_perf_capture, "otel_perf.cache.entries", name) == {None: 2}
        found = durations(otel_perf_capture, name)
        assert {result: point.count for result, point in found.items()} == {"hit": half, "miss": half}
        assert all(0 < point.min <= point.sum / point.count <= point.max for point in found.values())


@pytest.mark.feature("S4-16")
def test_a_hit_takes_less_than_a_millisecond_and_that_is_a_bucket_edge(otel_perf_capture: Capture) -> None:
    """1 ms bounds a bucket of the histogram, and the statistics say the share of hits below it."""
    assert 0.001 in LOOKUP_SECONDS
    cache: ResultCache[int, list[float]] = ResultCache("fast", max_entries=5000)
    vector = [0.5] * 1536
    for key in range(200):
        cache.get_or_compute(key % 100, lambda: vector)
    found = cache.stats()
    hits = durations(otel_perf_capture, "fast")["hit"]
    below = sum(hits.bucket_counts[: hits.explicit_bounds.index(0.001) + 1])
    assert found.fast_hits == below
    assert found.fast_hit_ratio == below / 100
    assert found.fast_hit_ratio >= 0.95


@pytest.mark.feature("S4-15")
def test_an_embedding_cache_of_5000_reports_its_size_and_its_evictions(otel_perf_capture: Capture) -> None:
    """6,000 embeddings in: never more than 5,000 held, 1,000 evictions counted, and the same in the metrics."""
    cache: ResultCache[str, list[float]] = ResultCache("embeddings", max_entries=5000)
    most = 0
    for number in range(6000):
        cache.get_or_compute(f"text {number}", lambda: [0.1, 0.2])
        most = max(most, cache.stats().entries)
    assert most == 5000
    assert cache.stats().evictions == {"lru": 1000}
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "embeddings") == {None: 5000}
    assert numbers(otel_perf_capture, "otel_perf.cache.evictions", "embeddings") == {"lru": 1000}


@pytest.mark.feature("S4-21")
def test_a_context_cache_is_cleared_above_a_thousand_entries(otel_perf_capture: Capture) -> None:
    """Keyed by the input; what would be the 1,001st entry finds it empty, and 1,000 are counted as cleared."""
    cache: ResultCache[str, str] = ResultCache("context", max_entries=1000, when_full="clear")
    for number in range(1001):
        cache.get_or_compute(f"input {number}", lambda: "context")
        assert len(cache) == (number + 1 if number < 1000 else 1)
    assert numbers(otel_perf_capture, "otel_perf.cache.evictions", "context") == {"cleared": 1000}
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "context") == {None: 1}
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "context") == {"miss": 1001}


def test_saved_time_is_what_the_misses_really_took(time: Time, otel_perf_capture: Capture) -> None:
    """Each hit saves the measured time of the miss that made its entry; unknown times save nothing, not even zero."""
    cache: ResultCache[str, int] = ResultCache("saving", now_ns=time)

    def slow() -> int:
        time.pass_by(2.5)
        return 1

    def slower() -> int:
        time.pass_by(4)
        return 2

    cache.set("unknown", 3)
    cache.get("unknown")
    assert cache.stats().saved_seconds is None
    cache.set("told", 4, seconds=10)
    for _ in range(3):
        cache.get_or_compute("slow", slow)
        cache.get_or_compute("slower", slower)
    cache.get("told")
    assert cache.stats().saved_seconds == 2 * 2.5 + 2 * 4 + 10
    assert numbers(otel_perf_capture, "otel_perf.cache.saved_time", "saving") == {None: 23.0}
    misses = durations(otel_perf_capture, "saving")["miss"]
    assert (misses.count, misses.sum, misses.min, misses.max) == (2, 6.5, 2.5, 4.0)


# -- what the metrics say -----------------------------------------------------------------------------------------


def test_the_totals_outlive_the_cache(otel_perf_capture: Capture) -> None:
    """What a cache counted stays counted when it is gone, and what it held is not held any more."""
    cache: ResultCache[int, int] = ResultCache("short-lived", max_bytes=100_000)
    for key in range(10):
        cache.get_or_compute(key, lambda: 1)
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "short-lived") == {None: 10}
    cache.get(1)
    del cache
    gc.collect()
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "short-lived") == {"hit": 1, "miss": 10}
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "short-lived") == {None: 0}
    assert numbers(otel_perf_capture, "otel_perf.cache.size", "short-lived") == {None: 0}


def test_look_ups_before_recording_are_no_part_of_it_but_entries_are() -> None:
    """The metrics begin with the recording; a cache that was filled before is as full as it is. And once more."""
    cache: ResultCache[int, int] = ResultCache("early")
    for _ in range(2):
        cache.get_or_compute(1, lambda: 1)
        with recording() as capture:
            cache.get(1)
            assert numbers(capture, "otel_perf.cache.requests", "early") == {"hit": 1}
            assert numbers(capture, "otel_perf.cache.entries", "early") == {None: 1}
            assert durations(capture, "early")["hit"].count == 1


def test_caches_of_one_name_are_counted_together(otel_perf_capture: Capture) -> None:
    """Requests and entries add up."""
    caches = [ResultCache[int, int]("shared name") for _ in range(3)]
    for cache in caches:
        cache.get_or_compute(1, lambda: 1)
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "shared name") == {"miss": 3}
    assert numbers(otel_perf_capture, "otel_perf.cache.entries", "shared name") == {None: 3}


def test_names_are_bounded() -> None:
    """Beyond the limit all further names share one label, and a known one keeps its own."""
    names = Names(3)
    assert [names.label(name) for name in "abcdba"] == ["a", "b", "c", OTHER, "b", "a"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_does_not_count_its_parents_look_ups_again() -> None:
    """What was counted but not handed in before the fork is the parent's alone; what is held is in both."""
    cache: ResultCache[int, int] = ResultCache("inherited")
    tallies.restart()
    cache.get_or_compute(1, lambda: 1)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        tallies.restart()  # as a pipeline does in a forked child
        cache.get(1)
        text = ",".join(
            f"{m.metric.name}={m.value}"
            for m in tallies.take()
            if m.labels[0] == "inherited" and isinstance(m.value, int)
        )
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert pipe.read() == "otel_perf.cache.entries=1,otel_perf.cache.requests=1"
    os.waitpid(child, 0)
    mine = {m.metric.name: m.value for m in tallies.take() if m.labels == ("inherited", "miss")}
    assert mine["otel_perf.cache.requests"] == 1


def test_an_adopted_meter_provider_gets_the_same_numbers() -> None:
    """Counts, buckets and sums through the instruments of an SDK provider of the application's."""
    cache: ResultCache[int, int] = ResultCache("adopted")
    tallies.restart()
    for step in range(50):
        cache.get_or_compute(step // 5, lambda: 1)
    taken = [entry for entry in tallies.take() if entry.labels[0] == "adopted"]
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    meters = ToolMeters()
    adopted = AdoptedMeters(provider, meters, MetricSources())
    adopted.on_measurements(taken)
    adopted.refresh()
    data = reader.get_metrics_data()
    assert data is not None
    found = {m.name: m.data.data_points for m in data.resource_metrics[0].scope_metrics[0].metrics}
    counts = {p.attributes["otel_perf.cache.result"]: p.value for p in found["otel_perf.cache.requests"]}
    times = {p.attributes["otel_perf.cache.result"]: p for p in found["otel_perf.cache.lookup.duration"]}
    ours = {dict(r.labels)["otel_perf.cache.result"]: r for r in next(iter(meters.measured.histograms().values()))}
    assert counts == {"hit": 40, "miss": 10}
    for result, point in times.items():
        assert tuple(point.bucket_counts) == ours[result].counts
        assert point.sum == pytest.approx(ours[result].total)
        assert (point.min, point.max) == (ours[result].minimum, ours[result].maximum)
    provider.shutdown()


def test_few_measurements_tell_a_distribution_exactly() -> None:
    """Buckets, number, sum, least and greatest value, over several hand-ins; what was skipped is not in them."""
    times = Distribution(LOOKUP_SECONDS)
    times.add(10**9)
    times.skip()
    meters = ToolMeters().measured
    values = [1, 1000, 1001, 1500, 2000, 2001, 999_999, 1_000_000, 1_000_001, 10**12]
    from otel_perf.core.cache_signals import CACHE_LOOKUPS

    taken: list[Measurement] = []
    for part in (values[:4], values[4:], values):
        for value in part:
            times.add(value)
        taken.extend(times.take(CACHE_LOOKUPS, ("d", "hit"), 0))
    assert not list(times.take(CACHE_LOOKUPS, ("d", "hit"), 0))
    meters.on_measurements(taken)
    direct = ToolMeters().measured
    direct.on_measurements([Measurement(CACHE_LOOKUPS, value / 1e9, ("d", "hit"), 0) for value in values * 2])
    ((mine,), (theirs,)) = (next(iter(m.histograms().values())) for m in (meters, direct))
    assert mine.counts == theirs.counts
    assert mine.total == pytest.approx(theirs.total)
    assert (mine.minimum, mine.maximum) == (theirs.minimum, theirs.maximum)


# -- caches of the application's own ---------------------------------------------------------------------------------


def test_a_cache_of_ones_own_is_told_in_a_line(otel_perf_capture: Capture) -> None:
    """Counts, times where they were given, and what a hit saved where somebody knows it."""
    for number in range(10):
        otel_perf.record_cache_access("mine", number < 7)
    otel_perf.record_cache_access("mine", hit=True, seconds=0.0004, saved_seconds=2.0)
    otel_perf.record_cache_access("mine", hit=False, seconds=2.0, saved_seconds=9.0)
    assert numbers(otel_perf_capture, "otel_perf.cache.requests", "mine") == {"hit": 8, "miss": 4}
    assert numbers(otel_perf_capture, "otel_perf.cache.saved_time", "mine") == {None: 2.0}
    found = durations(otel_perf_capture, "mine")
    assert {result: (point.count, point.sum) for result, point in found.items()} == {
        "hit": (1, 0.0004),
        "miss": (1, 2.0),
    }


def test_without_instrument_it_costs_nothing_and_raises_nothing() -> None:
    """A program that is not instrumented runs as it did."""
    otel_perf.record_cache_access("mine", hit=True, seconds=float("nan"))
