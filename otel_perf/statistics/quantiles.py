"""Quantiles of durations in bounded memory: exact while few, within 1 % after."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any

from otel_perf.statistics.log_buckets import (
    BUCKET_COUNT,
    MAX_VALUE,
    RELATIVE_ERROR,
    SIGNIFICANT_BITS,
    BucketCounts,
    bucket_middle,
    bucket_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

EXACT_LIMIT = 512
"""Values kept one by one before buckets take over: 4 kB, about what the buckets need."""

FORMAT_VERSION = 1
"""Version of ``to_dict``; rises when an older reader could misread the content."""

_CHUNK = 4096
_OCTAVE_BITS = SIGNIFICANT_BITS - 1

# q * n in floats may end just above a whole number (0.07 * 100); without slack the rank is one off.
_RANK_SLACK = 1.0 - 2.0**-50


def quantile_rank(q: float, count: int) -> int:
    """Return which of ``count`` sorted values (1 = the smallest) is the quantile ``q``.

    The rule is numpy's ``inverted_cdf``: the smallest value that at least ``q * count`` of all
    values do not exceed, rank ``max(1, ceil(q * count))``. The result is always a value that
    occurred; nothing is interpolated.

    Raises:
        ValueError: ``q`` is not within 0..1.
    """
    if not 0.0 <= q <= 1.0:
        raise ValueError(f"quantile must be within 0..1, not {q!r}")
    return min(count, max(1, math.ceil(q * count * _RANK_SLACK)))


class DurationSketch:
    """Distribution of durations in nanoseconds, from 0 to 2**63.

    Up to ``exact_limit`` values are kept as they are and every answer is exact. With the next one
    all go into logarithmic buckets: count, total, minimum and maximum stay exact, quantiles are
    off by at most ``relative_error`` (0.78 %) of the true value. Merging two sketches gives the
    very sketch that all values together would have given.

    Memory: at most 8 bytes per kept value (4 kB at the default limit), then 4 bytes per bucket
    between the smallest and the largest value: 0.25 kB per doubling, 15 kB for the whole range,
    twice that if one bucket counts more than 2**32 - 1.

    A value below 0 or above 2**63 cannot be a duration; it enters as the nearest bound and is
    counted in ``clamped``.

    Not locked: one thread adds; others read a ``copy()`` that was taken under the owner's lock.
    Reading never changes a sketch.
    """

    __slots__ = ("_buckets", "_exact_limit", "_max", "_min", "_total", "_values", "clamped")

    def __init__(self, exact_limit: int = EXACT_LIMIT) -> None:
        """Start empty.

        Args:
            exact_limit: Number of values up to which the sketch stays exact.
        """
        self._exact_limit = exact_limit
        self._values: array[int] | None = array("Q")
        self._buckets = BucketCounts()
        self._total = 0
        self._min = MAX_VALUE + 1
        self._max = -1
        self.clamped = 0

    def add(self, value_ns: int) -> None:
        """Take in one duration."""
        # The bounds first: only a new one can lie outside the covered buckets or the valid range.
        if value_ns < self._min or value_ns > self._max:
            value_ns = self._stretch(value_ns)
        self._total += value_ns
        if self._values is not None:
            self._values.append(value_ns)
            if len(self._values) > self._exact_limit:
                self._leave_exact()
            return
        buckets = self._buckets
        shift = value_ns.bit_length() - SIGNIFICANT_BITS
        bucket = (shift << _OCTAVE_BITS) + (value_ns >> shift) if shift > 0 else value_ns
        try:
            buckets.counts[bucket - buckets.offset] += 1
        except OverflowError:
            buckets.add(bucket, 1)

    def add_many(self, values: Iterable[int]) -> None:
        """Take in many durations, faster than one by one."""
        iterator = iter(values)
        while chunk := list(islice(iterator, _CHUNK)):
            if min(chunk) < 0 or max(chunk) > MAX_VALUE:
                chunk = [self._clamp(value) for value in chunk]
            self._stretch(min(chunk))
            self._stretch(max(chunk))
            self._total += sum(chunk)
            self._take(chunk)

    def merge(self, other: DurationSketch) -> None:
        """Take in everything that ``other`` holds; ``other`` stays as it is."""
        if not other.count:
            return
        if other is self:
            self.merge(self.copy())
            return
        self.clamped += other.clamped
        self._total += other._total
        self._stretch(other._min)
        self._stretch(other._max)
        if other._values is not None:
            self._take(other._values)
            return
        self._leave_exact()
        for bucket, count in other._buckets.filled():
            self._buckets.add(bucket, count)

    def quantile(self, q: float) -> float | None:
        """Return the quantile ``q`` (0..1) in nanoseconds, None when nothing was added.

        See ``quantile_rank`` for the rule. Quantiles 0 and 1 are always exact.

        Raises:
            ValueError: ``q`` is not within 0..1.
        """
        return self.quantiles((q,))[0]

    def quantiles(self, qs: Sequence[float]) -> list[float | None]:
        """Return several quantiles in nanoseconds with one pass; like ``quantile`` for each."""
        in_order = sorted(self._values) if self._values is not None else []
        reached = list(accumulate(self._buckets.counts))
        count = reached[-1] if reached else len(in_order)
        ranks = [quantile_rank(q, count) for q in qs]
        if not count:
            return [None] * len(ranks)
        if in_order:
            return [float(in_order[rank - 1]) for rank in ranks]
        return [self._value_at(rank, reached) for rank in ranks]

    @property
    def count(self) -> int:
        """Number of values added."""
        return sum(self._buckets.counts) if self._values is None else len(self._values)

    @property
    def total_ns(self) -> int:
        """Sum of all values, exact."""
        return self._total

    @property
    def min_ns(self) -> int | None:
        """Smallest value, exact; None when empty."""
        return self._min if self._max >= 0 else None

    @property
    def max_ns(self) -> int | None:
        """Largest value, exact; None when empty."""
        return self._max if self._max >= 0 else None

    @property
    def mean_ns(self) -> float | None:
        """Arithmetic mean, exact up to float rounding; None when empty."""
        count = self.count
        return self._total / count if count else None

    @property
    def exact(self) -> bool:
        """Whether every value is still kept, so that quantiles are exact."""
        return self._values is not None

    @property
    def relative_error(self) -> float:
        """Guaranteed bound on a quantile's error, as a fraction of the true value."""
        return 0.0 if self._values is not None else RELATIVE_ERROR

    @property
    def size_bytes(self) -> int:
        """Memory of the stored numbers, without the objects around them (about 0.4 kB)."""
        counts = self._buckets.counts
        kept = len(self._values) * 8 if self._values is not None else 0
        return len(counts) * counts.itemsize + kept

    def copy(self) -> DurationSketch:
        """Return an independent copy."""
        twin = DurationSketch(self._exact_limit)
        twin._values = None if self._values is None else self._values[:]
        twin._buckets = self._buckets.copy()
        twin._total = self._total
        twin._min = self._min
        twin._max = self._max
        twin.clamped = self.clamped
        return twin

    def to_dict(self) -> dict[str, Any]:
        """Return the content as plain JSON values.

        Keys: ``version``, ``exact_limit``, ``clamped``; while exact ``values`` (nanoseconds, as
        added), else ``buckets`` (pairs of bucket number and count, see ``log_buckets``) with
        ``total_ns``, ``min_ns``, ``max_ns``.
        """
        head = {"version": FORMAT_VERSION, "exact_limit": self._exact_limit}
        head["clamped"] = self.clamped
        if self._values is not None:
            return {**head, "values": self._values.tolist()}
        return {
            **head,
            "total_ns": self._total,
            "min_ns": self._min,
            "max_ns": self._max,
            "buckets": [list(pair) for pair in self._buckets.filled()],
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> DurationSketch:
        """Rebuild a sketch from ``to_dict``.

        Raises:
            ValueError: The content is of another version or not a sketch.
        """
        version = data.get("version")
        if version != FORMAT_VERSION:
            raise ValueError(f"sketch version {version!r} is not {FORMAT_VERSION}")
        try:
            return cls._restore(data)
        except (KeyError, TypeError, OverflowError) as error:
            raise ValueError(f"not a sketch: {error!r}") from error

    def __eq__(self, other: object) -> bool:
        """Compare the content, whatever order the values came in."""
        if not isinstance(other, DurationSketch):
            return NotImplemented
        return self._content() == other._content()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        """Name count and exactness, for logs and test failures."""
        return f"DurationSketch(count={self.count}, total_ns={self._total}, exact={self.exact})"

    def _content(self) -> tuple[object, ...]:
        kept = None if self._values is None else sorted(self._values)
        buckets = tuple(self._buckets.filled())
        return (kept, buckets, self._total, self._min, self._max, self.clamped)

    @classmethod
    def _restore(cls, data: Mapping[str, Any]) -> DurationSketch:
        sketch = cls(int(data["exact_limit"]))
        if "values" in data:
            sketch.add_many(data["values"])
        else:
            sketch._fill(data)
        sketch.clamped = int(data["clamped"])
        return sketch

    def _fill(self, data: Mapping[str, Any]) -> None:
        self._values = None
        self._total = int(data["total_ns"])
        self._min = int(data["min_ns"])
        self._max = int(data["max_ns"])
        for bucket, count in data["buckets"]:
            if not 0 <= bucket < BUCKET_COUNT:
                raise ValueError(f"bucket {bucket!r} is not within 0..{BUCKET_COUNT - 1}")
            self._buckets.add(bucket, count)
        # The bounds are what add() relies on to find its bucket covered.
        if not 0 <= self._min <= self._max <= MAX_VALUE:
            raise ValueError(f"min_ns {self._min} and max_ns {self._max} are no bounds")
        self._buckets.cover(bucket_of(self._min), bucket_of(self._max))

    def _clamp(self, value: int) -> int:
        if 0 <= value <= MAX_VALUE:
            return value
        self.clamped += 1
        return 0 if value < 0 else MAX_VALUE

    def _stretch(self, value: int) -> int:
        """Let the bounds include a value; return it as it may be stored."""
        value = self._clamp(value)
        self._min = min(self._min, value)
        self._max = max(self._max, value)
        if self._values is None:
            self._buckets.cover(bucket_of(self._min), bucket_of(self._max))
        return value

    def _take(self, values: Sequence[int]) -> None:
        """Store values that the bounds and the total already include."""
        if self._values is None:
            self._buckets.tally(values)
            return
        self._values.extend(values)
        if len(self._values) > self._exact_limit:
            self._leave_exact()

    def _leave_exact(self) -> None:
        values = self._values
        if values is None:
            return
        self._values = None
        self._buckets.cover(bucket_of(self._min), bucket_of(self._max))
        self._buckets.tally(values)

    def _value_at(self, rank: int, reached: list[int]) -> float:
        """Return the middle of a rank's bucket, kept within the bounds; the bounds themselves at the ends."""
        low, high = float(self._min), float(self._max)
        if rank == 1:
            return low
        if rank == reached[-1]:
            return high
        return min(max(bucket_middle(self._buckets.offset + bisect_left(reached, rank)), low), high)
