"""The bucket scheme of the duration sketch: integers to buckets of at most 1/64 relative width.

A value is described by its highest seven binary digits and by how many digits follow them. Values
below 128 have a bucket each; above, every power of two is cut into 64 equal buckets. Only integer
operations are used, so the scheme has no rounding of its own and is the same on every machine.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

SIGNIFICANT_BITS = 7
"""Leading binary digits that a bucket keeps; 7 is the fewest that stay within 1 %."""

BUCKETS_PER_OCTAVE = 1 << (SIGNIFICANT_BITS - 1)

MAX_VALUE = 1 << 63
"""The largest value with a bucket: 292 years in nanoseconds."""

RELATIVE_ERROR = 1 / (2 * BUCKETS_PER_OCTAVE)
"""Farthest a value can be from the middle of its bucket, as a fraction of the value: 0.78 %."""


def bucket_of(value: int) -> int:
    """Return the bucket number of a value in 0..``MAX_VALUE``."""
    shift = value.bit_length() - SIGNIFICANT_BITS
    return (shift << (SIGNIFICANT_BITS - 1)) + (value >> shift) if shift > 0 else value


def bucket_middle(bucket: int) -> float:
    """Return the middle of a bucket, at most ``RELATIVE_ERROR`` away from all values in it."""
    shift = bucket // BUCKETS_PER_OCTAVE - 1
    if shift <= 0:
        return float(bucket)
    lowest = (bucket - shift * BUCKETS_PER_OCTAVE) << shift
    return lowest + ((1 << shift) - 1) / 2


BUCKET_COUNT = bucket_of(MAX_VALUE) + 1
"""Number of buckets: 3,713, so the counts take at most 15 kB (30 kB past 2**32 values)."""


class BucketCounts:
    """Counts per bucket, stored for the used range only.

    Attributes:
        offset: Number of the bucket that ``counts[0]`` belongs to.
        counts: One unsigned counter per bucket; 4 bytes each, 8 once one has passed 2**32 - 1.
    """

    __slots__ = ("counts", "offset")

    def __init__(self) -> None:
        """Start with no bucket."""
        self.offset = 0
        self.counts = array("I")

    def cover(self, lowest: int, highest: int) -> None:
        """Make room for all buckets from ``lowest`` to ``highest``, in whole octaves."""
        first = lowest - lowest % BUCKETS_PER_OCTAVE
        end = highest - highest % BUCKETS_PER_OCTAVE + BUCKETS_PER_OCTAVE
        if not self.counts:
            self.offset = first
        before = max(0, self.offset - first)
        after = max(0, end - self.offset - len(self.counts))
        if before:
            self.counts = self._zeros(before) + self.counts
            self.offset = first
        if after:
            self.counts.extend(self._zeros(after))

    def widen(self) -> None:
        """Use 8 bytes per counter from now on."""
        self.counts = array("Q", self.counts)

    def add(self, bucket: int, count: int) -> None:
        """Add to one bucket, whether or not it is covered yet."""
        if not 0 <= bucket - self.offset < len(self.counts):
            self.cover(bucket, bucket)
        try:
            self.counts[bucket - self.offset] += count
        except OverflowError:
            self.widen()
            self.counts[bucket - self.offset] += count

    def tally(self, values: Iterable[int]) -> None:
        """Count values that lie in covered buckets."""
        counts = self.counts
        offset = self.offset
        drop = SIGNIFICANT_BITS
        octave = SIGNIFICANT_BITS - 1
        for value in values:
            shift = value.bit_length() - drop
            bucket = (shift << octave) + (value >> shift) if shift > 0 else value
            try:
                counts[bucket - offset] += 1
            except OverflowError:
                self.widen()
                counts = self.counts
                counts[bucket - offset] += 1

    def filled(self) -> Iterator[tuple[int, int]]:
        """Yield (bucket number, count) of the buckets that hold something, lowest first."""
        return ((self.offset + i, count) for i, count in enumerate(self.counts) if count)

    def copy(self) -> BucketCounts:
        """Return an independent copy."""
        twin = BucketCounts()
        twin.offset = self.offset
        twin.counts = self.counts[:]
        return twin

    def _zeros(self, length: int) -> array[int]:
        return array(self.counts.typecode, bytes(self.counts.itemsize * length))
