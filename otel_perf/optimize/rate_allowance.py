"""What one key of a rate limiter may still do: two ways to count, in whole numbers. No lock, no clock.

Both book ahead: who has to wait gets a time, and everybody after him a later one. So nobody is overtaken, and nobody
wakes up in vain.
"""

from collections import deque
from math import ceil
from typing import Final, Protocol

__all__ = ["Allowance", "BucketAllowance", "WindowAllowance"]

PICO: Final = 1_000_000_000_000
PER_NS: Final = 1_000


class Allowance(Protocol):
    """The state of one key."""

    def turn_ns(self, now_ns: int, cost: float) -> int:
        """When ``cost`` may be spent: now, or monotonic nanoseconds to come."""
        ...

    def book(self, turn_ns: int, cost: float) -> object:
        """Spend it at its turn; what is returned can be given to ``give_back``."""
        ...

    def give_back(self, booking: object) -> None:
        """A turn will not be used. It is free again if nobody has booked after it; else it goes unused."""
        ...

    def is_whole(self, now_ns: int) -> bool:
        """Whether nothing is spent or booked, so that a new state is the same."""
        ...

    def remaining(self, now_ns: int) -> float:
        """What may be spent at once, now."""
        ...


class BucketAllowance:
    """A token bucket, kept as the time when it will be full (the generic cell rate algorithm).

    In every interval of t seconds at most ``capacity + rate * t`` is spent.
    """

    __slots__ = ("_capacity_ps", "_full_ps", "_token_ps")

    def __init__(self, rate_per_second: float, capacity: float) -> None:
        """Start full."""
        self._token_ps: Final = max(1, ceil(PICO / rate_per_second))
        self._capacity_ps: Final = int(capacity * self._token_ps)
        self._full_ps = 0

    def turn_ns(self, now_ns: int, cost: float) -> int:
        """See ``Allowance``."""
        now_ps = now_ns * PER_NS
        turn_ps = max(self._full_ps, now_ps) + ceil(cost * self._token_ps) - self._capacity_ps
        return now_ns if turn_ps <= now_ps else -(-turn_ps // PER_NS)

    def book(self, turn_ns: int, cost: float) -> tuple[int, int]:
        """See ``Allowance``. A bucket that has people waiting is not full before the last of them was served."""
        before_ps = self._full_ps
        self._full_ps = max(before_ps, turn_ns * PER_NS) + ceil(cost * self._token_ps)
        if before_ps > turn_ns * PER_NS:
            return before_ps, self._full_ps
        return turn_ns * PER_NS, self._full_ps

    def give_back(self, booking: object) -> None:
        """See ``Allowance``."""
        if isinstance(booking, tuple) and booking[1] == self._full_ps:
            self._full_ps = booking[0]

    def is_whole(self, now_ns: int) -> bool:
        """See ``Allowance``."""
        return self._full_ps <= now_ns * PER_NS

    def remaining(self, now_ns: int) -> float:
        """See ``Allowance``."""
        missing_ps = max(0, self._full_ps - now_ns * PER_NS)
        return max(0, self._capacity_ps - missing_ps) / self._token_ps


class WindowAllowance:
    """A sliding window: in every half-open interval of the window's length at most ``limit`` is spent.

    Keeps a pair of numbers for each time at which something was spent: at most ``limit`` where each spends 1 or more.
    """

    __slots__ = ("_limit", "_spent", "_used", "_window_ns")

    def __init__(self, limit: float, window_ns: int) -> None:
        """Start with nothing spent."""
        self._limit: Final = limit
        self._window_ns: Final = window_ns
        self._spent: deque[tuple[int, float]] = deque()
        self._used: float = 0

    def _forget_until(self, time_ns: int) -> list[tuple[int, float]]:
        """Leave out what will have left the window by then; what that was."""
        spent, gone = self._spent, []
        while spent and spent[0][0] + self._window_ns <= time_ns:
            gone.append(spent.popleft())
            self._used -= gone[-1][1]
        if not spent:
            self._used = 0  # fractions that were added and taken away do not always leave nothing
        return gone

    def _last_ns(self) -> int:
        return self._spent[-1][0] if self._spent else 0

    def turn_ns(self, now_ns: int, cost: float) -> int:
        """See ``Allowance``. What is booked before was made room for when it was booked: only ``cost`` needs some."""
        turn_ns = max(now_ns, self._last_ns())
        self._forget_until(now_ns)
        excess = self._used + cost - self._limit
        for time_ns, freed in self._spent:
            if excess <= 0:
                break
            turn_ns = max(turn_ns, time_ns + self._window_ns)
            excess -= freed
        return turn_ns

    def book(self, turn_ns: int, cost: float) -> object:
        """See ``Allowance``."""
        gone = self._forget_until(turn_ns)
        entry = (turn_ns, cost)
        self._spent.append(entry)
        self._used += cost
        return entry, gone

    def give_back(self, booking: object) -> None:
        """See ``Allowance``."""
        if isinstance(booking, tuple) and self._spent and self._spent[-1] is booking[0]:
            self._used -= self._spent.pop()[1]
            self._spent.extendleft(reversed(booking[1]))
            self._used += sum(cost for _, cost in booking[1])

    def is_whole(self, now_ns: int) -> bool:
        """See ``Allowance``."""
        self._forget_until(now_ns)
        return not self._spent

    def remaining(self, now_ns: int) -> float:
        """See ``Allowance``. Nothing, while somebody waits."""
        if self._last_ns() > now_ns:
            return 0
        self._forget_until(now_ns)
        return max(0, self._limit - self._used)
