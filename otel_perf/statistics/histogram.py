"""Explicit-bucket histograms as OpenTelemetry and Prometheus define them."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TypeAlias

Exemplar: TypeAlias = tuple[float, int, int, int]
"""(value, trace_id, span_id, time_unix_nano) of one measurement; a plain tuple because one is made per call."""


@dataclass(frozen=True, slots=True)
class HistogramSnapshot:
    """A histogram at one moment; the fields of an OTLP ``HistogramDataPoint``.

    Attributes:
        bounds: Upper bounds of the buckets, ascending; the last bucket has none.
        counts: One count per bucket, one more than there are bounds; not cumulative.
        count: Number of values.
        total: Sum of the values.
        min: Smallest value; None when empty.
        max: Largest value; None when empty.
        exemplars: The newest exemplar of each bucket that has one, lowest bucket first.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    count: int
    total: float
    min: float | None
    max: float | None
    exemplars: tuple[Exemplar, ...]

    def quantile_estimate(self, q: float) -> float | None:
        """Return what Prometheus' ``histogram_quantile`` makes of the buckets.

        The value is interpolated linearly within its bucket, the first bucket starting at 0 when its
        bound is positive. In the last bucket, which has no upper bound, the answer is the highest bound:
        then the true quantile is larger by an unknown amount. None when nothing can be said: no values,
        no bounds, or a quantile of 0 that falls into an empty bucket (Prometheus' NaN).

        Raises:
            ValueError: ``q`` is not within 0..1.
        """
        if not 0.0 <= q <= 1.0:
            raise ValueError(f"quantile must be within 0..1, not {q!r}")
        if not self.count or not self.bounds:
            return None
        rank = q * self.count
        reached = list(accumulate(self.counts))
        bucket = bisect_left(reached, rank)
        if bucket >= len(self.bounds):
            return self.bounds[-1]
        upper = self.bounds[bucket]
        if bucket == 0 and upper <= 0:
            return upper
        if not self.counts[bucket]:
            return None
        lower = self.bounds[bucket - 1] if bucket else 0.0
        below = reached[bucket - 1] if bucket else 0
        return lower + (upper - lower) * (rank - below) / self.counts[bucket]


class BucketHistogram:
    """Counts of values between fixed bounds: bucket ``i`` holds ``bounds[i-1] < value <= bounds[i]``.

    The unit is the caller's (OpenTelemetry: seconds). NaN and infinities belong to no bucket and would
    spoil the sum; they are left out and counted in ``not_finite``.

    Memory: some 10 bytes per bucket, and one exemplar tuple per bucket that was given one.

    Not locked: one thread adds; others read a ``snapshot()`` that was taken under the owner's lock.

    Attributes:
        bounds: Upper bounds of all buckets but the last.
        counts: One count per bucket, not cumulative.
        total: Sum of all values.
        not_finite: Number of values that were left out.
    """

    __slots__ = ("_exemplars", "_max", "_min", "bounds", "counts", "not_finite", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        """Start empty.

        Raises:
            ValueError: The bounds are not finite or do not rise strictly.
        """
        finite = all(math.isfinite(bound) for bound in bounds)
        if not finite or any(a >= b for a, b in pairwise(bounds)):
            raise ValueError(f"histogram bounds must be finite and rise strictly, not {bounds!r}")
        self.bounds = bounds
        self._exemplars: dict[int, Exemplar] = {}
        self.not_finite = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but ``not_finite``: the next interval of delta temporality begins."""
        self.counts = [0] * (len(self.bounds) + 1)
        self.total = 0.0
        self._min = math.inf
        self._max = -math.inf
        self.clear_exemplars()

    def clear_exemplars(self) -> None:
        """Forget the exemplars: each belongs to one collection interval only."""
        self._exemplars.clear()

    def add(self, value: float, exemplar: Exemplar | None = None) -> None:
        """Count one value; ``exemplar`` replaces an older one of the same bucket."""
        # The difference is NaN, and so unequal to 0, for NaN and both infinities.
        if value - value != 0.0:
            self.not_finite += 1
            return
        bucket = bisect_left(self.bounds, value)
        self.counts[bucket] += 1
        self.total += value
        if value < self._min:  # noqa: PLR1730 - a call of min() costs three times as much
            self._min = value
        if value > self._max:  # noqa: PLR1730
            self._max = value
        if exemplar is not None:
            kept = self._exemplars.get(bucket)
            if kept is None or exemplar[3] >= kept[3]:
                self._exemplars[bucket] = exemplar

    def merge(self, other: BucketHistogram) -> None:
        """Take in everything that ``other`` holds; ``other`` stays as it is.

        Raises:
            ValueError: The bounds differ.
        """
        if other.bounds != self.bounds:
            raise ValueError(f"histograms with bounds {self.bounds} and {other.bounds} cannot be merged")
        self.counts = [a + b for a, b in zip(self.counts, other.counts, strict=True)]
        self.total += other.total
        self.not_finite += other.not_finite
        self._min = min(self._min, other._min)
        self._max = max(self._max, other._max)
        for bucket, exemplar in other._exemplars.items():
            kept = self._exemplars.get(bucket)
            if kept is None or exemplar[3] >= kept[3]:
                self._exemplars[bucket] = exemplar

    @property
    def count(self) -> int:
        """Number of values counted."""
        return sum(self.counts)

    @property
    def min(self) -> float | None:
        """Smallest value; None when empty."""
        return self._min if self._min <= self._max else None

    @property
    def max(self) -> float | None:
        """Largest value; None when empty."""
        return self._max if self._min <= self._max else None

    @property
    def exemplars(self) -> dict[int, Exemplar]:
        """The newest exemplar by bucket number; a copy."""
        return dict(self._exemplars)

    def snapshot(self) -> HistogramSnapshot:
        """Return the present state, which later values do not change."""
        return HistogramSnapshot(
            bounds=self.bounds,
            counts=tuple(self.counts),
            count=self.count,
            total=self.total,
            min=self.min,
            max=self.max,
            exemplars=tuple(self._exemplars[bucket] for bucket in sorted(self._exemplars)),
        )

    def quantile_estimate(self, q: float) -> float | None:
        """Return the interpolated quantile; see ``HistogramSnapshot.quantile_estimate``."""
        return self.snapshot().quantile_estimate(q)
