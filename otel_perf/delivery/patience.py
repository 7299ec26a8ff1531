"""Which of the waiting segments is tried next, so that one which never gets through does not block the rest."""

from collections.abc import Sequence
from typing import Final

from otel_perf.core import clock
from otel_perf.delivery.shelf import Entry

__all__ = ["Patience"]

ENOUGH_FAILURES: Final = 5
ENOUGH_NS: Final = 60 * 1_000_000_000
"""In an outage the oldest is tried again and again. Only after that many attempts and that long is another one tried
in its place, to see whether it is the destination that fails or the segment."""
MOST_PASSED_OVER: Final = 3
"""A segment past which others got through that often is hopeless."""


class Patience:
    """Judges the oldest segment by its own attempts and by what became of others in between."""

    def __init__(self) -> None:
        """Nothing was tried."""
        self._doubtful: Entry | None = None
        self._stepped_aside = False

    def choose(self, entries: Sequence[Entry]) -> Entry | None:
        """The next one to try; ``None`` when there is none, or when something that is not spooled is to be tried."""
        head = entries[0] if entries else None
        if head is None or head is not self._doubtful:
            return head
        if len(entries) > 1:
            return entries[1]
        self._stepped_aside = not self._stepped_aside
        return None if self._stepped_aside else head

    def fail(self, entry: Entry) -> bool:
        """An attempt failed; ``True`` when the segment is hopeless."""
        now = clock.monotonic_ns()
        if self._doubtful is not None and entry is not self._doubtful:
            self._trust()  # the other one fails too: it is the destination
        entry.failures += 1
        entry.first_failed_ns = now if entry.first_failed_ns is None else entry.first_failed_ns
        if entry.passed_over >= MOST_PASSED_OVER:
            return True
        if entry.failures >= ENOUGH_FAILURES and now - entry.first_failed_ns >= ENOUGH_NS:
            self._doubtful = entry
        return False

    def succeed(self) -> None:
        """Something else got through: if the oldest was passed over for it, it is its turn again."""
        if self._doubtful is not None:
            self._doubtful.passed_over += 1
            self._doubtful.failures = ENOUGH_FAILURES - 1
            self._doubtful = None

    def _trust(self) -> None:
        if self._doubtful is not None:
            self._doubtful.failures = 0
            self._doubtful.passed_over = 0
            self._doubtful = None

    def forget(self, entry: Entry) -> None:
        """The entry is gone."""
        if entry is self._doubtful:
            self._doubtful = None
