"""What lies in the spool for destinations that nobody sends to any more: kept for a while, then removed and told."""

import contextlib
from typing import Final

from otel_perf.core import clock
from otel_perf.core.guard import logger
from otel_perf.delivery.shelf import Shelf
from otel_perf.delivery.spool_folder import SpoolFolder

__all__ = ["discard_strangers"]

MARGIN: Final = 2
"""Nobody's segments are kept twice as long as one's own: the address may have been changed by mistake."""


def discard_strangers(folder: SpoolFolder, max_age_seconds: float) -> int:
    """Remove what ended processes have left for destinations unknown to this one, when it is old; the items.

    Only whole folders go, whose newest segment is older than twice ``max_age_seconds`` by the file's date.
    """
    gone = 0
    for key in folder.strange_keys():
        for shelf in folder.orphans(key):
            gone += _discard(shelf, max_age_seconds)
            shelf.close()
    if gone:
        logger.warning("otel_perf: %d spooled items for destinations that are not set any more are too old", gone)
    return gone


def _discard(shelf: Shelf, max_age_seconds: float) -> int:
    gone = 0
    with contextlib.suppress(OSError):
        entries = shelf.contents().entries
        oldest_allowed_ns = clock.monotonic_ns() - int(MARGIN * max_age_seconds * 1e9)
        if all(entry.stored_ns < oldest_allowed_ns for entry in entries):
            for entry in entries:
                shelf.remove(entry.name)
                gone += entry.name.items
    return gone
