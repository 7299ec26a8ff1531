"""Rate limits per key, for threads and tasks: a token bucket and a sliding window.

>>> from otel_perf.optimize.rate_limiter import TokenBucket
>>> mails = TokenBucket("mails", rate_per_second=10, capacity=10)
>>> bool(mails.try_acquire("alice"))
True
>>> @mails.limit(timeout_seconds=2.0)
... def send(text: str) -> str:
...     return "sent"
>>> send("hello")
'sent'
"""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from threading import RLock
from typing import Final

from otel_perf.core import clock
from otel_perf.optimize.object_tallies import object_tallies
from otel_perf.optimize.rate_allowance import Allowance, BucketAllowance, WindowAllowance
from otel_perf.optimize.rate_limited import Limit, RateLimitedError
from otel_perf.optimize.rate_tally import RateLimitStatistics, RateTally

__all__ = ["Decision", "RateLimitedError", "RateLimiter", "SlidingWindow", "TokenBucket"]

SECOND_NS: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Decision:
    """What a limiter decided. True when the caller may go on.

    Attributes:
        allowed: Whether the caller may go on.
        retry_after_seconds: When a refused caller may try again, by what is known now; 0 for an allowed one,
            infinite when it asks for more than there can ever be.
        waited_seconds: How long an allowed caller was made to wait.
        remaining: What is left to be spent at once.
    """

    allowed: bool
    retry_after_seconds: float = 0.0
    waited_seconds: float = 0.0
    remaining: float = 0.0

    def __bool__(self) -> bool:
        """Whether the caller may go on."""
        return self.allowed


@dataclass(frozen=True, slots=True)
class _Turn:
    """Strictly private: a place in the row of a key."""

    allowance: Allowance
    booking: object
    asked_ns: int
    turn_ns: int


