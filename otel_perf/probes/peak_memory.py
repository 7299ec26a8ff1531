"""Resident memory around an operation: before, after, and the peak with the way it was found."""

import sys
from typing import Final, NamedTuple

from otel_perf.probes.memory_sampler import MemorySampler, Watch, sampler
from otel_perf.probes.resident_memory import HIGH_WATER_NAME, Resident, read_resident, reset_high_water

__all__ = ["MemoryUse", "OpenMemory"]

UNREADABLE: Final = "the operating system does not say the process's memory"
UNSEEN: Final = "the operation ended before the sampler's first look (5 ms), below an earlier peak of the process"
NOT_RESET: Final = "the high-water mark was not reset: another measure is open, or the system does not allow it"


class MemoryUse(NamedTuple):
    """What is known of an operation's memory. The process's, so what other threads did meanwhile is in it.

    Attributes:
        before_bytes: Resident memory before.
        after_bytes: Resident memory after.
        peak_bytes: Highest resident memory meanwhile.
        method: How the peak was found: the name of the high-water mark when it rose (or was reset), else ``sampler``.
        note: Why the peak is absent, or was not found as asked for.
    """

    before_bytes: int | None
    after_bytes: int | None
    peak_bytes: int | None
    method: str | None
    note: str | None = None


class OpenMemory:
    """Memory of an operation that runs."""

    __slots__ = ("_before", "_note", "_reset", "_sampler", "_watch")

    def __init__(self, *, reset_peak: bool = False, watcher: MemorySampler = sampler) -> None:
        """Read the memory before.

        Args:
            reset_peak: Reset the high-water mark first, so that it is exact for this operation. It resets
                ``ru_maxrss`` for the whole process, so it is not done while another measure is open.
            watcher: The sampler.
        """
        self._sampler = watcher
        self._reset = (
            reset_peak and sys.platform.startswith("linux") and not watcher.open_watches and reset_high_water()
        )
        self._note = NOT_RESET if reset_peak and not self._reset else None
        self._watch: Watch = watcher.open()
        self._before: Resident = read_resident()

    def close(self) -> MemoryUse:
        """Read the memory after."""
        after = read_resident()
        self._sampler.close(self._watch)
        before, seen = self._before, self._watch.highest_bytes
        if before.rss_bytes is None or after.rss_bytes is None:
            return MemoryUse(before.rss_bytes, after.rss_bytes, None, None, UNREADABLE)
        ends = (before.rss_bytes, after.rss_bytes)
        old_mark, mark = before.high_water_bytes, after.high_water_bytes
        if mark is not None and self._reset:
            return MemoryUse(*ends, mark, f"{HIGH_WATER_NAME} reset")
        if mark is not None and old_mark is not None and mark > old_mark:
            return MemoryUse(*ends, mark, HIGH_WATER_NAME, self._note)
        if seen is not None:
            return MemoryUse(*ends, max(seen, *ends), "sampler", self._note)
        return MemoryUse(*ends, None, None, UNSEEN)
