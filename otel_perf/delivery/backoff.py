"""How long to wait before the next attempt."""

from collections.abc import Callable
from dataclasses import dataclass
from random import random

from otel_perf.core import clock

__all__ = ["Backoff", "Pause"]

MOST_DOUBLINGS = 32
"""Keeps the power small; any limit is reached long before."""


@dataclass(frozen=True, slots=True)
class Pause:
    """A pause between two attempts, on the monotonic clock.

    Attributes:
        end_ns: When it ends.
        asked: The destination has asked for it, so that nothing makes it shorter.
    """

    end_ns: int
    asked: bool

    def is_over(self, now_ns: int, deadline_ns: int | None, *, urged: bool) -> bool | None:
        """``True``: time for an attempt; ``False``: none will come before the deadline; ``None``: not yet."""
        if deadline_ns is not None and (now_ns >= deadline_ns or (self.asked and self.end_ns > deadline_ns)):
            return False
        return True if now_ns >= self.end_ns or (urged and not self.asked) else None

    def seconds_left(self, now_ns: int, deadline_ns: int | None) -> float:
        """Until it ends, or the deadline is there."""
        return max(0.0, (min(self.end_ns, deadline_ns or self.end_ns) - now_ns) / 1e9)


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with full jitter: a random part of a ceiling that doubles.

    Attributes:
        first_seconds: The ceiling after the first failure.
        longest_seconds: The ceiling never exceeds this.
        random: A number in [0, 1), drawn anew for each pause, so that many processes do not return at once.
    """

    first_seconds: float = 0.5
    longest_seconds: float = 30.0
    random: Callable[[], float] = random  # noqa: S311 -- no secret

    def pause_seconds(self, failures: int, at_least: float | None = None) -> float:
        """Seconds to wait after ``failures`` failures in a row (1 or more), no less than ``at_least``."""
        ceiling = min(self.longest_seconds, self.first_seconds * 2.0 ** min(failures - 1, MOST_DOUBLINGS))
        return self.random() * ceiling + (at_least or 0.0)

    def pause(self, failures: int, at_least: float | None = None) -> Pause:
        """That pause, beginning now; ``at_least`` is the destination's wish."""
        seconds = self.pause_seconds(failures, at_least)
        return Pause(clock.monotonic_ns() + int(seconds * 1e9), at_least is not None)
