"""Tests of the bucket scheme."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from otel_perf.statistics.log_buckets import (
    BUCKET_COUNT,
    MAX_VALUE,
    RELATIVE_ERROR,
    BucketCounts,
    bucket_middle,
    bucket_of,
)

VALUES = st.integers(0, MAX_VALUE)


@given(VALUES)
@example(127)
@example(128)
@example(MAX_VALUE)
def test_middle_is_within_the_stated_error(value: int) -> None:
    """The middle of a value's bucket is at most RELATIVE_ERROR of the value away from it."""
    assert abs(bucket_middle(bucket_of(value)) - value) <= RELATIVE_ERROR * value


@given(VALUES, VALUES)
def test_buckets_keep_the_order(one: int, other: int) -> None:
    """A larger value never has a lower bucket."""
    low, high = sorted((one, other))
    assert bucket_of(low) <= bucket_of(high)


def test_buckets_have_no_gap() -> None:
    """Going through the lowest values of all octaves, bucket numbers rise by one at a time up to the last."""
    seen = sorted({bucket_of((64 + top) << shift) for shift in range(57) for top in range(64)} | set(range(64)))
    assert seen == list(range(BUCKET_COUNT - 1))
    assert bucket_of(MAX_VALUE) == BUCKET_COUNT - 1


def test_error_stays_below_one_percent() -> None:
    """The scheme promises less than 1 %."""
    assert RELATIVE_ERROR < 0.01


@given(st.lists(VALUES, min_size=1, max_size=50))
def test_tally_counts_each_value_in_its_bucket(values: list[int]) -> None:
    """Counting values together gives what adding their buckets one by one gives."""
    together, one_by_one = BucketCounts(), BucketCounts()
    together.cover(bucket_of(min(values)), bucket_of(max(values)))
    together.tally(values)
    for value in values:
        one_by_one.add(bucket_of(value), 1)
    assert list(together.filled()) == list(one_by_one.filled())
    assert sum(together.counts) == len(values)


def test_counters_widen_past_32_bits() -> None:
    """A bucket that counts more than 2**32 - 1 values goes on counting exactly."""
    counts = BucketCounts()
    counts.add(5, 2**32 - 1)
    counts.tally([5, 5])
    counts.add(5, 2**33)
    assert list(counts.filled()) == [(5, 2**32 + 1 + 2**33)]


def test_counters_widen_when_many_are_added_at_once() -> None:
    """Merging large counts does not overflow."""
    counts = BucketCounts()
    counts.add(70, 2**32 - 1)
    counts.add(70, 2**32 - 1)
    assert list(counts.filled()) == [(70, 2**33 - 2)]
