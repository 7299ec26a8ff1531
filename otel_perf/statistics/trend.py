"""The trend of a series of readings, unmoved by single steps and outliers."""

from collections.abc import Sequence
from itertools import combinations
from statistics import median

__all__ = ["median_slope"]


def median_slope(points: Sequence[tuple[float, float]]) -> float | None:
    """The median of the slopes between all pairs of points (Theil and Sen's estimate); ``None`` without a pair.

    Up to 29 % of the points may be anything: a single step early or late leaves it near zero, where a regression
    line would rise. It takes quadratic time, so give it some dozens of points.

    Args:
        points: Pairs of x and y; pairs of the same x say nothing about a slope.
    """
    slopes = [(y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2]
    return median(slopes) if slopes else None
