"""Exponential histograms as classic ones: Prometheus' text formats know no others."""

from collections import Counter
from collections.abc import Iterable, Sequence

from opentelemetry.sdk.metrics.export import Buckets, ExponentialHistogramDataPoint

__all__ = ["classic_buckets"]


def classic_buckets(point: ExponentialHistogramDataPoint) -> tuple[Sequence[float], Sequence[int]]:
    """Bounds and counts (one more, not cumulative) of an exponential histogram, exactly.

    Buckets finer than a factor of two are put together, so that the bounds are powers of two whatever the scale:
    they stay the same from scrape to scrape while the SDK changes the scale.
    """
    upper: Counter[float] = Counter()
    upper.update(_positive(point.positive, point.scale))
    upper.update(_negative(point.negative, point.scale))
    if point.zero_count:
        upper[0.0] += point.zero_count
    bounds = sorted(bound for bound in upper if bound != float("inf"))
    return bounds, [*(upper[bound] for bound in bounds), upper[float("inf")]]


def _positive(buckets: Buckets, scale: int) -> dict[float, int]:
    """Bucket ``i`` holds (base**i, base**(i+1)]: its upper bound is the next power."""
    return _merged((_exponent(index, scale) + 1, 1.0, count) for index, count in _filled(buckets))


def _negative(buckets: Buckets, scale: int) -> dict[float, int]:
    """Bucket ``i`` holds [-base**(i+1), -base**i): its upper bound is the power itself, negated."""
    return _merged((_exponent(index, scale), -1.0, count) for index, count in _filled(buckets))


def _filled(buckets: Buckets) -> Iterable[tuple[int, int]]:
    return ((buckets.offset + i, count) for i, count in enumerate(buckets.bucket_counts) if count)


def _exponent(index: int, scale: int) -> int:
    """Exponent of two at or below ``base**index``, with base = 2**(2**-scale)."""
    return index >> scale if scale > 0 else index << -scale


def _merged(buckets: Iterable[tuple[int, float, int]]) -> dict[float, int]:
    merged: Counter[float] = Counter()
    for exponent, sign, count in buckets:
        merged[sign * _power(exponent)] += count
    return merged


def _power(exponent: int) -> float:
    try:
        return 2.0**exponent
    except OverflowError:
        return float("inf")
