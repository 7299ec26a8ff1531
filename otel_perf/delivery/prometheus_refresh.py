"""The values behind the metrics page: collected on a thread of their own, so that the page never waits for them.

A request asks for values newer than itself. When they do not come in time, it is answered with the last ones and
their age.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from opentelemetry.sdk.metrics.export import MetricsData

from otel_perf.core import clock
from otel_perf.core.background import background_thread
from otel_perf.core.guard import guard
from otel_perf.delivery.prometheus_names import FamilyNames
from otel_perf.delivery.prometheus_text import Families, gather, render

__all__ = ["CollectedPage", "Refresher"]

THREAD_NAME: Final = "otel_perf-prometheus-collect"

PAUSE_PER_COST: Final = 4
"""Pause between two collections, in units of what the last one took: many scrapers take a fifth of a core at most."""
LONGEST_PAUSE_NS: Final = 300_000_000


class CollectedPage:
    """One collection, written in the formats that were asked for.

    Attributes:
        collected_ns: Monotonic time at which the collection began.
        stale: Instruments whose callback has not returned, and the age of their values in seconds.
    """

    def __init__(self, families: Families, collected_ns: int, stale: Mapping[str, float]) -> None:
        """Hold the values; nothing is written yet."""
        self._families = families
        self._bodies: dict[str, bytes] = {}
        self.collected_ns = collected_ns
        self.stale = stale

    def body(self, content_type: str) -> bytes:
        """The page in one format; written once."""
        body = self._bodies.get(content_type)
        if body is None:
            body = self._bodies[content_type] = render(self._families, content_type)
        return body


class Refresher:
    """Collects when asked, never twice at a time, and keeps the last page."""

    def __init__(
        self, source: Callable[[], MetricsData], stale: Callable[[], Mapping[str, float]], done: Callable[[], None]
    ) -> None:
        """Hold what is called on the thread of this object.

        Args:
            source: Collects; it may take as long as it likes.
            stale: Instruments whose values are old, and how old in seconds.
            done: Told after each collection.
        """
        self._source = source
        self._stale = stale
        self._done = done
        self._names = FamilyNames()
        self.page: CollectedPage | None = None
        self._begin()

    def _begin(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._wanted: set[str] = set()
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = background_thread(partial(self._run, self._changed), THREAD_NAME)
        self._thread.start()

    def ask(self, content_type: str) -> None:
        """Have a page made whose collection begins after this moment."""
        with self._changed:
            self._wanted.add(content_type)
            self._changed.notify_all()

    def _run(self, mine: threading.Condition) -> None:
        """Collect until closed. A thread whose condition was replaced outlived its page in a hanging collection."""
        pause_until_ns = clock.monotonic_ns()
        while (wanted := self._next_wanted(mine, pause_until_ns)) is not None:
            begun = clock.monotonic_ns()
            page = guard.call("prometheus.collect", self._collect, begun, wanted)
            if self._changed is not mine:
                return
            self.page = page or self.page
            ended = clock.monotonic_ns()
            pause_until_ns = ended + min(LONGEST_PAUSE_NS, PAUSE_PER_COST * (ended - begun))
            self._done()

    def _next_wanted(self, mine: threading.Condition, pause_until_ns: int) -> set[str] | None:
        """Wait for a request and for the end of the pause; the formats asked for, ``None`` when closed."""
        with mine:
            while not self._closed and self._changed is mine:
                rest_ns = pause_until_ns - clock.monotonic_ns()
                if self._wanted and rest_ns <= 0:
                    wanted, self._wanted = self._wanted, set()
                    return wanted
                mine.wait(rest_ns / 1e9 if self._wanted else None)
            return None

    def _collect(self, begun_ns: int, wanted: set[str]) -> CollectedPage:
        families = gather(self._source(), self._names)
        page = CollectedPage(families, begun_ns, self._stale())
        for content_type in wanted:
            page.body(content_type)
        return page

    def close(self, timeout_seconds: float) -> None:
        """Stop; a collection that hangs is left behind on its daemon thread."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout_seconds)

    def forget(self) -> None:
        """Begin anew without values: after ``close()``, and in a forked child, which has no thread."""
        self.page = None
        self._begin()
