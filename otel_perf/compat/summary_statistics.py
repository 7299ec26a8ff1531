"""Statistics of durations that are all at hand: exact, nothing estimated."""

import math
from collections.abc import Iterable
from typing import Any

from otel_perf.statistics.quantiles import quantile_rank

__all__ = ["describe_seconds"]


def describe_seconds(durations: Iterable[float]) -> dict[str, Any]:
    """Count, extremes, mean and percentiles of durations in seconds.

    Returns:
        ``count``, ``total_seconds``, ``min_seconds``, ``max_seconds``, ``avg_seconds``, ``p50_seconds``,
        ``p95_seconds`` and ``p99_seconds``. The mean is the correctly rounded sum by the count. A percentile is the
        smallest duration that so many percent do not exceed, never between two. Without durations all but the count
        and the sum are ``None``.
    """
    ordered = sorted(durations)
    count, total = len(ordered), math.fsum(ordered)

    def percentile(share: float) -> float | None:
        return ordered[quantile_rank(share, count) - 1] if ordered else None

    return {
        "count": count,
        "total_seconds": total,
        "min_seconds": ordered[0] if ordered else None,
        "max_seconds": ordered[-1] if ordered else None,
        "avg_seconds": total / count if count else None,
        "p50_seconds": percentile(0.5),
        "p95_seconds": percentile(0.95),
        "p99_seconds": percentile(0.99),
    }
