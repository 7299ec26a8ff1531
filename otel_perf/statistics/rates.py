"""How often and how many at once: sliding-window rates and the number of calls in flight."""

from __future__ import annotations

from array import array

WINDOW_SECONDS = 60
"""Default window: long enough for a tool called a few times a minute, short enough to follow a burst."""

_SECOND_NS = 1_000_000_000


class RateWindow:
    """Calls and errors of the last seconds, in one slot per second, and since the start.

    All times are nanoseconds of one monotonic clock. The window at a moment reaches back over the
    running second and the ``window_seconds - 1`` whole ones before it. Rates are divided by the time
    really observed: while the window is not yet full, the time since the first call (or ``started_ns``).

    Memory: 16 bytes per second of the window.

    Attributes:
        calls_total: All calls since the start, whatever their age.
        errors_total: All errors since the start.
    """

    __slots__ = ("_calls", "_errors", "_second", "_size", "_slot", "_started_ns", "calls_total", "errors_total")

    def __init__(self, window_seconds: int = WINDOW_SECONDS, started_ns: int | None = None) -> None:
        """Start empty.

        Args:
            window_seconds: Length of the window, at least 2.
            started_ns: When observation began; None for the moment of the first call.
        """
        self._size = window_seconds
        self._calls = array("Q", bytes(8 * window_seconds))
        self._errors = array("Q", bytes(8 * window_seconds))
        self._second: int | None = None
        self._slot = 0
        self._started_ns = started_ns
        self.calls_total = 0
        self.errors_total = 0

    def add(self, now_ns: int, errors: int = 0) -> None:
        """Count one call that ended at ``now_ns``, and the ``errors`` (0 or 1) it brought.

        A call older than the newest goes into its own second; older than the window, only into the totals.
        """
        self.calls_total += 1
        second = now_ns // _SECOND_NS
        if second == self._second:
            slot = self._slot
            self._calls[slot] += 1
        else:
            slot = self._move_to(second, now_ns)
            if slot >= 0:
                self._calls[slot] += 1
        if errors:
            self.errors_total += errors
            if slot >= 0:
                self._errors[slot] += errors

    def calls_in_window(self, now_ns: int) -> int:
        """Return the number of calls in the window that ends at ``now_ns``."""
        return self._sum(self._calls, now_ns)

    def errors_in_window(self, now_ns: int) -> int:
        """Return the number of errors in the window that ends at ``now_ns``."""
        return self._sum(self._errors, now_ns)

    def observed_seconds(self, now_ns: int) -> float:
        """Return how much of the window that ends at ``now_ns`` has been observed, in seconds."""
        if self._started_ns is None:
            return 0.0
        window_start_ns = (now_ns // _SECOND_NS - self._size + 1) * _SECOND_NS
        return max(0, now_ns - max(self._started_ns, window_start_ns)) / _SECOND_NS

    def rate_per_second(self, now_ns: int) -> float | None:
        """Return calls per second in the window; None before one second has been observed."""
        return self._rate(self._calls, now_ns)

    def error_rate_per_second(self, now_ns: int) -> float | None:
        """Return errors per second in the window; None before one second has been observed."""
        return self._rate(self._errors, now_ns)

    def merge(self, other: RateWindow) -> None:
        """Take in another window that was fed from the same clock; ``other`` stays as it is.

        Raises:
            ValueError: The windows are of different length.
        """
        if other._size != self._size:
            raise ValueError(f"windows of {self._size} and {other._size} seconds cannot be merged")
        self.calls_total += other.calls_total
        self.errors_total += other.errors_total
        started = [moment for moment in (self._started_ns, other._started_ns) if moment is not None]
        self._started_ns = min(started, default=None)
        newest = other._second
        if newest is None:
            return
        # Oldest last: the first step moves this window on, the others fall into it or are too old.
        for second in range(newest, newest - self._size, -1):
            slot = self._move_to(second, second * _SECOND_NS)
            if slot >= 0:
                self._calls[slot] += other._calls[second % self._size]
                self._errors[slot] += other._errors[second % self._size]

    def copy(self) -> RateWindow:
        """Return an independent copy."""
        twin = RateWindow(self._size, self._started_ns)
        twin._calls = self._calls[:]
        twin._errors = self._errors[:]
        twin._second = self._second
        twin._slot = self._slot
        twin.calls_total = self.calls_total
        twin.errors_total = self.errors_total
        return twin

    def _rate(self, slots: array[int], now_ns: int) -> float | None:
        observed = self.observed_seconds(now_ns)
        return self._sum(slots, now_ns) / observed if observed >= 1.0 else None

    def _sum(self, slots: array[int], now_ns: int) -> int:
        if self._second is None:
            return 0
        # Seconds since the newest slot have no slot yet; as many of the oldest have left the window.
        gone = max(0, now_ns // _SECOND_NS - self._second)
        return sum(slots[(self._slot - age) % self._size] for age in range(self._size - gone))

    def _move_to(self, second: int, now_ns: int) -> int:
        """Return the slot of a second, making it the newest if it is; -1 when it has left the window."""
        if self._second is None:
            self._second, self._slot = second, second % self._size
            if self._started_ns is None:
                self._started_ns = now_ns
        elif second > self._second:
            for skipped in range(max(self._second + 1, second - self._size + 1), second + 1):
                self._calls[skipped % self._size] = 0
                self._errors[skipped % self._size] = 0
            self._second, self._slot = second, second % self._size
        elif second <= self._second - self._size:
            return -1
        return second % self._size


class ConcurrencyGauge:
    """Number of calls in flight, now and at most.

    Starts and ends must come in the order of their times; starts fed ahead of earlier ends raise the peak.

    Attributes:
        current: Calls in flight.
        peak: Largest ``current`` so far.
        unmatched: Ends without a start (the start was not seen); they leave ``current`` at 0.
    """

    __slots__ = ("current", "peak", "unmatched")

    def __init__(self) -> None:
        """Start with nothing in flight."""
        self.current = 0
        self.peak = 0
        self.unmatched = 0

    def enter(self) -> None:
        """A call started."""
        self.current += 1
        if self.current > self.peak:  # noqa: PLR1730 - a call of max() costs three times as much
            self.peak = self.current

    def leave(self) -> None:
        """A call ended."""
        if self.current:
            self.current -= 1
        else:
            self.unmatched += 1

    def merge(self, other: ConcurrencyGauge) -> None:
        """Add what ``other`` has in flight.

        The peaks of two gauges need not have met, so the peak becomes the largest number that certainly
        occurred: either peak, or both present numbers together.
        """
        self.current += other.current
        self.peak = max(self.peak, other.peak, self.current)
        self.unmatched += other.unmatched

    def copy(self) -> ConcurrencyGauge:
        """Return an independent copy."""
        twin = ConcurrencyGauge()
        twin.current = self.current
        twin.peak = self.peak
        twin.unmatched = self.unmatched
        return twin
