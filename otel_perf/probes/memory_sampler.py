"""One thread that looks at resident memory every few milliseconds while a measure is open, and ends with the last.

It is needed where the operating system's high-water mark does not help: a peak below an earlier one leaves no trace.
"""

import os
import threading
from typing import Final

from otel_perf.core.background import background_thread
from otel_perf.probes.resident_memory import read_rss

__all__ = ["PERIOD_SECONDS", "MemorySampler", "Watch", "sampler"]

PERIOD_SECONDS: Final = 0.005
"""Between two looks; one costs some 6 us, so 0.1 % of a core. A busy interpreter makes it later."""
IDLE_LOOKS: Final = 10
"""The thread waits so many periods for the next measure before it ends: starting one costs some 90 us."""


class Watch:
    """What was seen while one measure was open.

    Attributes:
        highest_bytes: Highest resident memory seen; ``None`` before the first look.
        looks: How often it was looked at.
    """

    __slots__ = ("highest_bytes", "looks")

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self.highest_bytes: int | None = None
        self.looks = 0

    def see(self, rss_bytes: int) -> None:
        """Take one reading in."""
        self.looks += 1
        if self.highest_bytes is None or rss_bytes > self.highest_bytes:
            self.highest_bytes = rss_bytes


class MemorySampler:
    """The shared sampler. ``open`` and ``close`` hold a lock for a few list operations, never for a reading."""

    def __init__(self, period_seconds: float = PERIOD_SECONDS) -> None:
        """No thread before the first ``open``."""
        self._period_seconds = period_seconds
        self._forget()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._watches: list[Watch] = []
        self._thread: threading.Thread | None = None
        self._end = threading.Event()

    @property
    def open_watches(self) -> int:
        """Measures that are being watched."""
        return len(self._watches)

    @property
    def running(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None

    def open(self) -> Watch:
        """Watch from now on. Without a thread (none can be started) the watch sees nothing."""
        watch = Watch()
        with self._lock:
            self._watches.append(watch)
            if self._thread is None:
                self._start()
        return watch

    def _start(self) -> None:
        thread = background_thread(self._run, "otel_perf-memory")
        try:
            thread.start()
        except RuntimeError:
            return
        self._thread = thread

    def close(self, watch: Watch) -> None:
        """Watch no longer."""
        with self._lock:
            if watch in self._watches:
                self._watches.remove(watch)

    def _run(self) -> None:
        idle = 0
        while idle < IDLE_LOOKS or not self._may_end():
            self._end.wait(self._period_seconds)
            idle = idle + 1 if self.look() == 0 else 0

    def _may_end(self) -> bool:
        """Whether nothing is open; the thread is then no longer ours. In one step with ``open``, by the lock."""
        with self._lock:
            if self._watches:
                return False
            self._thread = None
            return True

    def look(self) -> int:
        """Show the present resident memory to every open watch; how many there are."""
        watches = self._watches.copy()
        rss_bytes = read_rss() if watches else None
        if rss_bytes is not None:
            for watch in watches:
                watch.see(rss_bytes)
        return len(watches)

    def after_fork_in_child(self) -> None:
        """The thread did not come along, and the lock may be held: begin anew."""
        self._forget()


sampler: Final = MemorySampler()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=sampler.after_fork_in_child)
