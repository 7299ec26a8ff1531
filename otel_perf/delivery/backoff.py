"""How long to wait before the next attempt."""

from collections.abc import Callable
from dataclasses import dataclass
from random import random

__all__ = ["Backoff"]

MOST_DOUBLINGS = 32
"""Keeps the power small; any limit is reached long before."""


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
