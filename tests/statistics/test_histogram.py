"""Tests of the explicit-bucket histogram."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otel_perf.statistics.histogram import BucketHistogram

BOUNDS = (0.1, 0.5, 1.0, 5.0)
FLOATS = st.floats(-10, 10, allow_nan=False)
BOUND_SETS = st.lists(FLOATS, unique=True, max_size=6).map(lambda bounds: tuple(sorted(bounds)))


def histogram_of(bounds: tuple[float, ...], values: list[float]) -> BucketHistogram:
    """A histogram that holds the values."""
    histogram = BucketHistogram(bounds)
    for value in values:
        histogram.add(value)
    return histogram


@given(BOUND_SETS, st.lists(FLOATS, max_size=30))
def test_bucket_holds_what_lies_between_its_bounds(bounds: tuple[float, ...], values: list[float]) -> None:
    """Bucket i counts bounds[i-1] < value <= bounds[i]; count, sum and extremes are those of the values."""
    values = [*values, *bounds]
    histogram = histogram_of(bounds, values)
    edges = (-math.inf, *bounds, math.inf)
    expected = [sum(low < v <= high for v in values) for low, high in pairwise(edges)]
    assert histogram.counts == expected
    assert histogram.count == len(values)
    assert histogram.total == pytest.approx(sum(values))
    assert (histogram.min, histogram.max) == (min(values, default=None), max(values, default=None))


def test_value_on_a_bound_belongs_below() -> None:
    """A value equal to a bound is in the bucket that the bound closes."""
    assert histogram_of(BOUNDS, [0.1, 0.5, 5.0, 5.1]).counts == [1, 1, 0, 1, 1]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_not_finite_values_are_left_out_and_counted(value: float) -> None:
    """NaN and infinities change nothing but their own count."""
    histogram = histogram_of(BOUNDS, [0.2, value])
    assert (histogram.count, histogram.total, histogram.max, histogram.not_finite) == (1, 0.2, 0.2, 1)


@pytest.mark.parametrize("bounds", [(1.0, 1.0), (2.0, 1.0), (1.0, math.inf), (math.nan,)])
def test_bounds_must_rise(bounds: tuple[float, ...]) -> None:
    """Bounds that are not finite and strictly rising are refused."""
    with pytest.raises(ValueError, match="bounds"):
        BucketHistogram(bounds)


def test_newest_exemplar_of_each_bucket_is_kept() -> None:
    """Each bucket shows the exemplar with the latest time, whatever order they come in."""
    histogram = BucketHistogram(BOUNDS)
    histogram.add(0.2, (0.2, 1, 11, 100))
    histogram.add(0.3, (0.3, 2, 12, 300))
    histogram.add(0.4, (0.4, 3, 13, 200))
    histogram.add(9.0, (9.0, 4, 14, 50))
    histogram.add(0.45)
    assert histogram.exemplars == {1: (0.3, 2, 12, 300), 4: (9.0, 4, 14, 50)}
    assert histogram.snapshot().exemplars == ((0.3, 2, 12, 300), (9.0, 4, 14, 50))
    histogram.clear_exemplars()
    assert histogram.exemplars == {}
    assert histogram.count == 5


def test_snapshot_does_not_change() -> None:
    """Later values do not show in a snapshot, and a reset begins at nothing."""
    histogram = histogram_of(BOUNDS, [0.2, 7.0])
    snapshot = histogram.snapshot()
    histogram.add(0.01, (0.01, 1, 1, 1))
    assert (snapshot.counts, snapshot.count, snapshot.total) == ((0, 1, 0, 0, 1), 2, 7.2)
    assert (snapshot.min, snapshot.max, snapshot.exemplars) == (0.2, 7.0, ())
    histogram.reset()
    empty = BucketHistogram(BOUNDS).snapshot()
    assert histogram.snapshot() == empty
    assert (empty.min, empty.max, empty.quantile_estimate(0.5)) == (None, None, None)


@given(BOUND_SETS, st.lists(FLOATS, max_size=20), st.lists(FLOATS, max_size=20))
def test_merging_equals_the_whole(bounds: tuple[float, ...], one: list[float], other: list[float]) -> None:
    """Two merged histograms hold what one with all values holds."""
    merged = histogram_of(bounds, one)
    merged.merge(histogram_of(bounds, other))
    whole = histogram_of(bounds, one + other)
    assert (merged.counts, merged.min, merged.max) == (whole.counts, whole.min, whole.max)
    assert merged.total == pytest.approx(whole.total)


def test_merging_takes_the_newer_exemplar_and_the_same_bounds_only() -> None:
    """Merging keeps the newest exemplar of each bucket and refuses other bounds."""
    one, other = BucketHistogram(BOUNDS), BucketHistogram(BOUNDS)
    one.add(0.2, (0.2, 1, 1, 5))
    other.add(0.3, (0.3, 2, 2, 9))
    other.add(0.05, (0.05, 3, 3, 1))
    one.merge(other)
    assert one.exemplars == {0: (0.05, 3, 3, 1), 1: (0.3, 2, 2, 9)}
    with pytest.raises(ValueError, match="merged"):
        one.merge(BucketHistogram((1.0,)))


@pytest.mark.parametrize(
    ("bounds", "counts", "q", "expected"),
    [
        # Worked by hand from the definition in the Prometheus documentation of histogram_quantile.
        ((1.0, 2.0, 4.0), [0, 10, 10, 0], 0.5, 2.0),
        ((1.0, 2.0, 4.0), [0, 10, 10, 0], 0.75, 3.0),
        ((1.0, 2.0, 4.0), [10, 0, 0, 0], 0.5, 0.5),
        ((1.0, 2.0, 4.0), [1, 0, 0, 9], 0.9, 4.0),
        ((-1.0, 2.0), [5, 5, 0], 0.2, -1.0),
        ((-1.0, 2.0), [0, 6, 0], 0.5, 0.5),
        ((1.0, 2.0), [0, 4, 0], 0.0, None),
        ((1.0, 2.0), [4, 0, 0], 0.0, 0.0),
        ((), [7], 0.5, None),
    ],
)
def test_quantile_estimate_is_that_of_prometheus(
    bounds: tuple[float, ...], counts: list[int], q: float, expected: float | None
) -> None:
    """The estimate interpolates within the bucket exactly as histogram_quantile does."""
    histogram = BucketHistogram(bounds)
    for i, count in enumerate(counts):
        value = bounds[i] if i < len(bounds) else 100.0
        for _ in range(count):
            histogram.add(value)
    assert histogram.quantile_estimate(q) == expected


@pytest.mark.parametrize("q", [-0.01, 1.01, math.nan])
def test_impossible_quantiles_are_refused(q: float) -> None:
    """A quantile outside 0..1 is an error."""
    with pytest.raises(ValueError, match="quantile"):
        BucketHistogram(BOUNDS).quantile_estimate(q)
