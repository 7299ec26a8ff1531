"""The cache tracker: exact ratios, times of hits and misses apart, and the metrics."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from otel_perf.compat.benchmarker import CachePerformanceTracker
from otel_perf.testing.capture import Capture


@pytest.mark.feature("S0-18")
def test_the_ratio_is_exact_and_in_the_metrics(otel_perf_capture: Capture) -> None:
    """700 hits and 300 misses are 0.7, and ``otel_perf.cache.requests`` has them by result."""
    tracker = CachePerformanceTracker("prompts")
    for number in range(1000):
        tracker.record_access(hit=number % 10 < 7)

    assert tracker.hit_ratio == 0.7
    assert tracker.get_statistics()["hit_ratio"] == 0.7
    points = otel_perf_capture.metrics()["otel_perf.cache.requests"]
    assert {
        (point.attributes["otel_perf.cache.name"], point.attributes["otel_perf.cache.result"]): point.value
        for point in points
    } == {("prompts", "hit"): 700, ("prompts", "miss"): 300}


@pytest.mark.feature("S0-18")
def test_no_look_up_has_no_ratio() -> None:
    """Neither 0 nor 1: nothing was measured."""
    tracker = CachePerformanceTracker()

    ratios = [tracker.hit_ratio, tracker.get_statistics()["hit_ratio"]]
    tracker.record_miss()
    ratios.append(tracker.hit_ratio)
    tracker.reset()
    ratios.append(tracker.hit_ratio)

    assert ratios == [None, None, 0.0, None]


@pytest.mark.feature("S0-18")
def test_times_of_hits_and_misses_are_apart(otel_perf_capture: Capture) -> None:
    """Each has its own mean and percentiles, and its own series of ``otel_perf.cache.lookup.duration``."""
    tracker = CachePerformanceTracker("pages")
    for milliseconds in (1, 2, 3):
        tracker.record_hit(milliseconds / 1000)
    tracker.record_miss(0.5)
    tracker.record_miss()

    found = tracker.get_statistics()
    assert (found["lookups"], found["hits"], found["misses"]) == (5, 3, 2)
    assert found["hit_duration"]["avg_seconds"] == pytest.approx(0.002)
    assert (found["miss_duration"]["count"], found["miss_duration"]["avg_seconds"]) == (1, 0.5)
    points = otel_perf_capture.metrics()["otel_perf.cache.lookup.duration"]
    assert {p.attributes["otel_perf.cache.result"]: (p.count, p.sum) for p in points} == {
        "hit": (3, pytest.approx(0.006)),
        "miss": (1, 0.5),
    }


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -0.1, "soon"])
def test_a_time_that_is_none_is_left_out(seconds: float) -> None:
    """The look-up counts; its time does not."""
    tracker = CachePerformanceTracker()
    tracker.record_hit(seconds)

    assert (tracker.hits, tracker.get_statistics()["hit_duration"]["count"]) == (1, 0)


def test_times_are_bounded_and_counts_are_not() -> None:
    """The newest times stay."""
    tracker = CachePerformanceTracker(max_samples=2)
    for seconds in (1.0, 2.0, 3.0):
        tracker.record_hit(seconds)

    assert (tracker.hits, tracker.get_statistics()["hit_duration"]["min_seconds"]) == (3, 2.0)
    with pytest.raises(ValueError, match="positive"):
        CachePerformanceTracker(max_samples=0)


def test_threads_lose_no_look_up() -> None:
    """Eight threads at once."""
    tracker, gate = CachePerformanceTracker(), threading.Barrier(8)

    def work(number: int) -> None:
        gate.wait()
        for _ in range(500):
            tracker.record_access(hit=number % 2 == 0, seconds=0.001)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))

    assert (tracker.hits, tracker.misses, tracker.hit_ratio) == (2000, 2000, 0.5)
