"""Tests of the time covered by children."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.intervals import ChildTime

INTERVALS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=25)
PARENT = st.tuples(st.integers(0, 60), st.integers(0, 60))


def covered(intervals: list[tuple[int, int]], start: int, end: int) -> int:
    """Brute force: how many single nanoseconds of the parent lie in some child."""
    return sum(any(s <= moment < e for s, e in intervals) for moment in range(start, end))


def child_time(intervals: list[tuple[int, int]], max_intervals: int = 256) -> ChildTime:
    """Child time fed in the given order."""
    children = ChildTime(max_intervals)
    for start, end in intervals:
        children.add(start, end)
    return children


def test_parallel_children_count_once() -> None:
    """Overlapping children cover their union, disjoint ones their sum, and the parent's bounds cut both."""
    children = child_time([(10, 30), (20, 40), (50, 60)])
    assert children.covered_ns(0, 100) == 40
    assert children.covered_ns(25, 55) == 20
    assert children.covered_ns(40, 50) == 0


def test_child_around_earlier_ones_swallows_them() -> None:
    """A child that began first and ended last leaves one interval."""
    assert child_time([(10, 20), (30, 40), (50, 60), (5, 70)]).covered_ns(0, 100) == 65


@given(INTERVALS, PARENT)
def test_equals_brute_force_in_order_of_ends(intervals: list[tuple[int, int]], parent: tuple[int, int]) -> None:
    """Fed by end, the covered time is that of the union, clipped to the parent."""
    intervals = sorted(intervals, key=lambda interval: interval[1])
    children = child_time(intervals)
    assert children.covered_ns(*parent) == covered(intervals, *parent)
    assert not children.approximate


@given(INTERVALS, PARENT)
def test_equals_brute_force_in_any_order(intervals: list[tuple[int, int]], parent: tuple[int, int]) -> None:
    """The order of feeding does not matter."""
    assert child_time(intervals).covered_ns(*parent) == covered(intervals, *parent)


@given(INTERVALS, st.integers(1, 4), st.booleans(), PARENT)
def test_bounded_memory_never_counts_too_little(
    intervals: list[tuple[int, int]], max_intervals: int, in_order: bool, parent: tuple[int, int]
) -> None:
    """With a bound the covered time is exact or flagged, and then at least the truth."""
    if in_order:
        intervals = sorted(intervals, key=lambda interval: interval[1])
    children = child_time(intervals, max_intervals)
    start, end = min(parent), max(parent)
    result, truth = children.covered_ns(start, end), covered(intervals, start, end)
    assert truth <= result <= end - start
    assert children.approximate or result == truth


def test_a_million_children_in_a_row_stay_exact_and_small() -> None:
    """Far more disjoint children than intervals are kept are added up exactly."""
    children = ChildTime()
    for i in range(100_000):
        children.add(i * 10, i * 10 + 7)
    assert children.covered_ns(0, 10**7) == 700_000
    assert not children.approximate
    assert len(children) <= 256


def test_late_child_over_forgotten_gaps_is_flagged() -> None:
    """A child that began long before the kept intervals makes the result approximate, unless it covers all."""
    row = [(i * 10, i * 10 + 5) for i in range(1000)]
    partial = child_time([*row, (2003, 9999)])
    truth = covered([*row, (2003, 9999)], 0, 10_000)
    assert partial.approximate
    assert truth <= partial.covered_ns(0, 10_000) <= 10_000
    whole = child_time([*row, (0, 9999)])
    assert (whole.covered_ns(0, 10_000), whole.approximate) == (9999, False)


def test_deep_overlap_is_linear() -> None:
    """Many children that all overlap, ended in random order, leave one interval."""
    chance = random.Random(7)
    children = ChildTime()
    ends = sorted(chance.randrange(10**6) for _ in range(5000))
    for end in ends:
        children.add(0, end)
    assert children.covered_ns(0, 10**7) == ends[-1]
    assert len(children) == 1


def test_child_before_the_forgotten_ones_is_exact() -> None:
    """A late report of children that ended before the forgotten intervals began, latest first, loses nothing."""
    row = [(i * 10, i * 10 + 5) for i in range(10, 1000)]
    children = child_time([*row, (70, 95), (20, 60)])
    truth = covered([*row, (70, 95), (20, 60)], 0, 10_000)
    assert (children.covered_ns(0, 10_000), children.approximate) == (truth, False)


def test_parent_that_cuts_forgotten_intervals_is_told() -> None:
    """A parent's bound inside of the forgotten intervals gives an upper bound and the flag."""
    children = child_time([(i * 10, i * 10 + 5) for i in range(1000)])
    assert children.covered_ns(4000, 10_000) >= 3000
    assert children.approximate