class RateLimiter(ABC):
    """What all limiters have. Whoever waits is served in the order of asking, and is never overtaken.

    Each key has an allowance of its own; without a key all callers share one. The least recently used keys are given
    up beyond ``max_keys``; one whose allowance was not whole again gets a new one if it comes back, which is counted.

    Attributes:
        name: Its name in the metrics.
        capacity: The most that can be spent at once.
    """

    def __init__(self, name: str, capacity: float, max_keys: int, now_ns: Callable[[], int]) -> None:
        """Refuse what cannot be, and know no key.

        Raises:
            ValueError: ``capacity`` is not above 0, or ``max_keys`` is below 1.
        """
        if not 0 < capacity < math.inf:
            raise ValueError(f"a limit is above 0, not {capacity}")
        if max_keys < 1:
            raise ValueError(f"max_keys is at least 1, not {max_keys}")
        self.name: Final = name
        self.capacity: Final = capacity
        self._max_keys = max_keys
        self._now_ns = now_ns
        self._allowances: OrderedDict[Hashable, Allowance] = OrderedDict()
        self._lock = RLock()
        self._tally = RateTally(name, self._lock)
        object_tallies.add(self, self._tally)

    @abstractmethod
    def _new_allowance(self) -> Allowance:
        """The whole allowance of a new key."""

    # -- deciding ------------------------------------------------------------------------------------------------

    def try_acquire(self, key: Hashable = None, cost: float = 1) -> Decision:
        """Go on now, or not at all.

        Args:
            key: Whose allowance; ``None`` is a key too.
            cost: How much is spent. Below 0 it counts as 0.
        """
        found = self._ask(key, cost, 0.0)
        return found if isinstance(found, Decision) else self._allow(found)

    def acquire(self, key: Hashable = None, cost: float = 1, *, timeout_seconds: float | None = None) -> Decision:
        """Go on, if need be after a wait on this thread.

        Args:
            key: Whose allowance.
            cost: How much is spent.
            timeout_seconds: The longest wait; ``None`` for as long as it takes. Who would have to wait longer is
                refused at once.
        """
        found = self._ask(key, cost, timeout_seconds)
        if isinstance(found, Decision):
            return found
        try:
            while (left_ns := found.turn_ns - self._now_ns()) > 0:
                self._sleep(left_ns / SECOND_NS)
        except BaseException:
            self._give_back(found)
            raise
        return self._allow(found)

    async def aacquire(
        self, key: Hashable = None, cost: float = 1, *, timeout_seconds: float | None = None
    ) -> Decision:
        """The same without holding up the event loop.

        A task that is cancelled while it waits has spent nothing, unless somebody has lined up behind it: then its
        turn goes unused.
        """
        found = self._ask(key, cost, timeout_seconds)
        if isinstance(found, Decision):
            return found
        try:
            while (left_ns := found.turn_ns - self._now_ns()) > 0:
                await self._sleep_in_task(left_ns / SECOND_NS)
        except BaseException:
            self._give_back(found)
            raise
        return self._allow(found)

    def limit(
        self,
        key: Hashable | Callable[..., Hashable] = None,
        cost: float = 1,
        *,
        timeout_seconds: float | None = 0.0,
    ) -> Limit:
        """A decorator, and a ``with`` or ``async with`` block, that raises ``RateLimitedError`` where it is refused.

        Args:
            key: Whose allowance; a callable makes the key out of the arguments of a decorated function.
            cost: How much each call or block spends.
            timeout_seconds: The longest wait; ``None`` for as long as it takes.
        """
        return Limit(self, key, cost, timeout_seconds)

    def _ask(self, key: Hashable, cost: float, timeout_seconds: float | None) -> Decision | _Turn:
        """A turn that is booked, or a refusal."""
        asked_ns = self._now_ns()
        cost = max(0, cost)
        with self._lock:
            allowance = self._allowance(key, asked_ns)
            retry_after = math.inf
            if cost <= self.capacity:
                turn_ns = allowance.turn_ns(asked_ns, cost)
                retry_after = (turn_ns - asked_ns) / SECOND_NS
                if retry_after <= 0 or timeout_seconds is None or retry_after <= timeout_seconds:
                    turn = _Turn(allowance, allowance.book(turn_ns, cost), asked_ns, turn_ns)
                    self._tally.check_times.add(self._now_ns() - asked_ns)
                    return turn
            self._tally.denied += 1
            remaining = allowance.remaining(asked_ns)
            self._tally.check_times.add(self._now_ns() - asked_ns)
        return Decision(allowed=False, retry_after_seconds=retry_after, remaining=remaining)

    def _allow(self, turn: _Turn) -> Decision:
        with self._lock:
            self._tally.allowed += 1
            waited_ns = 0
            if turn.turn_ns > turn.asked_ns:
                waited_ns = self._now_ns() - turn.asked_ns
                self._tally.wait_times.add(waited_ns)
            remaining = turn.allowance.remaining(max(turn.turn_ns, turn.asked_ns))
        return Decision(allowed=True, waited_seconds=waited_ns / SECOND_NS, remaining=remaining)

    def _give_back(self, turn: _Turn) -> None:
        with self._lock:
            turn.allowance.give_back(turn.booking)

    def _allowance(self, key: Hashable, now_ns: int) -> Allowance:
        found = self._allowances.get(key)
        if found is not None:
            self._allowances.move_to_end(key)
            return found
        while len(self._allowances) >= self._max_keys:
            _, oldest = self._allowances.popitem(last=False)
            if not oldest.is_whole(now_ns):
                self._tally.forgotten += 1
        found = self._allowances[key] = self._new_allowance()
        self._tally.keys = len(self._allowances)
        return found

    # -- looking at it -------------------------------------------------------------------------------------------

    def remaining(self, key: Hashable = None) -> float:
        """What ``key`` may spend at once, now; this is no decision."""
        with self._lock:
            found = self._allowances.get(key)
            return self.capacity if found is None else found.remaining(self._now_ns())

    def reset(self, key: Hashable = None) -> None:
        """Give ``key`` its whole allowance back."""
        with self._lock:
            self._allowances.pop(key, None)
            self._tally.keys = len(self._allowances)

    def stats(self) -> RateLimitStatistics:
        """Decisions, waits and keys since the limiter was made."""
        return self._tally.statistics()

    def __repr__(self) -> str:
        """Its name and what it has decided."""
        found = self.stats()
        return f"<{type(self).__name__} {self.name!r}: {found.allowed} allowed, {found.denied} denied>"

    # -- what a test or another clock replaces ---------------------------------------------------------------------

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def _sleep_in_task(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def after_fork_in_child(self) -> None:
        """Strictly private: a lock of its own for a forked child, which has a copy of all allowances."""
        self._lock = self._tally.lock = RLock()


class TokenBucket(RateLimiter):
    """At most ``capacity`` at once, and ``rate_per_second`` in the long run: capacity + rate * t in every t seconds."""

    def __init__(
        self,
        name: str,
        *,
        rate_per_second: float,
        capacity: float | None = None,
        max_keys: int = 10_000,
        now_ns: Callable[[], int] = clock.monotonic_ns,
    ) -> None:
        """Make a limiter whose buckets are full.

        Args:
            name: Label of its metrics.
            rate_per_second: How much comes back each second.
            capacity: The most that can be spent at once; by default what comes back in one second, at least 1.
            max_keys: Keys that are kept count of.
            now_ns: Monotonic nanoseconds.

        Raises:
            ValueError: A rate or a limit is not above 0, or ``max_keys`` is below 1.
        """
        if not 0 < rate_per_second < math.inf:
            raise ValueError(f"a rate is above 0, not {rate_per_second}")
        self.rate_per_second: Final = rate_per_second
        super().__init__(name, max(1, rate_per_second) if capacity is None else capacity, max_keys, now_ns)

    def _new_allowance(self) -> Allowance:
        return BucketAllowance(self.rate_per_second, self.capacity)


class SlidingWindow(RateLimiter):
    """At most ``limit`` in every ``window_seconds``, wherever that window begins."""

    def __init__(
        self,
        name: str,
        *,
        limit: float,
        window_seconds: float,
        max_keys: int = 10_000,
        now_ns: Callable[[], int] = clock.monotonic_ns,
    ) -> None:
        """Make a limiter whose windows are empty.

        Args:
            name: Label of its metrics.
            limit: The most that can be spent within the window. As many times are remembered for each key.
            window_seconds: Length of the window.
            max_keys: Keys that are kept count of.
            now_ns: Monotonic nanoseconds.

        Raises:
            ValueError: A limit or the window is not above 0, or ``max_keys`` is below 1.
        """
        if not 0 < window_seconds < math.inf:
            raise ValueError(f"a window is above 0 seconds, not {window_seconds}")
        self.window_seconds: Final = window_seconds
        super().__init__(name, limit, max_keys, now_ns)

    def _new_allowance(self) -> Allowance:
        return WindowAllowance(self.capacity, max(1, round(self.window_seconds * SECOND_NS)))
