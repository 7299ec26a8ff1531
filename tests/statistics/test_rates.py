"""Tests of windows and concurrency."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.rates import ConcurrencyGauge, RateWindow

SECOND = 1_000_000_000
MOMENTS = st.lists(st.tuples(st.integers(0, 40 * SECOND), st.integers(0, 1)), max_size=40)


def in_window(calls: list[tuple[int, int]], now: int, size: int) -> list[tuple[int, int]]:
    """Brute force: the calls of the running second and the whole ones before it."""
    first = (now // SECOND - size + 1) * SECOND
    return [call for call in calls if call[0] >= first]


@given(MOMENTS, st.integers(0, 30 * SECOND), st.sampled_from([2, 5, 60]))
def test_equals_counting_by_hand(calls: list[tuple[int, int]], later: int, size: int) -> None:
    """Whatever the order of the calls, window and totals are what counting them by hand gives."""
    window = RateWindow(size, started_ns=0)
    for moment, errors in calls:
        window.add(moment, errors)
    now = max((moment for moment, _ in calls), default=0) + later
    expected = in_window(calls, now, size)
    assert window.calls_in_window(now) == len(expected)
    assert window.errors_in_window(now) == sum(errors for _, errors in expected)
    assert (window.calls_total, window.errors_total) == (len(calls), sum(errors for _, errors in calls))


def test_young_window_divides_by_the_observed_time() -> None:
    """Before the window is full, the rate is per observed second, and None before there is one."""
    window = RateWindow()
    assert window.rate_per_second(10 * SECOND) is None
    for tenth in range(40):
        window.add(5 * SECOND + tenth * SECOND // 10)
    assert window.rate_per_second(5 * SECOND + SECOND // 2) is None
    assert window.rate_per_second(9 * SECOND) == 10.0
    assert window.rate_per_second(13 * SECOND) == 5.0


def test_started_moment_counts_quiet_time() -> None:
    """With a known beginning, the time before the first call is observed time."""
    window = RateWindow(started_ns=0)
    assert window.rate_per_second(4 * SECOND) == 0.0
    window.add(10 * SECOND - 1, 1)
    assert window.rate_per_second(10 * SECOND) == 0.1
    assert window.error_rate_per_second(10 * SECOND) == 0.1


def test_steady_traffic_has_its_rate() -> None:
    """Twenty calls a second for five minutes are twenty per second at any moment, and none after a minute."""
    window = RateWindow()
    for twentieth in range(300 * 20):
        window.add(twentieth * SECOND // 20)
    for now in (300 * SECOND, 300 * SECOND - 1):
        assert window.rate_per_second(now) == pytest.approx(20, rel=0.001)
    assert window.rate_per_second(330 * SECOND) == pytest.approx(20 * 29 / 59, rel=0.001)
    assert window.rate_per_second(400 * SECOND) == 0.0
    assert window.calls_total == 6000


@given(MOMENTS, MOMENTS, st.sampled_from([2, 60]))
def test_merging_equals_the_whole(one: list[tuple[int, int]], other: list[tuple[int, int]], size: int) -> None:
    """Two merged windows of one clock give the numbers of one window that saw all calls."""
    windows = []
    for calls in (one, other, one + other):
        windows.append(RateWindow(size))
        for moment, errors in sorted(calls):
            windows[-1].add(moment, errors)
    merged, added, whole = windows
    merged.merge(added)
    assert (merged.calls_total, merged.errors_total) == (whole.calls_total, whole.errors_total)
    for now in (40 * SECOND, 41 * SECOND, 70 * SECOND):
        assert merged.calls_in_window(now) == whole.calls_in_window(now)
        assert merged.error_rate_per_second(now) == whole.error_rate_per_second(now)


def test_windows_of_other_length_are_not_merged() -> None:
    """Slots of different windows do not fit together."""
    with pytest.raises(ValueError, match="merged"):
        RateWindow(60).merge(RateWindow(30))


def test_gauge_follows_starts_and_ends() -> None:
    """Current and peak follow; an end without a start is counted and never makes the gauge negative."""
    gauge = ConcurrencyGauge()
    for step in "++-++--":
        gauge.enter() if step == "+" else gauge.leave()
    assert (gauge.current, gauge.peak, gauge.unmatched) == (1, 3, 0)
    gauge.leave()
    gauge.leave()
    assert (gauge.current, gauge.peak, gauge.unmatched) == (0, 3, 1)


def test_merged_gauge_claims_no_peak_that_may_not_have_been() -> None:
    """The merged peak is the largest number that certainly occurred."""
    one, other = ConcurrencyGauge(), ConcurrencyGauge()
    for _ in range(3):
        one.enter()
    other.enter()
    one.merge(other)
    assert (one.current, one.peak) == (4, 4)
    for _ in range(4):
        one.leave()
    one.merge(ConcurrencyGauge())
    assert (one.current, one.peak) == (0, 4)
