"""How much of a call its children cover: the union of their intervals."""

from __future__ import annotations

from bisect import bisect_right

MAX_INTERVALS = 256
"""Disjoint intervals kept one by one for one call: 20 kB at most."""

_NOTHING_SEALED = -(1 << 64)


class ChildTime:
    """Union of the intervals ``[start_ns, end_ns)`` of one call's children.

    Parallel children overlap and are counted once: self time is duration minus ``covered_ns``. A child
    that outlives its parent has not ended when the parent does; feed it as ``(start, parent's end)``.

    Children fed in the order of their ends cost amortised constant time; any other order gives the same
    result and costs a search. At most ``max_intervals`` disjoint intervals are kept: beyond, the older
    half becomes one span of time of which only the covered length is known. That stays exact unless a
    later child began inside this span (or a parent's bound cuts through it): then the child is assumed to
    have filled the span's gaps first, so that covered time may be too long, never too short, and
    ``approximate`` is set.

    Attributes:
        approximate: Whether ``covered_ns`` may be too long.
    """

    __slots__ = (
        "_ends",
        "_max_intervals",
        "_sealed_covered",
        "_sealed_end",
        "_sealed_start",
        "_starts",
        "approximate",
    )

    def __init__(self, max_intervals: int = MAX_INTERVALS) -> None:
        """Start with no child.

        Args:
            max_intervals: Number of disjoint intervals to keep, at least 1.
        """
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._max_intervals = max_intervals
        self._sealed_start = _NOTHING_SEALED
        self._sealed_end = _NOTHING_SEALED
        self._sealed_covered = 0
        self.approximate = False

    def add(self, start_ns: int, end_ns: int) -> None:
        """Take in one child; an empty interval changes nothing."""
        if start_ns < self._sealed_end:
            self._add_sealed(start_ns, end_ns)
            start_ns = self._sealed_end
        if end_ns <= start_ns:
            return
        ends = self._ends
        if ends and start_ns <= ends[-1]:
            self._unite(start_ns, end_ns)
        else:
            self._starts.append(start_ns)
            ends.append(end_ns)
        if len(ends) > self._max_intervals:
            self._seal()

    def covered_ns(self, start_ns: int, end_ns: int) -> int:
        """Return how many of the nanoseconds in ``[start_ns, end_ns)`` some child covers."""
        if end_ns <= start_ns:
            return 0
        covered = self._sealed_within(start_ns, end_ns)
        for i in range(bisect_right(self._ends, start_ns), len(self._ends)):
            if self._starts[i] >= end_ns:
                break
            covered += min(self._ends[i], end_ns) - max(self._starts[i], start_ns)
        return covered

    def __len__(self) -> int:
        """Return the number of disjoint intervals that are kept."""
        return len(self._ends)

    def _unite(self, start_ns: int, end_ns: int) -> None:
        """Replace all intervals that this one touches by their union."""
        starts, ends = self._starts, self._ends
        if end_ns >= ends[-1] and (len(ends) == 1 or ends[-2] < start_ns):
            # Parallel children, fed by end: only the last interval grows.
            ends[-1] = end_ns
            starts[-1] = min(starts[-1], start_ns)
            return
        first = len(ends)
        while first and ends[first - 1] >= start_ns:
            first -= 1
        beyond = bisect_right(starts, end_ns, lo=first)
        if first < beyond:
            start_ns = min(start_ns, starts[first])
            end_ns = max(end_ns, ends[beyond - 1])
        starts[first:beyond] = [start_ns]
        ends[first:beyond] = [end_ns]

    def _seal(self) -> None:
        """Give up the older half of the intervals, keeping the length they cover."""
        older = (len(self._ends) + 1) // 2
        if self._sealed_end == _NOTHING_SEALED:
            self._sealed_start = self._starts[0]
        self._sealed_covered += sum(self._ends[:older]) - sum(self._starts[:older])
        self._sealed_end = self._ends[older - 1]
        del self._starts[:older]
        del self._ends[:older]

    def _add_sealed(self, start_ns: int, end_ns: int) -> None:
        """Account for the part of an interval that lies before the end of the sealed span."""
        length = self._sealed_end - self._sealed_start
        gaps = length - self._sealed_covered
        inside = max(0, min(end_ns, self._sealed_end) - max(start_ns, self._sealed_start))
        before = max(0, min(end_ns, self._sealed_start) - start_ns)
        self._sealed_covered += before + min(inside, gaps)
        if before:
            self._sealed_start = start_ns
        if gaps and 0 < inside < length:
            self.approximate = True

    def _sealed_within(self, start_ns: int, end_ns: int) -> int:
        """Return how much of the sealed span's covered length may lie in ``[start_ns, end_ns)``."""
        length = self._sealed_end - self._sealed_start
        visible = max(0, min(end_ns, self._sealed_end) - max(start_ns, self._sealed_start))
        if 0 < visible < length and self._sealed_covered < length:
            self.approximate = True
        return min(visible, self._sealed_covered)
